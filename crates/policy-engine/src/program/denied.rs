//! Where gates write down what they deny: sets that a kernel fills by itself, so that people see who was denied lately. They decide
//! nothing. How they are read is `policy-dataplane`'s.

use std::{collections::BTreeSet, sync::Arc};

use danm_api::{Enforcement, Protocol};

use super::{Action, Entry, Family, FamilySet, Match, Meaning, Part, ProgramChain, ProgramRule};
use crate::{
    Direction,
    ruleset::{Gates, Ruleset},
    set::Members,
};

/// The flows that a set has at most. Beyond that they are counted alone.
pub const MOST_DENIED: u32 = 64;

/// For so many minutes a flow is in it after its last packet.
pub const DENIED_MINUTES: u32 = 1;

/// The set of flows that gates of a direction deny, or would deny if they were not audited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeniedSet {
    /// Whether they are denied.
    pub enforcement: Enforcement,
    /// Which way they are opened.
    pub direction: Direction,
    /// Their family.
    pub family: Family,
}

// === impl DeniedSet ===

impl DeniedSet {
    /// What it is called.
    pub fn name(self) -> String {
        self.family.set(stem(self.enforcement, self.direction))
    }

    /// The set of this name, if it is one.
    pub fn named(name: &str) -> Option<Self> {
        let sets = Enforcement::ALL.into_iter().flat_map(|enforcement| {
            Direction::ALL
                .into_iter()
                .flat_map(move |direction| Family::ALL.map(|family| Self { enforcement, direction, family }))
        });
        sets.into_iter().find(|set| set.name() == name)
    }
}

// === impl Part ===

impl Part {
    /// The same gates, which write nothing down: for a kernel that refuses that.
    #[must_use]
    pub fn without_notes(mut self) -> Self {
        let writes = |rule: &ProgramRule| matches!(rule.action, Action::Note(_));
        let (writing, mut gates): (Vec<_>, Vec<_>) =
            self.chains.into_iter().partition(|chain| chain.rules.iter().any(writes));
        let leads_there =
            |rule: &ProgramRule| writing.iter().any(|chain| rule.action == Action::Jump(chain.name.clone()));
        gates.iter_mut().for_each(|gate| gate.rules.retain(|rule| !leads_there(rule)));
        self.chains = gates;
        self.sets.retain(|set| *set.members != Members::Denied);
        self
    }
}

/// What the gates of a ruleset write: those that are enforced and those that are audited, each way.
pub(super) fn written(ruleset: &Ruleset) -> BTreeSet<(Enforcement, Direction)> {
    let gates = ruleset.interfaces.values().chain([&ruleset.others]);
    let of_gates = |gates: &Gates| {
        Direction::ALL
            .map(|direction| gates.enforcement(direction).map(|enforcement| (enforcement, direction)))
    };
    gates.flat_map(of_gates).flatten().collect()
}

/// The sets for that, of both families.
pub(super) fn sets(enforcement: Enforcement, direction: Direction) -> [FamilySet; 2] {
    let words = match enforcement {
        Enforcement::Enforce => "flows that were denied lately: interface, from, to, protocol, port",
        Enforcement::Audit => "flows that would have been denied lately: interface, from, to, protocol, port",
    };
    FamilySet::both(stem(enforcement, direction), &Meaning::Words(words), &Arc::new(Members::Denied))
}

/// The chain that writes a packet's flow down and comes back. Where the set is full, nothing is written. What a port is depends on the
/// protocol, so that there is a rule for each.
pub(super) fn chain(enforcement: Enforcement, direction: Direction) -> ProgramChain {
    let of_family = |family: Family| {
        let set = DeniedSet { enforcement, direction, family };
        let protocols = Protocol::ALL.map(Match::Protocol).into_iter().chain([Match::Icmp(family)]);
        protocols.map(move |protocol| ProgramRule::new(vec![protocol], None, Action::Note(set)))
    };
    // They go by no interface of the kind that the set names.
    let replies = ProgramRule::new(vec![Match::Reply], None, Action::Return);
    ProgramChain {
        name: stem(enforcement, direction),
        direction,
        entry: Entry::Chain(match enforcement {
            Enforcement::Enforce => "writes down what is denied, for people",
            Enforcement::Audit => "writes down what would be denied, for people",
        }),
        silent: Vec::new(),
        rules: [replies].into_iter().chain(Family::ALL.into_iter().flat_map(of_family)).collect(),
    }
}

/// The rule that leads there.
pub(super) fn note(enforcement: Enforcement, direction: Direction) -> ProgramRule {
    ProgramRule::new(Vec::new(), None, Action::Jump(stem(enforcement, direction)))
}

fn stem(enforcement: Enforcement, direction: Direction) -> String {
    match enforcement {
        Enforcement::Enforce => format!("denied_{direction}"),
        Enforcement::Audit => format!("audited_{direction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::gates;

    #[test]
    fn gates_that_write_nothing_down_deny_the_same() {
        let (with, without) = (gates(&Ruleset::closed()), gates(&Ruleset::closed()).without_notes());
        assert_eq!((with.sets.len(), without.sets.len()), (4, 0));
        assert_eq!((with.chains.len(), without.chains.len()), (4, 2));
        for (with, without) in with.chains.iter().zip(&without.chains) {
            let rules = with.rules.iter().filter(|rule| without.rules.contains(rule));
            assert_eq!((rules.count(), without.rules.len()), (with.rules.len() - 1, with.rules.len() - 1));
        }
    }

    #[test]
    fn a_set_is_known_by_its_name() {
        let set =
            DeniedSet { enforcement: Enforcement::Audit, direction: Direction::Egress, family: Family::V6 };
        assert_eq!(set.name(), "audited_egress_v6");
        assert_eq!(DeniedSet::named("audited_egress_v6"), Some(set));
        assert_eq!(DeniedSet::named("denied_egress"), None);
    }
}
