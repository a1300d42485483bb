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
    objects::worlds,
    packets::{is_enough_for_an_open_interface, packets},
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
            let smallest = smallest(&mut tree, (found, objects), mutant);
            return Survey { tally, disagreement: Some(smallest) };
        }
    }
    Survey { tally, disagreement: None }
}

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    for (place, byte) in bytes.iter_mut().zip(seed.to_le_bytes()) {
        *place = byte;
    }
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Takes things away from a world as long as it still shows a disagreement.
fn smallest(
    tree: &mut impl ValueTree<Value = Vec<Value>>,
    mut found: (Disagreement, Vec<Value>),
    mutant: Option<Mutant>,
) -> (Disagreement, Vec<Value>) {
    let mut can_go_on = tree.simplify();
    while can_go_on {
        let objects = tree.current();
        can_go_on = match compare(&objects, mutant, &mut Tally::default()) {
            Err(disagreement) => {
                found = (disagreement, objects);
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
        let is_open = |packet: &&Packet| ruleset.gates(&packet.interface).chain(packet.direction).is_none();
        for packet in packets.iter().filter(|it| !is_open(it) || is_enough_for_an_open_interface(it)) {
            let judgement = judge(&world, &pod, packet);
            let traced = trace(&ruleset, packet, mutant);
            let features = feature::of(&world, &pod, packet, &judgement);
            tally.count(judgement.verdict.allows(), &features);
            if judgement.verdict != traced {
                return Err(Disagreement::about(&pod, packet, &judgement, traced));
            }
        }
    }
    Ok(())
}

/// Follows changes, and holds every ruleset against one that was made anew after each of them.
///
/// # Errors
/// If one differs, or if it changed and nobody was told.
pub fn follow(changes: &[(Value, bool)]) -> Result<(), Disagreement> {
    let mut engine = Engine::default();
    let mut known: BTreeMap<NamespacedName, Option<Ruleset>> = BTreeMap::new();
    for (object, goes) in changes {
        let Ok(Some(object)) = Object::read(object) else { continue };
        if let Object::Pod(name, _) = &object {
            engine.track(name);
            known.entry(name.clone()).or_default();
        }
        if *goes {
            engine.delete(&object.key());
        } else {
            engine.apply(object);
        }
        let changed = engine.take_changed();
        let mut fresh = Engine::new(engine.world().clone());
        for (pod, before) in &mut known {
            fresh.track(pod);
            let now = engine.ruleset(pod);
            if now != fresh.ruleset(pod) {
                return Err(Disagreement::between(pod, fresh.ruleset(pod), now));
            }
            if now != *before && !changed.contains(pod) {
                return Err(Disagreement::between(pod, now, before.take()));
            }
            *before = now;
        }
        // What nobody speaks of any more is forgotten.
        if engine.size_of_sets() != fresh.size_of_sets() {
            let pod = NamespacedName::new("", "all sets");
            let sizes = (format!("{:?}", fresh.size_of_sets()), format!("{:?}", engine.size_of_sets()));
            return Err(Disagreement { pod, packet: None, expected: sizes.0, got: sizes.1 });
        }
    }
    Ok(())
}

fn world(objects: &[Value]) -> World {
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
