//! One look at a cluster: whose addresses are whose, and what does not agree. The verdicts and the audit are those of the
//! Cleaner (`leak-judge`), with the difference that one look proves nothing: whoever looks dead is suspect, never dangling.
//! What could not be read is nobody's fault: where it matters nothing is suspected.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use danm_api::NetworkRef;
use danm_ipam::{AllocationMap, Claim, Family, State};
use leak_judge::{
    AddressBook, AddressSpace, Anomaly, Audit, Bits, Endpoint, Judgement, Moment, NetworkId, Reporter, Rules,
    Slot, Source, Suspects, Verdict, World, anomalies, judge,
};

/// How much of a cluster was to be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// The only namespace whose Pods were seen, if not those of all.
    pub pods_of: Option<String>,
    /// The only namespace whose endpoints were seen, if not those of all.
    pub endpoints_of: Option<String>,
}

/// One look.
#[derive(Debug)]
pub struct Look<'a> {
    /// What was looked at.
    pub world: &'a World,
    /// What does not agree in the networks.
    pub anomalies: Vec<Anomaly>,
    /// Those who look dead, by their places.
    suspects: BTreeMap<Slot, Judgement>,
    flaws: BTreeMap<NetworkRef, Flaws>,
    audit: Audit,
    rules: Rules,
    sight: &'a Sight,
    now: Moment,
}

/// The addresses of a network that the audit told of.
#[derive(Debug, Default)]
struct Flaws {
    missing: BTreeSet<IpAddr>,
    shared: BTreeSet<IpAddr>,
}

// === impl Sight ===

impl Sight {
    fn shows_pods_of(&self, namespace: &str) -> bool {
        self.pods_of.as_deref().is_none_or(|seen| seen == namespace)
    }

    /// Whether everybody was seen who may be on a network.
    pub fn shows_all_of(&self, network: &NetworkRef) -> bool {
        let is_inside = |seen: &str| network.kind.is_namespaced() && *network.namespace == *seen;
        self.endpoints_of.as_deref().is_none_or(is_inside)
    }
}

// === impl Look ===

impl<'a> Look<'a> {
    /// Looks.
    pub fn at(world: &'a World, sight: &'a Sight, suspects: &Suspects, now: Moment) -> Self {
        let rules = Rules::default();
        let mut audit = judge(world, suspects, &rules, now);
        let is_seen = |slot: Slot| {
            world.endpoints().get(slot).is_some_and(|endpoint| sight.shows_pods_of(&endpoint.id.namespace))
        };
        audit.judgements.retain(|judgement| is_seen(judgement.slot));
        let mut anomalies = anomalies(world, &audit.judgements);
        anomalies.retain(|anomaly| {
            !matches!(anomaly, Anomaly::OrphanBits(_)) || sight.shows_all_of(&anomaly.network().network)
        });
        let dead = audit.judgements.iter().filter(|judgement| judgement.proof.verdict == Verdict::Dangling);
        let dead: BTreeMap<Slot, Judgement> = dead.map(|judgement| (judgement.slot, *judgement)).collect();
        let flaws = flaws(&anomalies);
        Self { world, anomalies, suspects: dead, flaws, audit, rules, sight, now }
    }

    /// Whether it could be judged who lives.
    pub fn is_judged(&self) -> bool {
        self.world.coverage().allows_verdicts()
    }

    /// What was judged, for the memory of since when.
    pub fn judgements(&self) -> &[Judgement] {
        &self.audit.judgements
    }

    /// Those who look dead.
    pub fn suspects(&self) -> impl Iterator<Item = (&'a Endpoint, &Judgement)> {
        let all = self.suspects.values();
        all.filter_map(|judgement| Some((self.world.endpoints().get(judgement.slot)?, judgement)))
    }

    /// Whether an address of an endpoint is marked as taken on its network.
    pub fn holds_something(&self, endpoint: &Endpoint) -> bool {
        let Some(record) = self.world.networks().get(&endpoint.network_id()) else { return false };
        endpoint.held().any(|address| match record.space(Family::of(address)) {
            AddressSpace::Bits(bits) => bits.pool.bit_of(address).is_some_and(|bit| bits.alloc.is_set(bit)),
            AddressSpace::None | AddressSpace::Broken { .. } => false,
        })
    }

    /// Why an endpoint looks dead, if it does: the reason of the Cleaner, and what was seen.
    pub fn suspicion(&self, slot: Slot) -> Option<Vec<String>> {
        let judgement = self.suspects.get(&slot)?;
        let reason = judgement.proof.reason.to_string();
        Some([reason].into_iter().chain(self.evidence(slot)).collect())
    }

