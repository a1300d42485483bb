//! The memory of the upkeep of address books: what did not agree at the last look, since when, and what was done and
//! told about it. What follows from it is decided in `state/upkeep.rs`.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use leak_judge::{
    Anomaly, AnomalyKind, Holder, MendingRules, MissingBit, Moment, NetworkId, Rules, Sightings, Uid,
    Version, World, ripening,
};

use super::status::AnomalyStatus;

/// How many of a kind are named to people.
const NAMED: usize = 5;

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    pub(super) sightings: Sightings,
    /// What was found at the last look.
    pub(super) found: Vec<Anomaly>,
    /// What of it is no passing state.
    lasting: Vec<Anomaly>,
    /// Whether there was a look since something was listed.
    has_looked: bool,
    /// When time alone will make something ripe.
    next_ripe: Option<Moment>,
    /// Networks in which something was ripe at the last look.
    pub(super) ripe: BTreeSet<NetworkId>,
    /// Addresses that were allocated at the last look, and those of them that nobody claimed.
    pub(super) allocated: usize,
    pub(super) orphans: usize,
    /// Bits without endpoints cleared in this audit interval.
    freed: usize,
    /// Endpoints that were found alive by reads, at which version and when.
    confirmed: HashMap<Uid, (Version, Moment)>,
    asked: HashSet<Uid>,
    /// Whether all endpoints are being read, and when that may be done again.
    pub(super) is_listing: bool,
    pub(super) may_list_at: Option<Moment>,
    /// Networks that refused to be written, and why: a single pass does not come back to them.
    pub(super) refused: HashMap<NetworkId, String>,
    /// Bits set again since the last report.
    pub(super) mended: Vec<MissingBit>,
    /// What the last Event of each network was about.
    told: BTreeMap<NetworkId, u64>,
}

/// What does not agree in a network, to be told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inconsistency {
    /// The network.
    pub network: NetworkId,
    /// Its uid.
    pub uid: String,
    /// How much it is; zero where all agrees again.
    pub total: usize,
    /// The first of it, for people.
    pub examples: Vec<String>,
}

// === impl Upkeep ===

impl Upkeep {
    /// Looks at all address books.
    pub(super) fn look(
        &mut self,
        found: Vec<Anomaly>,
        world: &World,
        (rules, mend): (&Rules, &MendingRules),
        now: Moment,
    ) {
        self.sightings.update(&found, world, now);
        self.lasting = self.sightings.lasting(&found, world, rules, now);
        self.ripe.clear();
        self.next_ripe = None;
        for (network, at) in ripening(&found, world, &self.sightings, mend) {
            if at <= now {
                self.ripe.insert(network.clone());
            } else {
                self.next_ripe = Some(self.next_ripe.map_or(at, |next| next.min(at)));
            }
        }
        self.allocated = leak_judge::AddressBook::all(world).map(leak_judge::AddressBook::allocated).sum();
        self.orphans = found.iter().filter(|it| it.kind() == AnomalyKind::OrphanBit).map(Anomaly::size).sum();
        self.found = found;
        self.has_looked = true;
    }

