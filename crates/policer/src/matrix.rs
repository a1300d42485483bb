//! Who reaches whom: every pair of places, tried with every probe, judged at both ends. How that looks is known to the views.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    num::NonZero,
    panic::resume_unwind,
    thread::{self, available_parallelism},
};

use policy_engine::{Direction, Engine, NamespacedName, Packet, Ruleset, Verdict, World, judge};

use crate::{
    document::ResultRow,
    inventory::Inventory,
    place::{Place, places},
    probe::Probe,
};

/// Every pair of places, and what becomes of the probes between them.
pub(crate) struct Matrix {
    /// What is tried.
    pub probes: Vec<Probe>,
    /// Who tries it, and with whom.
    pub places: Vec<Place>,
    /// Out of the first place of a pair, and into the second; for each pair and probe.
    egress: Vec<Option<Verdict>>,
    ingress: Vec<Option<Verdict>>,
}

/// What becomes of a connection at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    /// Where it leaves.
    pub egress: Verdict,
    /// Where it arrives.
    pub ingress: Verdict,
}

/// What becomes at a place of packets to and from an address, probe by probe: first out, then in.
struct Trial {
    here: usize,
    remote: IpAddr,
    verdicts: Vec<[Verdict; 2]>,
}

/// What judges a packet at a Pod.
trait Judge: Fn(&NamespacedName, &Packet) -> Verdict + Sync {}

impl<F: Fn(&NamespacedName, &Packet) -> Verdict + Sync> Judge for F {}

const DIRECTIONS: [Direction; 2] = [Direction::Egress, Direction::Ingress];

// === impl Ends ===

impl Ends {
    /// A connection needs both.
    pub(crate) fn verdict(self) -> Verdict {
        Verdict::from(self.egress.allows() && self.ingress.allows())
    }
}

// === impl Matrix ===

impl Matrix {
    /// Tries everything, by the policies as they are written.
    pub(crate) fn by_policies(inventory: &Inventory, probes: &[Probe]) -> Self {
        let world = inventory.world();
        Self::of(inventory, probes, &|pod, packet| judge(world, pod, packet).verdict)
    }

    /// Tries everything, by the rules that are made of the policies for the Pods at both ends.
    pub(crate) fn by_rulesets(inventory: &Inventory, probes: &[Probe]) -> Self {
        let rulesets = rulesets(inventory.world());
        Self::of(inventory, probes, &|pod, packet| {
            rulesets.get(pod).map_or(Verdict::Allow, |ruleset| ruleset.trace(packet))
        })
    }

    /// Tries everything.
    fn of(inventory: &Inventory, probes: &[Probe], judge: &impl Judge) -> Self {
        let places = places(inventory.world());
        let cells = vec![None; places.len() * places.len() * probes.len()];
        let mut matrix = Self { probes: probes.to_vec(), places, egress: cells.clone(), ingress: cells };
        let by_address = grouped(&matrix.places, |place| place.address);
        for trial in matrix.trials(&by_address.keys().copied().collect::<Vec<_>>(), judge) {
            matrix.enter(&trial, by_address.get(&trial.remote).map_or(&[], Vec::as_slice));
        }
        matrix
    }

    /// What becomes of a probe between two places; none if it cannot be tried.
    pub(crate) fn ends(&self, from: usize, to: usize, probe: usize) -> Option<Ends> {
        let index = self.index(from, to, probe);
        let (egress, ingress) = (self.egress.get(index)?, self.ingress.get(index)?);
        Some(Ends { egress: (*egress)?, ingress: (*ingress)? })
    }

    /// All that could be tried, in the order of its numbers.
    pub(crate) fn rows(&self) -> impl Iterator<Item = ResultRow> {
        let count = self.places.len();
        let pairs = (0..count).flat_map(move |from| (0..count).map(move |to| (from, to)));
        let all = pairs.flat_map(|(from, to)| (0..self.probes.len()).map(move |probe| (from, to, probe)));
        all.filter_map(|(from, to, probe)| {
            let ends = self.ends(from, to, probe)?;
            let [egress, ingress, verdict] = [ends.egress, ends.ingress, ends.verdict()].map(Verdict::name);
            Some(ResultRow { from, to, probe, egress, ingress, verdict })
        })
    }

