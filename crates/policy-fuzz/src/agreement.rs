//! Puts random packets before both judges, and random changes before an engine. Tells of the first disagreement, in objects
//! that anybody can try again.

use std::{
    collections::BTreeMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

use policy_engine::{
    Direction, Engine, Judgement, NamespacedName, Object, Packet, Ruleset, Traffic, Verdict, Why, World,
    judge,
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::Value;

use crate::{
    Mutant, Tally, feature,
    objects::{Change, Fate, Story, stories, worlds},
    packets::{is_first, packets},
};

/// That two judges do not agree.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// The Pod.
    pub pod: NamespacedName,
    /// The packet, if it is about one.
    pub packet: Option<Packet>,
    /// What the one says.
    pub expected: String,
    /// What the other says.
    pub got: String,
}

/// What came of many worlds.
#[derive(Debug)]
pub struct Survey {
    /// What was judged.
    pub tally: Tally,
    /// The first disagreement, and the objects of the smallest world that was found to show it.
    pub disagreement: Option<(Disagreement, Vec<Value>)>,
}

/// Judges packets in random worlds, until so many are judged or two judges do not agree.
pub fn survey(seed: u64, packets: u64, mutant: Option<Mutant>) -> Survey {
    let mut runner = runner(seed);
    let mut tally = Tally::default();
    let strategy = worlds();
    while tally.packets < packets {
        let Ok(mut tree) = strategy.new_tree(&mut runner) else { continue };
        let objects = tree.current();
        if let Err(found) = compare(&objects, mutant, &mut tally) {
            let check = |objects: &Vec<Value>| compare(objects, mutant, &mut Tally::default());
            let smallest = smallest(&mut tree, (found, objects), check);
            return Survey { tally, disagreement: Some(smallest) };
        }
    }
    Survey { tally, disagreement: None }
}

/// Chance that is the same for the same seed.
pub fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    for (place, byte) in bytes.iter_mut().zip(seed.to_le_bytes()) {
        *place = byte;
    }
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Follows what happens in so many random worlds. Gives the first disagreement, and the shortest story that was found to
/// show it.
pub fn follow_many(seed: u64, count: u32) -> Option<(Disagreement, Story)> {
    let mut runner = runner(seed);
    let strategy = stories();
    for _ in 0..count {
        let Ok(mut tree) = strategy.new_tree(&mut runner) else { continue };
        let story = tree.current();
        if let Err(found) = follow(&story) {
            return Some(smallest(&mut tree, (found, story), follow));
        }
    }
    None
}

/// Takes things away as long as what is left still shows a disagreement.
fn smallest<T>(
    tree: &mut impl ValueTree<Value = T>,
    mut found: (Disagreement, T),
    check: impl Fn(&T) -> Result<(), Disagreement>,
) -> (Disagreement, T) {
    let mut can_go_on = tree.simplify();
    while can_go_on {
        let candidate = tree.current();
        can_go_on = match check(&candidate) {
            Err(disagreement) => {
                found = (disagreement, candidate);
                tree.simplify()
            }
            Ok(()) => tree.complicate(),
        };
    }
    found
}

/// Puts all packets at all Pods of a world before both judges.
///
/// # Errors
/// If they do not agree on one.
pub fn compare(objects: &[Value], mutant: Option<Mutant>, tally: &mut Tally) -> Result<(), Disagreement> {
    let world = world(objects);
    let seen = mutant.map_or_else(|| world.clone(), |mutant| self::world(&mutant.mistake(objects)));
    let mut engine = Engine::new(seen);
    tally.worlds += 1;
    let packets = packets();
    let pods: Vec<NamespacedName> = world.pods().map(|(name, _)| name.clone()).collect();
    for pod in pods {
        engine.track(&pod);
        let ruleset = engine.ruleset(&pod);
        let Some(ruleset) = ruleset else {
            none_is_a_target(&world, &pod, &packets)?;
            continue;
        };
        tally.note_ruleset(hash(&ruleset));
        let mut is_open = false;
        for packet in &packets {
            // Of those to an open interface the first are enough; the evaluator says which that is, and not the rules on trial.
            if is_open && !is_first(packet) {
                continue;
            }
            let judgement = judge(&world, &pod, packet);
            is_open = judgement.why == Why::NotIsolated;
            let traced = trace(&ruleset, packet, mutant);
            let features = feature::of(&world, &pod, packet, &judgement);
            tally.count(judgement.verdict.allows(), &features);
            let would_deny = matches!(judgement.why, Why::WouldBeDeniedBy(_));
            if judgement.verdict != traced || (mutant.is_none() && would_deny != ruleset.would_deny(packet)) {
                return Err(Disagreement::about(&pod, packet, &judgement, traced));
            }
        }
    }
    Ok(())
}

/// Follows what happens, and holds every ruleset against one that was made anew after each change.
///
/// # Errors
/// If one differs, or if it changed and nobody was told.
fn follow(story: &Story) -> Result<(), Disagreement> {
    let mut follower = Follower { engine: Engine::new(world(&story.begin)), known: BTreeMap::new() };
    let pods: Vec<NamespacedName> = follower.engine.world().pods().map(|(name, _)| name.clone()).collect();
    pods.iter().for_each(|pod| follower.track(pod));
    follower.check()?;
    for change in &story.changes {
        follower.change(change);
        follower.check()?;
    }
    Ok(())
}

/// An engine that follows, and the rulesets that it gave last.
struct Follower {
    engine: Engine,
    known: BTreeMap<NamespacedName, Option<Ruleset>>,
}

impl Follower {
    fn track(&mut self, pod: &NamespacedName) {
        self.engine.track(pod);
        self.known.entry(pod.clone()).or_default();
    }

    fn change(&mut self, change: &Change) {
        let Ok(Some(object)) = Object::read(&change.object) else { return };
        match (&object, change.fate) {
            (Object::Pod(name, _), Fate::LeftAlone) => {
                self.engine.untrack(name);
                self.known.remove(name);
            }
            (Object::Pod(name, _), _) => self.track(name),
            _ => {}
        }
        match change.fate {
            Fate::Goes => self.engine.delete(&object.key()),
            Fate::Comes | Fate::LeftAlone => self.engine.apply(object),
        }
    }

    fn check(&mut self) -> Result<(), Disagreement> {
        let changed = self.engine.take_changed();
        let mut fresh = Engine::new(self.engine.world().clone());
        for (pod, before) in &mut self.known {
            fresh.track(pod);
            let now = self.engine.ruleset(pod);
            if now != fresh.ruleset(pod) {
                return Err(Disagreement::between(pod, fresh.ruleset(pod), now));
            }
            if now != *before && !changed.contains(pod) {
                return Err(Disagreement::between(pod, now, before.take()));
            }
            *before = now;
        }
        // What nobody speaks of any more is forgotten.
        let (expected, got) = (fresh.size_of_sets(), self.engine.size_of_sets());
        if expected == got {
            return Ok(());
        }
        let pod = NamespacedName::new("", "all sets");
        Err(Disagreement { pod, packet: None, expected: format!("{expected:?}"), got: format!("{got:?}") })
    }
}

/// The world that these objects make.
pub fn world(objects: &[Value]) -> World {
    let mut world = World::default();
    for object in objects.iter().filter_map(|object| Object::read(object).ok().flatten()) {
        world.apply(object);
    }
    world
}

/// Who has no ruleset is no target: that is not counted, because it proves little.
fn none_is_a_target(world: &World, pod: &NamespacedName, packets: &[Packet]) -> Result<(), Disagreement> {
    let Some(packet) = packets.first() else { return Ok(()) };
    let judgement = judge(world, pod, packet);
    match judgement.why {
        Why::NoTarget(_) => Ok(()),
        _ => Err(Disagreement::about(pod, packet, &judgement, Verdict::Allow)),
    }
}

fn trace(ruleset: &Ruleset, packet: &Packet, mutant: Option<Mutant>) -> Verdict {
    let mut packet = packet.clone();
    if let (Some(Mutant::SourcePorts), Traffic::Ports { source, destination, .. }) =
        (mutant, &mut packet.traffic)
    {
        std::mem::swap(source, destination);
    }
    ruleset.trace(&packet)
}

fn hash(ruleset: &Ruleset) -> u64 {
    let mut hasher = DefaultHasher::new();
    ruleset.to_string().hash(&mut hasher);
    hasher.finish()
}

// === impl Disagreement ===

impl Disagreement {
    fn about(pod: &NamespacedName, packet: &Packet, judgement: &Judgement, traced: Verdict) -> Self {
        Self {
            pod: pod.clone(),
            packet: Some(packet.clone()),
            expected: format!("{:?}: {:?}", judgement.verdict, judgement.why),
            got: format!("{traced:?}"),
        }
    }

    fn between(pod: &NamespacedName, expected: Option<Ruleset>, got: Option<Ruleset>) -> Self {
        let text =
            |ruleset: Option<Ruleset>| ruleset.map_or_else(|| "no target".to_owned(), |it| it.to_string());
        Self { pod: pod.clone(), packet: None, expected: text(expected), got: text(got) }
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}", self.pod)?;
        if let Some(Packet { direction, interface, remote, traffic }) = &self.packet {
            let preposition = match direction {
                Direction::Ingress => "from",
                Direction::Egress => "to",
            };
            write!(f, ", {traffic:?} by {interface} {preposition} {remote}")?;
        }
        write!(f, ":\n expected {}\n got      {}", self.expected, self.got)
    }
}