    /// Whether it is time to look, whatever happens.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        !self.has_looked || self.next_ripe.is_some_and(|next| next <= now)
    }

    /// There is more to be seen than at the last look.
    pub(super) const fn look_again(&mut self) {
        self.has_looked = false;
    }

    /// When time alone will change something.
    pub(super) fn next(&self, now: Moment) -> Option<Moment> {
        let next_list = self.may_list_at.filter(|_| !self.ripe.is_empty());
        self.next_ripe.into_iter().chain(next_list).filter(|next| *next > now).min()
    }

    /// What was seen before counts as nothing.
    pub(super) fn forget(&mut self) {
        let told = std::mem::take(&mut self.told);
        let mended = std::mem::take(&mut self.mended);
        let asked = std::mem::take(&mut self.asked);
        *self = Self { told, mended, asked, is_listing: self.is_listing, ..Self::default() };
    }

    /// An audit interval begins.
    pub(super) fn begin_interval(&mut self, now: Moment) {
        self.freed = 0;
        self.confirmed.retain(|_, (_, at)| now.since(*at) < super::state::CONFIRMED_FOR);
    }

    pub(super) const fn free(&mut self, bits: usize) {
        self.freed += bits;
    }

    /// Allocated addresses and those of nobody, with those that were freed in this interval.
    pub(super) const fn counted(&self) -> (usize, usize) {
        (self.allocated + self.freed, self.orphans + self.freed)
    }

    pub(super) fn confirm(&mut self, holder: &Holder, version: Version, now: Moment) {
        self.confirmed.insert(holder.uid.clone(), (version, now));
    }

    pub(super) fn is_confirmed(&self, holder: &Holder, now: Moment) -> bool {
        self.confirmed.get(&holder.uid).is_some_and(|(version, at)| {
            *version == holder.version && now.since(*at) < super::state::CONFIRMED_FOR
        })
    }

    pub(super) fn is_asked(&self, holder: &Holder) -> bool {
        self.asked.contains(&holder.uid)
    }

    pub(super) fn ask(&mut self, holders: &[Holder]) {
        self.asked.extend(holders.iter().map(|holder| holder.uid.clone()));
    }

    pub(super) fn answered(&mut self, holder: &Holder) {
        self.asked.remove(&holder.uid);
    }

    /// What is there, in short.
    pub(super) fn status(&self) -> BTreeMap<AnomalyKind, AnomalyStatus> {
        let mut status: BTreeMap<AnomalyKind, AnomalyStatus> = BTreeMap::new();
        for anomaly in &self.lasting {
            let of_kind = status.entry(anomaly.kind()).or_default();
            of_kind.count += anomaly.size();
            if of_kind.examples.len() < NAMED {
                of_kind.examples.push(format!("{}: {anomaly}", anomaly.network()));
            }
        }
        status
    }

    /// What is to be told of each network of which it was not told yet.
    pub(super) fn tell(&mut self, world: &World) -> Vec<Inconsistency> {
        let mut by_network: BTreeMap<&NetworkId, Vec<String>> = BTreeMap::new();
        for anomaly in &self.lasting {
            by_network.entry(anomaly.network()).or_default().push(anomaly.to_string());
        }
        let inconsistency = |network: &NetworkId, mut all: Vec<String>| {
            let uid = world.networks().get(network)?.uid.to_string();
            let total = all.len();
            all.truncate(NAMED);
            Some(Inconsistency { network: network.clone(), uid, total, examples: all })
        };
        // What was found and does not last yet may be what was told of before everything was out of sight.
        let found: BTreeSet<&NetworkId> = self.found.iter().map(Anomaly::network).collect();
        let agreeing = self.told.keys().filter(|network| !found.contains(network));
        let mut news: Vec<Inconsistency> =
            agreeing.filter_map(|network| inconsistency(network, Vec::new())).collect();
        self.told.retain(|network, _| found.contains(network));
        for (network, anomalies) in by_network {
            let what = hash(&anomalies);
            if self.told.insert(network.clone(), what) != Some(what) {
                news.extend(inconsistency(network, anomalies));
            }
        }
        news
    }
}

fn hash(anomalies: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    anomalies.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use danm_api::{ApiGroup, Change, NetworkKind};
    use leak_judge::{Observation, Source, anomalies};
    use testkit::objects;

    use super::*;

    const GROUP: ApiGroup = ApiGroup::DanmIo;

    /// A world with one network, whose address 10.0.0.9 may be nobody's.
    struct Scene {
        world: World,
        upkeep: Upkeep,
        now: Moment,
    }

    impl Scene {
        fn show(&mut self, version: u64, bits: &[u32]) {
            let network = objects::network(GROUP, NetworkKind::DanmNet, "ran", "n");
            let network = objects::with_bits(network, bits);
            let network = objects::with(network, "/metadata/resourceVersion", version.to_string());
            let network = serde_json::from_value(network).expect("a network");
            let change = Change::Apply(network);
            self.world.observe(Observation::Networks(GROUP, NetworkKind::DanmNet, change), self.now);
        }

        /// Looks, a window after the last time.
        fn told(&mut self) -> Vec<usize> {
            self.now = self.now + Duration::from_secs(60);
            let mend = MendingRules { missing_for: Duration::ZERO, orphan_for: None };
            let found = anomalies(&self.world, &[]);
            self.upkeep.look(found, &self.world, (&Rules::default(), &mend), self.now);
            self.upkeep.tell(&self.world).iter().map(|news| news.total).collect()
        }
    }

    #[test]
    fn what_does_not_agree_is_told_once_and_again_when_it_has_changed() {
        let networks = Source::networks(GROUP, NetworkKind::DanmNet);
        let world = World::expecting([Source::Pods, Source::endpoints(GROUP), networks]);
        let mut scene = Scene { world, upkeep: Upkeep::default(), now: Moment::START };
        let listed = [
            Observation::Pods(Change::Reset(vec![])),
            Observation::Endpoints(GROUP, Change::Reset(vec![])),
            Observation::Networks(GROUP, NetworkKind::DanmNet, Change::Reset(vec![])),
        ];
        listed.into_iter().for_each(|observation| scene.world.observe(observation, Moment::START));
        scene.show(1, &[9]);
        assert_eq!(scene.told(), [0; 0], "it may be an endpoint on its way");
        assert_eq!(scene.told(), [1]);
        assert_eq!(scene.told(), [0; 0]);
        scene.show(2, &[9, 20]);
        assert_eq!(scene.told(), [0; 0]);
        assert_eq!(scene.told(), [2]);
        scene.upkeep.forget();
        assert_eq!(scene.told(), [0; 0], "what was out of sight does not agree for that");
        assert_eq!(scene.told(), [0; 0]);
        scene.show(3, &[]);
        assert_eq!(scene.told(), [0], "all agrees again");
        assert_eq!(scene.told(), [0; 0]);
    }
}
