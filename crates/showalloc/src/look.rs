//! One look at a cluster: whose addresses are whose, and what does not agree. The verdicts and the audit are those of the
//! Cleaner (`leak-judge`), with the difference that one look proves nothing: whoever looks dead is suspect, never dangling.
//! What could not be read is nobody's fault: where it matters nothing is suspected.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use danm_api::NetworkRef;
use danm_ipam::{AllocationMap, BitIndex, Claim, Family, State};
use leak_judge::{
    AddressBook, Anomaly, Audit, Bits, Endpoint, Judgement, Moment, NetworkId, NetworkLookup, Reporter,
    Rules, Slot, Source, Suspects, Verdict, World, anomalies, judge,
};

/// How much of a cluster was to be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// The only namespace whose Pods were seen, if not those of all.
    pub pods_of: Option<String>,
    /// The only namespace whose endpoints were seen, if not those of all.
    pub endpoints_of: Option<String>,
    /// The only namespace whose reservations were seen, if not those of all.
    pub reservations_of: Option<String>,
    /// The only namespace of whose networks all kinds were seen, if not of all. Says nothing of those without namespace.
    pub networks_of: Option<String>,
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
    flaws: Flaws,
    audit: Audit,
    rules: Rules,
    sight: &'a Sight,
    now: Moment,
}

/// The addresses that the audit told of.
#[derive(Debug, Default)]
struct Flaws {
    /// Those whose bit is missing in that array.
    missing: BTreeMap<NetworkId, BTreeSet<IpAddr>>,
    /// Those that are held twice, whichever the group of the network is.
    shared: BTreeMap<NetworkRef, BTreeSet<IpAddr>>,
}

// === impl Sight ===

impl Sight {
    fn shows_pods_of(&self, namespace: &str) -> bool {
        self.pods_of.as_deref().is_none_or(|seen| seen == namespace)
    }

    /// Whether everybody was seen who may hold an address of a network, or keep one.
    pub fn shows_all_of(&self, network: &NetworkRef) -> bool {
        [&self.endpoints_of, &self.reservations_of].into_iter().all(|seen| covers(seen.as_deref(), network))
    }

    /// Whether also the Pods of all of them were seen.
    fn shows_lives_on(&self, network: &NetworkRef) -> bool {
        self.shows_all_of(network) && covers(self.pods_of.as_deref(), network)
    }

    /// Whether a network would have been seen if it were there, as far as that is a matter of its namespace.
    fn shows_network(&self, network: &NetworkRef) -> bool {
        let seen = self.networks_of.as_deref();
        !network.kind.is_namespaced() || seen.is_none_or(|seen| *network.namespace == *seen)
    }
}

/// Whether everything about a network is in the namespace that was seen, if it was only one.
fn covers(seen: Option<&str>, network: &NetworkRef) -> bool {
    seen.is_none_or(|seen| network.kind.is_namespaced() && *network.namespace == *seen)
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

    /// The network object an endpoint names. What may be in a namespace that was not seen is not gone.
    pub fn network_of(&self, endpoint: &Endpoint) -> NetworkLookup<'a> {
        match self.world.network_of(endpoint) {
            NetworkLookup::Gone if !self.sight.shows_network(&endpoint.network) => {
                let namespace = &endpoint.network.namespace;
                NetworkLookup::Unusable(format!("networks of namespace {namespace} cannot be read"))
            }
            found => found,
        }
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
        // Whose the addresses are that are named by what cannot be understood cannot be told.
        let kept = self.world.reservations().on(&id.network).chain(self.world.unread_addresses());
        let kept: Vec<BitIndex> = kept.filter_map(|address| pool.bit_of(address)).collect();
        let mut map = AllocationMap::build(pool, &bits.alloc, claims.collect(), &kept);
        if !self.sight.shows_all_of(&id.network) || !self.has_read_claims(id) {
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
        let is_missing = || self.flaws.missing.get(id).is_some_and(|missing| missing.contains(&address));
        if is_audited && !is_set && !is_missing() {
            return Living::None;
        }
        let mut living = (0..slots.len()).filter(|index| !self.suspects.contains_key(&slots[*index]));
        let Some(first) = living.next() else { return Living::None };
        let is_shared = if is_audited {
            self.flaws.shared.get(&id.network).is_some_and(|shared| shared.contains(&address))
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
        self.sight.shows_lives_on(&id.network) && AddressBook::of(self.world, id).is_some()
    }

    /// Whether everything was read that may hold or keep an address.
    fn has_read_claims(&self, id: &NetworkId) -> bool {
        let (coverage, reservations) = (self.world.coverage(), Source::reservations());
        let has_reservations = !coverage.serves(reservations) || coverage.is_synced(reservations);
        coverage.is_synced(Source::endpoints(id.group)) && has_reservations
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

fn flaws(anomalies: &[Anomaly]) -> Flaws {
    let mut flaws = Flaws::default();
    for anomaly in anomalies {
        match anomaly {
            Anomaly::MissingBit(it) => {
                flaws.missing.entry(it.network.clone()).or_default().insert(it.address);
            }
            Anomaly::DuplicateAddress(it) => {
                flaws.shared.entry(it.network.network.clone()).or_default().insert(it.address);
            }
            _ => {}
        }
    }
    flaws
}
