//! What is asked of the worker about a Pod: plain values, so that what is decided can be looked at before it is done.

use std::{sync::Arc, time::Instant};

use policy_dataplane::Found;
use policy_engine::{
    InterfaceName, NamespacedName, Ruleset,
    program::{Flows, LastFrame, Part, Program, Surroundings, gates},
};

use crate::opening::OpenedBy;

/// Some Pods, and what is to become of each.
#[derive(Debug)]
pub(in crate::agent) struct Round {
    pub(in crate::agent) orders: Vec<Order>,
    /// What is to become of rules that an agent before us left.
    pub(in crate::agent) found: Found,
    /// When what made it necessary was taken in.
    pub(in crate::agent) at: Instant,
}

/// What is to become of a Pod.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::agent) struct Order {
    pub(in crate::agent) pod: NamespacedName,
    /// Another uid is another Pod.
    pub(in crate::agent) uid: Arc<str>,
    /// Whether policies ever left it open, as far as is known: it was not in want of rules all the time then.
    pub(in crate::agent) was_open: bool,
    /// Whether a policy of its namespace does not say whom it means: more of the Pod may be meant to be isolated than is known.
    pub(in crate::agent) is_doubtful: bool,
    /// Paths of network namespaces that its endpoints name.
    pub(in crate::agent) paths: Vec<String>,
    pub(in crate::agent) aim: Aim,
}

/// What rules a Pod is to have.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::agent) enum Aim {
    /// These.
    Rules(Rules),
    /// None: no policy is about it.
    Open,
    /// None, though policies are about it: an annotation opens it.
    Opened(OpenedBy),
    /// Whatever it has: it is not there any more.
    Gone,
}

/// Rules for a Pod.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::agent) struct Rules {
    /// Shared by Pods that have the same.
    pub(in crate::agent) ruleset: Arc<Ruleset>,
    pub(in crate::agent) gates: Arc<Part>,
    pub(in crate::agent) surroundings: Surroundings,
}

// === impl Order ===

impl Order {
    /// To let go of a Pod that is not there any more.
    pub(in crate::agent) fn gone(pod: NamespacedName) -> Self {
        let uid = Arc::from("");
        Self { pod, uid, was_open: false, is_doubtful: false, paths: Vec::new(), aim: Aim::Gone }
    }
}

// === impl Aim ===

impl Aim {
    /// Whether a Pod that is there is to have no rules.
    pub(in crate::agent) const fn wants_no_rules(&self) -> bool {
        matches!(self, Self::Open | Self::Opened(_))
    }

    /// Whether a Pod is to have rules that deny nothing, and only count.
    pub(in crate::agent) fn only_audits(&self) -> bool {
        matches!(self, Self::Rules(rules) if rules.only_audit())
    }
}

// === impl Rules ===

impl Rules {
    /// These, in these surroundings.
    pub(in crate::agent) fn kept(ruleset: Arc<Ruleset>, surroundings: Surroundings) -> Self {
        Self { gates: Arc::new(gates(&ruleset)), ruleset, surroundings }
    }

    /// The program for a kernel of the Pod that had this frame last.
    pub(in crate::agent) fn program(&self, frame: &LastFrame, flows: Flows) -> Program {
        frame.program(Arc::clone(&self.gates), &self.ruleset, &self.surroundings, flows)
    }

    /// The interfaces by name at which something is denied, in either direction.
    pub(in crate::agent) fn isolated(&self) -> impl Iterator<Item = &InterfaceName> {
        let interfaces = self.ruleset.interfaces.iter();
        interfaces.filter(|(_, gates)| gates.isolate()).map(|(name, _)| name)
    }

    /// Whether they deny nothing, and only count.
    pub(in crate::agent) fn only_audit(&self) -> bool {
        self.ruleset.is_open()
    }

    /// What is left of them where they cannot be had: nothing is allowed that policies are about, and nothing that is denied is written down.
    pub(in crate::agent) fn without_allowances(&self) -> Self {
        let ruleset = Arc::new(self.ruleset.without_allowances());
        Self {
            gates: Arc::new(gates(&ruleset).without_notes()),
            ruleset,
            surroundings: self.surroundings.clone(),
        }
    }
}