    fn index(&self, from: usize, to: usize, probe: usize) -> usize {
        (probe * self.places.len() + from) * self.places.len() + to
    }

    /// A pair is two Pods and one family.
    fn is_pair(&self, here: usize, there: usize) -> bool {
        let (Some(here), Some(there)) = (self.places.get(here), self.places.get(there)) else { return false };
        here.pod != there.pod && here.address.is_ipv4() == there.address.is_ipv4()
    }

    /// All trials, those with one address after those with another, on all processors.
    fn trials(&self, remotes: &[IpAddr], judge: &impl Judge) -> Vec<Trial> {
        let pods = grouped(&self.places, |place| place.pod.clone());
        let share = remotes.len().div_ceil(available_parallelism().map_or(1, NonZero::get)).max(1);
        thread::scope(|scope| {
            let begin = |share: &'_ [IpAddr]| {
                let (share, pods) = (share.to_vec(), &pods);
                scope.spawn(move || -> Vec<Trial> {
                    share.into_iter().flat_map(|remote| self.facing(remote, pods, judge)).collect()
                })
            };
            let running: Vec<_> = remotes.chunks(share).map(begin).collect();
            let joined =
                running.into_iter().map(|one| one.join().unwrap_or_else(|panic| resume_unwind(panic)));
            joined.flatten().collect()
        })
    }

    /// The trials with one address, Pod by Pod.
    fn facing(
        &self,
        remote: IpAddr,
        pods: &BTreeMap<NamespacedName, Vec<usize>>,
        judge: &impl Judge,
    ) -> Vec<Trial> {
        let mut trials = Vec::new();
        for (pod, places) in pods {
            let of_family = places.iter().filter_map(|index| Some((*index, self.places.get(*index)?)));
            let of_family: Vec<(usize, &Place)> =
                of_family.filter(|(_, place)| place.address.is_ipv4() == remote.is_ipv4()).collect();
            trials.extend(of_family.into_iter().map(|(here, place)| {
                let judged = |packet: Option<Packet>| packet.map_or(Verdict::Deny, |it| judge(pod, &it));
                let verdicts = self.probes.iter().map(|probe| {
                    DIRECTIONS.map(|direction| judged(place.packet(direction, remote, probe.traffic())))
                });
                Trial { here, remote, verdicts: verdicts.collect() }
            }));
        }
        trials
    }

    /// What leaves here arrives there, and the other way round.
    fn enter(&mut self, trial: &Trial, there: &[usize]) {
        let pairs = there.iter().filter(|there| self.is_pair(trial.here, **there)).copied();
        for there in pairs.collect::<Vec<usize>>() {
            for (probe, [out, into]) in trial.verdicts.iter().enumerate() {
                let (leaving, arriving) =
                    (self.index(trial.here, there, probe), self.index(there, trial.here, probe));
                if let Some(cell) = self.egress.get_mut(leaving) {
                    *cell = Some(*out);
                }
                if let Some(cell) = self.ingress.get_mut(arriving) {
                    *cell = Some(*into);
                }
            }
        }
    }
}

/// The rulesets of all Pods that policies can be about, each made once.
fn rulesets(world: &World) -> BTreeMap<NamespacedName, Ruleset> {
    let mut engine = Engine::new(world.clone());
    world.pods().for_each(|(name, _)| engine.track(name));
    world.pods().filter_map(|(name, _)| Some((name.clone(), engine.ruleset(name)?))).collect()
}

/// The numbers of places by what they have in common.
fn grouped<K: Ord>(places: &[Place], key: impl Fn(&Place) -> K) -> BTreeMap<K, Vec<usize>> {
    let mut groups: BTreeMap<K, Vec<usize>> = BTreeMap::new();
    for (index, place) in places.iter().enumerate() {
        groups.entry(key(place)).or_default().push(index);
    }
    groups
}
