//! A machine: whether it has power, whether the API server reaches it, and what its kubelet is at.

use std::{cell::Cell, collections::BTreeSet, rc::Rc};

use crate::{
    agenda::Millis,
    store::{Condition, Node, NodeKey, PodKey},
    tasks::Task,
};

/// A machine.
#[derive(Debug)]
pub struct Machine {
    /// Its Node.
    pub key: NodeKey,
    /// What it calls itself.
    pub host: Rc<str>,
    /// Whether its label says so.
    pub is_labelled: bool,
    /// Whether it has power.
    pub is_on: bool,
    /// Whether its kubelet works and reaches the API server.
    pub is_connected: bool,
    /// How often it was begun anew: whoever waited for something before does not matter any more.
    pub era: u32,
    /// Which Node object of its name is the latest.
    pub incarnation: u32,
    /// The Pods its kubelet looks after.
    pub workers: Vec<Worker>,
    /// The Pods whose containers have ended for good: on its disk, so that no start of it runs them again.
    pub finished: BTreeSet<PodKey>,
    /// The version of the Lease that its kubelet renews, and when it did so last.
    pub lease: (u64, Millis),
    /// Which start of it this is.
    pub boot: u32,
}

/// A kubelet's work on one Pod.
#[derive(Debug)]
pub struct Worker {
    /// The Pod.
    pub pod: PodKey,
    /// The actor.
    pub task: Task,
    /// What it is to do.
    pub order: Rc<Cell<Order>>,
}

/// What a kubelet does about a Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Run it.
    Run,
    /// Give it a new sandbox.
    Restart,
    /// Its containers have ended.
    Finish,
    /// Stop it.
    Stop,
}

/// How often kubelets renew their Leases.
const RENEWED_EVERY: Millis = 10_000;

impl Machine {
    /// A machine at work. An odd one calls itself otherwise than its Node.
    pub fn new(number: usize, is_odd: bool) -> Self {
        let key = NodeKey(number);
        Self {
            key,
            host: key.host(is_odd).into(),
            is_labelled: !is_odd,
            is_on: true,
            is_connected: true,
            era: 0,
            incarnation: 0,
            workers: Vec::new(),
            finished: BTreeSet::new(),
            lease: (1, 0),
            boot: 0,
        }
    }

    /// The Node object that its kubelet creates.
    pub fn new_node(&self) -> Node {
        Node {
            key: self.key,
            incarnation: self.incarnation,
            version: 0,
            condition: Condition::Ready,
            boot: self.boot,
            turned: 0,
            beat: 0,
            is_out_of_service: false,
            is_labelled: self.is_labelled,
        }
    }

    /// Renews the Lease as often as was due since the last time.
    pub fn renew_lease(&mut self, now: Millis) {
        let (version, at) = self.lease;
        if self.is_connected && now >= at + RENEWED_EVERY {
            self.lease = (version + 1, now - (now - at) % RENEWED_EVERY);
        }
    }

    /// The work on a Pod.
    pub fn worker(&self, pod: PodKey) -> Option<&Worker> {
        self.workers.iter().find(|worker| worker.pod == pod)
    }
}
