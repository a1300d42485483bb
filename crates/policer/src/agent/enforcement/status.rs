//! How it went with a Pod: what people and metrics are told of.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use policy_dataplane::DeniedFlow;
use policy_engine::{Counter, NamespacedName};

use super::{order::Order, reference::Remains};
use crate::opening::OpenedBy;

/// What the worker tells.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::agent) enum News {
    /// How it went with a Pod, if that is news.
    Pod(Status),
    /// A Pod that policies never left open got its first rules when it had run for so long.
    Isolated(Duration),
    /// Packets of the Pods of a namespace that rules have counted.
    Counted(Arc<str>, Vec<(Counter, u64)>),
    /// Flows of a Pod that rules have denied, or would have, and that were not told before.
    Denied(NamespacedName, Vec<DeniedFlow>),
    /// Orders about so many Pods are done, so long after they became necessary.
    Done { pods: usize, took: Duration },
}

/// How it went with a Pod.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::agent) struct Status {
    pub(in crate::agent) pod: NamespacedName,
    pub(in crate::agent) uid: Arc<str>,
    pub(in crate::agent) state: State,
    /// The network namespaces that have its rules, as `ip netns` and `ls` of `/proc/PID/ns` call them.
    pub(in crate::agent) namespaces: Vec<String>,
    /// So many more it has, beyond those that rules are put into.
    pub(in crate::agent) more: usize,
    /// Paths of its endpoints that are not believed, and why.
    pub(in crate::agent) refused: Vec<(String, String)>,
    /// Isolated interfaces that the kernel has not: no rule sees what goes by them.
    pub(in crate::agent) absent: BTreeSet<String>,
    /// What is there of the reference Policer's rules.
    pub(in crate::agent) reference: Box<Remains>,
    /// Somebody changed its rules, which was undone.
    pub(in crate::agent) is_tampered: bool,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::agent) enum State {
    /// It has the rules that it is to have.
    Enforced,
    /// It has rules that only count: what is about it is audited.
    Audited,
    /// It has none, and is to have none.
    Open,
    /// It has none, though policies are about it: an annotation opens it.
    Opened(OpenedBy),
    /// It has no process yet that a namespace could be told by.
    Waiting,
    /// It has what an agent before us left, until everything is known.
    LeftAlone,
    /// Its rules could not be had, and it is closed instead; why.
    Closed(String),
    /// It has the rules that it had; why.
    Failed(String),
}

// === impl Status ===

impl Status {
    pub(super) fn new(order: &Order) -> Self {
        Self {
            pod: order.pod.clone(),
            uid: Arc::clone(&order.uid),
            state: State::Waiting,
            namespaces: Vec::new(),
            more: 0,
            refused: Vec::new(),
            absent: BTreeSet::new(),
            reference: Box::default(),
            is_tampered: false,
        }
    }
}

// === impl State ===

impl State {
    /// As metrics call it.
    pub(in crate::agent) const fn code(&self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Audited => "audited",
            Self::Open => "open",
            Self::Opened(_) => "opened",
            Self::Waiting => "waiting",
            Self::LeftAlone => "left-alone",
            Self::Closed(_) => "closed",
            Self::Failed(_) => "failed",
        }
    }

    /// What another failure makes of it: what was closed stays so.
    pub(super) const fn failure(&self) -> fn(String) -> Self {
        if matches!(self, Self::Closed(_)) { Self::Closed } else { Self::Failed }
    }

    /// The worse of the two: of several namespaces, that of which people have to know.
    pub(super) fn or(self, other: Self) -> Self {
        if other.severity() > self.severity() { other } else { self }
    }

    const fn severity(&self) -> u8 {
        match self {
            Self::Enforced | Self::Audited | Self::Open | Self::Opened(_) | Self::Waiting => 0,
            Self::LeftAlone => 1,
            Self::Closed(_) => 2,
            Self::Failed(_) => 3,
        }
    }

    /// Whether something failed.
    pub(in crate::agent) const fn is_failure(&self) -> bool {
        matches!(self, Self::Closed(_) | Self::Failed(_))
    }

    /// Whether it is not as policies say, so that people are told once it is again.
    pub(super) const fn is_amiss(&self) -> bool {
        self.is_failure() || matches!(self, Self::Opened(_))
    }

    /// Why it is not as it should be.
    pub(in crate::agent) fn reason(&self) -> Option<&str> {
        match self {
            Self::Enforced | Self::Audited | Self::Open => None,
            Self::Opened(by) => Some(by.words()),
            Self::Waiting => Some("no process of this Pod is found on the node"),
            Self::LeftAlone => {
                Some("not everything was listed yet since the agent started; the rules found are kept")
            }
            Self::Closed(reason) | Self::Failed(reason) => Some(reason),
        }
    }
}
