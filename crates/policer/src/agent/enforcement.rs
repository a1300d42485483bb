//! What rules the Pods of this node have to have, and having them put into their kernels.
//!
//! ```text
//!   Knowledge (which Pods changed) ──> intent ──> Round of Orders ──> Worker, on a thread: finds namespaces, holds their tables
//!        operators, the node's addresses ──┘                            │
//!   metrics, Events, /debug/state.json  <── Statuses <──────────────────┘
//! ```
//!
//! Responsible for when something is asked of the worker. What is right is decided in `intent.rs`, how it comes to a kernel in
//! `policy-dataplane`.

pub(super) mod intent;
pub(super) mod kernel;
pub(super) mod order;
pub(super) mod status;
pub(super) mod surroundings;
pub(super) mod worker;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::mpsc,
    time::Instant,
};

use policy_dataplane::Found;
use policy_engine::{Engine, NamespacedName};

use self::{
    intent::{Certainty, orders},
    order::{Aim, Round},
    status::{State, Status},
    surroundings::{Common, Exceptions},
};

/// Orders rules, and remembers how it went.
pub(super) struct Enforcement {
    exceptions: Exceptions,
    rounds: mpsc::Sender<Round>,
    /// Addresses of nodes that reach Pods.
    nodes: BTreeSet<IpAddr>,
    /// What is the same for all Pods, as it was when they were looked at last.
    common: Option<Common>,
    certainty: Certainty,
    /// Pods that were told to have rules.
    isolated: BTreeSet<NamespacedName>,
    statuses: BTreeMap<NamespacedName, Status>,
}

// === impl Enforcement ===

impl Enforcement {
    /// What is known at first is as sure as this.
    pub(super) fn new(exceptions: Exceptions, certainty: Certainty, rounds: mpsc::Sender<Round>) -> Self {
        Self {
            exceptions,
            rounds,
            nodes: BTreeSet::new(),
            common: None,
            certainty,
            isolated: BTreeSet::new(),
            statuses: BTreeMap::new(),
        }
    }

    /// Takes note of the addresses of nodes that reach Pods.
    pub(super) fn set_nodes(&mut self, nodes: BTreeSet<IpAddr>) {
        self.nodes = nodes;
    }

    /// Orders what is necessary after these Pods of the node may have changed. `local` are all of them.
    pub(super) fn order<'a>(
        &mut self,
        engine: &Engine,
        changed: &BTreeSet<NamespacedName>,
        local: impl Iterator<Item = &'a NamespacedName>,
        is_complete: bool,
    ) {
        let at = Instant::now();
        let common = Common::of(engine.world(), &self.exceptions, &self.nodes);
        let is_settling = is_complete && self.certainty != Certainty::Complete;
        let is_other = self.common.as_ref() != Some(&common);
        if is_settling {
            self.certainty = Certainty::Complete;
        }
        let local: BTreeSet<&NamespacedName> = local.collect();
        let all = || local.iter().copied();
        let pods: Vec<&NamespacedName> =
            if is_settling || is_other { all().chain(changed).collect() } else { changed.iter().collect() };
        let pods: BTreeSet<&NamespacedName> = pods.into_iter().collect();
        let mut orders = orders(engine, pods.into_iter().filter(|pod| self.may_order(pod)), &common, self.certainty);
        // Of those that never had rules, what an agent before us left is looked for once.
        orders.retain(|order| order.aim != Aim::Open || is_settling || self.isolated.contains(&order.pod));
        for order in &orders {
            match order.aim {
                Aim::Rules(_) => drop(self.isolated.insert(order.pod.clone())),
                Aim::Open => drop(self.isolated.remove(&order.pod)),
                Aim::Gone => {
                    self.isolated.remove(&order.pod);
                    self.statuses.remove(&order.pod);
                }
            }
        }
        self.common = Some(common);
        if orders.is_empty() {
            return;
        }
        let found = match self.certainty {
            Certainty::Complete => Found::Corrected,
            Certainty::Remembered | Certainty::Lost => Found::LeftAlone,
        };
        // The worker ends with the agent alone.
        let _ = self.rounds.send(Round { orders, found, at });
    }

    /// As long as not everything is known, a Pod that has rules keeps them.
    fn may_order(&self, pod: &NamespacedName) -> bool {
        self.certainty == Certainty::Complete || !self.isolated.contains(pod)
    }

    /// Takes note of how it went.
    pub(super) fn note(&mut self, status: Status) {
        if status.state == State::Open {
            self.statuses.remove(&status.pod);
        } else {
            self.statuses.insert(status.pod.clone(), status);
        }
    }

    /// How it went with each Pod that is to have rules.
    pub(super) fn statuses(&self) -> impl Iterator<Item = &Status> {
        self.statuses.values()
    }
}
