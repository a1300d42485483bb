//! Whether rules that are told to be no stricter than those before let everything pass that passed: connections that were allowed
//! are not judged again then.

use policy_engine::{Engine, NamespacedName, Object, Packet, Ruleset, Verdict, program::Program};
use proptest::strategy::{Strategy, ValueTree};

use crate::{
    agreement::{runner, world},
    objects::{Change, Fate, Story, stories},
    packets::packets,
};

/// What was seen of changes of rules.
#[derive(Debug, Default)]
pub struct Loosenings {
    /// Rules that became others and are told to be no stricter.
    pub loosened: usize,
    /// Rules that are told to be stricter.
    pub tightened: usize,
    /// A packet that passed before and is denied by rules that are told to be no stricter, and the story that leads there.
    pub mistake: Option<(NamespacedName, Packet, Story)>,
}

/// Follows so many random stories.
pub fn loosenings(seed: u64, count: u32) -> Loosenings {
    let mut runner = runner(seed);
    let strategy = stories();
    let packets = packets();
    let mut seen = Loosenings::default();
    for _ in 0..count {
        let Ok(tree) = strategy.new_tree(&mut runner) else { continue };
        let story = tree.current();
        if let Some((pod, packet)) = follow(&story, &packets, &mut seen) {
            seen.mistake = Some((pod, packet, story));
            return seen;
        }
    }
    seen
}

fn follow(story: &Story, packets: &[Packet], seen: &mut Loosenings) -> Option<(NamespacedName, Packet)> {
    let mut engine = Engine::new(world(&story.begin));
    let pods: Vec<NamespacedName> = engine.world().pods().map(|(name, _)| name.clone()).collect();
    pods.iter().for_each(|pod| engine.track(pod));
    let rulesets = |engine: &Engine| -> Vec<Ruleset> {
        pods.iter().map(|pod| engine.ruleset(pod).unwrap_or_default()).collect()
    };
    let mut before = rulesets(&engine);
    for change in &story.changes {
        apply(&mut engine, change);
        let now = rulesets(&engine);
        for (pod, (before, now)) in pods.iter().zip(before.iter().zip(&now)) {
            if before == now {
                continue;
            }
            if Program::of(now).is_stricter_than(&Program::of(before)) {
                seen.tightened += 1;
                continue;
            }
            seen.loosened += 1;
            let is_lost = |packet: &&Packet| {
                before.trace(packet) == Verdict::Allow && now.trace(packet) == Verdict::Deny
            };
            if let Some(packet) = packets.iter().find(is_lost) {
                return Some((pod.clone(), packet.clone()));
            }
        }
        before = now;
    }
    None
}

fn apply(engine: &mut Engine, change: &Change) {
    let Ok(Some(object)) = Object::read(&change.object) else { return };
    match change.fate {
        Fate::Goes => engine.delete(&object.key()),
        Fate::Comes | Fate::LeftAlone => engine.apply(object),
    }
}