    /// What was seen of an endpoint's Pod and machine.
    pub fn evidence(&self, slot: Slot) -> Vec<String> {
        let Some(endpoint) = self.world.endpoints().get(slot) else { return Vec::new() };
        if !self.is_judged() || !self.sight.shows_pods_of(&endpoint.id.namespace) {
            return Vec::new();
        }
        let verdict = if self.suspects.contains_key(&slot) { Verdict::Dangling } else { Verdict::Live };
        Reporter::new(self.world, &self.audit.hosts, &self.rules, self.now).evidence(endpoint, verdict)
    }

    /// The addresses of one family of a network.
    pub fn map(&self, id: &NetworkId, bits: &Bits) -> AllocationMap<Slot> {
        let pool = &bits.pool;
        let family = Family::of(pool.subnet().addr());
        let claims = self.world.endpoints().claims().on(&id.network);
        let claims = claims.filter(|(address, _)| Family::of(*address) == family);
        let claims = claims.filter_map(|(address, slots)| Some((address, pool.bit_of(address)?, slots)));
        let is_audited = self.is_audited(id);
        let claims = claims.flat_map(|(address, bit, slots)| {
            let living = self.living(id, address, (slots, bits.alloc.is_set(bit)), is_audited);
            slots.iter().enumerate().map(move |(index, slot)| Claim {
                bit,
                alive: living.is_alive(index),
                holder: *slot,
            })
        });
        let kept = self.world.reservations().on(&id.network).filter_map(|address| pool.bit_of(address));
        let mut map = AllocationMap::build(pool, &bits.alloc, claims.collect(), &kept.collect::<Vec<_>>());
        if !self.sight.shows_all_of(&id.network) || !self.has_read_endpoints(id) {
            // Whoever cannot be seen may hold them.
            let unclaimed =
                map.runs.iter_mut().filter(|run| run.state == State::Leaked && run.holders.is_empty());
            unclaimed.for_each(|run| run.state = State::Allocated);
        }
        map
    }

    /// Which of the claimants of an address count as its living holders: one where the audit has no objection to
    /// several, and none where DANM has cleared the bit on the way to deleting the endpoint.
    fn living(
        &self,
        id: &NetworkId,
        address: IpAddr,
        (slots, is_set): (&[Slot], bool),
        is_audited: bool,
    ) -> Living {
        let flaws = self.flaws.get(&id.network);
        if is_audited && !is_set && !flaws.is_some_and(|flaws| flaws.missing.contains(&address)) {
            return Living::None;
        }
        let mut living = (0..slots.len()).filter(|index| !self.suspects.contains_key(&slots[*index]));
        let Some(first) = living.next() else { return Living::None };
        let is_shared = if is_audited {
            flaws.is_some_and(|flaws| flaws.shared.contains(&address))
        } else {
            slots.len() > 1 && self.are_of_several_pods(slots)
        };
        if is_shared { Living::Some([first].into_iter().chain(living).collect()) } else { Living::One(first) }
    }

    fn are_of_several_pods(&self, slots: &[Slot]) -> bool {
        let living = slots.iter().filter(|slot| !self.suspects.contains_key(slot));
        let endpoints = living.filter_map(|slot| self.world.endpoints().get(*slot));
        let pods: BTreeSet<(&str, &str)> =
            endpoints.map(|endpoint| (&*endpoint.id.namespace, &*endpoint.pod)).collect();
        pods.len() > 1
    }

    fn is_audited(&self, id: &NetworkId) -> bool {
        self.sight.pods_of.is_none() && AddressBook::of(self.world, id).is_some()
    }

    fn has_read_endpoints(&self, id: &NetworkId) -> bool {
        self.world.coverage().is_synced(Source::endpoints(id.group))
    }
}

// === impl Living ===

/// Which of the claimants of an address count, by their numbers: nearly always the only one.
enum Living {
    None,
    One(usize),
    Some(Vec<usize>),
}

impl Living {
    fn is_alive(&self, index: usize) -> bool {
        match self {
            Self::None => false,
            Self::One(living) => *living == index,
            Self::Some(living) => living.contains(&index),
        }
    }
}

fn flaws(anomalies: &[Anomaly]) -> BTreeMap<NetworkRef, Flaws> {
    let mut flaws: BTreeMap<NetworkRef, Flaws> = BTreeMap::new();
    for anomaly in anomalies {
        let of_network = || anomaly.network().network.clone();
        match anomaly {
            Anomaly::MissingBit(it) => {
                flaws.entry(of_network()).or_default().missing.insert(it.address);
            }
            Anomaly::DuplicateAddress(it) => {
                flaws.entry(of_network()).or_default().shared.insert(it.address);
            }
            _ => {}
        }
    }
    flaws
}
