//! The frame that was made last for a Pod. Gates change with each peer, and frames hardly ever: one is made anew only if something is
//! another that it is made of.

use std::{cell::Cell, collections::BTreeMap, sync::Arc};

use danm_api::Enforcement;

use super::{Flows, Part, Program, Surroundings, frame};
use crate::{
    Direction, InterfaceName,
    ruleset::{Gates, Ruleset},
};

/// The frame that was made last, if there was one.
#[derive(Default)]
pub struct LastFrame(Cell<Option<Made>>);

/// A frame, and what it was made of.
struct Made {
    gates: BTreeMap<InterfaceName, [Option<Enforcement>; 2]>,
    others: [Option<Enforcement>; 2],
    surroundings: Surroundings,
    flows: Flows,
    frame: Arc<Part>,
}

// === impl LastFrame ===

impl LastFrame {
    /// The program that [`Program::around`] makes.
    pub fn program(
        &self,
        gates: Arc<Part>,
        ruleset: &Ruleset,
        surroundings: &Surroundings,
        flows: Flows,
    ) -> Program {
        if ruleset.is_empty() {
            return Program::default();
        }
        let last = self.0.take().filter(|made| made.is_of(ruleset, surroundings, flows));
        let made = last.unwrap_or_else(|| Made::of(ruleset, surroundings, flows));
        let frame = Arc::clone(&made.frame);
        self.0.set(Some(made));
        Program { frame, gates }
    }
}

// === impl Made ===

impl Made {
    fn of(ruleset: &Ruleset, surroundings: &Surroundings, flows: Flows) -> Self {
        Self {
            gates: ruleset.interfaces.iter().map(|(name, gates)| (name.clone(), are_there(gates))).collect(),
            others: are_there(&ruleset.others),
            surroundings: surroundings.clone(),
            flows,
            frame: Arc::new(frame::frame(ruleset, surroundings, flows)),
        }
    }

    /// A frame knows of gates only whether they are there, and whether they are enforced.
    fn is_of(&self, ruleset: &Ruleset, surroundings: &Surroundings, flows: Flows) -> bool {
        self.flows == flows
            && self.others == are_there(&ruleset.others)
            && self.surroundings == *surroundings
            && self.gates.len() == ruleset.interfaces.len()
            && self
                .gates
                .iter()
                .zip(&ruleset.interfaces)
                .all(|((name, there), (other, gates))| name == other && *there == are_there(gates))
    }
}

fn are_there(gates: &Gates) -> [Option<Enforcement>; 2] {
    Direction::ALL.map(|direction| gates.enforcement(direction))
}

#[cfg(test)]
mod tests {
    use super::*;
    use danm_api::ApiGroup;

    use crate::{
        NamespacedName, PolicyKey,
        program::Forward,
        ruleset::{Chain, PolicyRules},
    };

    fn interface(name: &str) -> InterfaceName {
        InterfaceName::new(name).expect("a name")
    }

    /// The same, and what it denies of what comes in is not denied.
    fn audited(ruleset: &Ruleset) -> Ruleset {
        let chain = Some(Arc::new(Chain { enforcement: Enforcement::Audit, ..Chain::default() }));
        let gates = Gates { ingress: chain, egress: ruleset.others.egress.clone() };
        let interfaces = ruleset.interfaces.keys().map(|name| (name.clone(), gates.clone())).collect();
        Ruleset { interfaces, others: gates, ..ruleset.clone() }
    }

    /// Everything that a frame may be made of, each different from the first.
    fn others(ruleset: &Ruleset) -> Vec<(Ruleset, Surroundings, Flows)> {
        let (surroundings, flows) = (Surroundings::default(), Flows::default());
        let one_way = Gates { ingress: ruleset.others.ingress.clone(), egress: None };
        let named = |name| [(interface(name), ruleset.others.clone())].into();
        vec![
            (Ruleset { others: one_way, ..ruleset.clone() }, surroundings.clone(), flows),
            (Ruleset { interfaces: named("eth1"), ..ruleset.clone() }, surroundings.clone(), flows),
            (
                Ruleset { interfaces: [(interface("eth0"), Gates::default())].into(), ..ruleset.clone() },
                surroundings,
                flows,
            ),
            (ruleset.clone(), Surroundings { forward: Forward::Open, ..Surroundings::default() }, flows),
            (ruleset.clone(), Surroundings::default(), Flows::Labelled(1)),
            (audited(ruleset), Surroundings::default(), Flows::default()),
        ]
    }

    #[test]
    fn a_frame_is_made_anew_exactly_if_something_is_another_that_it_is_made_of() {
        let closed = Ruleset::closed();
        let first = Ruleset { interfaces: [(interface("eth0"), closed.others.clone())].into(), ..closed };
        let last = LastFrame::default();
        let program = |ruleset: &Ruleset, surroundings: &Surroundings, flows| {
            last.program(Arc::default(), ruleset, surroundings, flows)
        };
        for (ruleset, surroundings, flows) in others(&first) {
            let before = program(&first, &Surroundings::default(), Flows::default());
            let now = program(&ruleset, &surroundings, flows);
            assert_ne!(before.frame, now.frame);
            assert_eq!(now, Program::around(Arc::default(), &ruleset, &surroundings, flows));
        }
        let before = program(&first, &Surroundings::default(), Flows::default());
        // What policies say is in the gates.
        let mut others = first.clone();
        let policy = PolicyRules {
            policy: PolicyKey { name: NamespacedName::new("x", "p"), group: ApiGroup::DanmIo },
            rules: Vec::new(),
        };
        let chain = Chain { policies: vec![policy], ..Chain::default() };
        others.interfaces.values_mut().for_each(|gates| gates.ingress = Some(Arc::new(chain.clone())));
        let now = program(&others, &Surroundings::default(), Flows::default());
        assert!(Arc::ptr_eq(&before.frame, &now.frame));
        assert!(program(&Ruleset::default(), &Surroundings::default(), Flows::default()).is_empty());
    }
}
