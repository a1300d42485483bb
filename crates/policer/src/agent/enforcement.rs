//! What rules the Pods of this node have to have, and having them put into their kernels.
//!
//! ```text
//!   Knowledge (which Pods changed) ──> intent ──> Round of Orders ──> Worker, on a thread: finds namespaces, holds their tables
//!  operators, openings, node's addresses ──┘                            │
//!   metrics, Events, /debug/state.json  <── Statuses <──────────────────┘
//! ```
//!
//! Responsible for when something is asked of the worker. What is right is decided in `intent.rs`, how it comes to a kernel in
//! `policy-dataplane`.

mod enforced;
mod expectation;
#[cfg(test)]
mod fixture;
mod installer;
pub(super) mod intent;
pub(super) mod kernel;
mod notes;
pub(super) mod order;
mod place;
mod reference;
pub(super) mod status;
pub(super) mod surroundings;
mod tally;
pub(super) mod worker;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{Arc, mpsc},
    time::Instant,
};

use jiff::{SignedDuration, Timestamp};
use operator_runtime::EventNote;
use policy_dataplane::Found;
use policy_engine::{Engine, NamespacedName, Ruleset};

pub(crate) use self::expectation::expected;
use self::{
    intent::{Certainty, Ground, orders},
    notes::{notes, waiting},
    order::{Aim, Order, Round, Rules},
    status::{State, Status},
    surroundings::{Common, Exceptions},
};
use super::openings::Openings;
use crate::opening::OpenedBy;

/// For so long a Pod may have no process before somebody is told.
const LONG: SignedDuration = SignedDuration::from_secs(60);

/// Orders rules, and remembers how it went.
pub(super) struct Enforcement {
    exceptions: Exceptions,
    rounds: mpsc::Sender<Round>,
    /// What is the same for all Pods, as it was when they were looked at last.
    common: Option<Common>,
    certainty: Certainty,
    /// Pods that were told to have rules, by their uids: another one of the same name was told nothing. And which were told last.
    isolated: BTreeMap<NamespacedName, (Arc<str>, Arc<Ruleset>)>,
    /// Pods that policies left open since it is known what they say, by their uids.
    left_open: BTreeMap<NamespacedName, Arc<str>>,
    /// Pods that were told to be open because of an annotation: which, and whose.
    opened: BTreeMap<NamespacedName, (Arc<str>, OpenedBy)>,
    /// The rules that such Pods had before, in case nobody knows what they should have once they are not opened any more.
    shelved: BTreeMap<NamespacedName, Arc<Ruleset>>,
    /// Pods of which it is not known whether an agent before us left something in them: they had no endpoints when it was looked
    /// for.
    unsearched: BTreeSet<NamespacedName>,
    /// Pods that the worker knows.
    known: BTreeSet<NamespacedName>,
    /// How it went, and since when it is so.
    statuses: BTreeMap<NamespacedName, (Status, Timestamp)>,
    /// Pods of which it was told that they wait for long.
    told_overdue: BTreeSet<NamespacedName>,
    /// Whether all Pods that were there once everything was known were tried once.
    is_begun: bool,
}

/// What is known besides what the engine knows.
pub(super) struct View<'a> {
    /// Pods of this node that may have changed.
    pub(super) changed: &'a BTreeSet<NamespacedName>,
    /// All Pods of this node.
    pub(super) local: &'a BTreeSet<NamespacedName>,
    /// Addresses of nodes that reach Pods.
    pub(super) nodes: &'a BTreeSet<IpAddr>,
    /// What annotations open.
    pub(super) openings: &'a Openings,
    /// Whether everything was listed.
    pub(super) is_complete: bool,
}

// === impl Enforcement ===

impl Enforcement {
    /// What is known at first is as sure as this.
    pub(super) fn new(exceptions: Exceptions, certainty: Certainty, rounds: mpsc::Sender<Round>) -> Self {
        Self {
            exceptions,
            rounds,
            common: None,
            certainty,
            isolated: BTreeMap::new(),
            left_open: BTreeMap::new(),
            opened: BTreeMap::new(),
            shelved: BTreeMap::new(),
            unsearched: BTreeSet::new(),
            known: BTreeSet::new(),
            statuses: BTreeMap::new(),
            told_overdue: BTreeSet::new(),
            is_begun: false,
        }
    }

    /// Orders what is necessary by now. Tells whether anything was.
    pub(super) fn order(&mut self, engine: &Engine, view: &View<'_>) -> bool {
        let View { changed, local, nodes, openings, is_complete } = *view;
        let at = Instant::now();
        let common = Common::of(engine.world(), &self.exceptions, nodes);
        let is_settling = is_complete && self.certainty != Certainty::Complete;
        if is_settling {
            self.certainty = Certainty::Complete;
            self.unsearched.clone_from(local);
        }
        let concerns_all = is_settling || self.common.as_ref() != Some(&common);
        let gone = self.known.iter().filter(|pod| !local.contains(pod));
        let gone: Vec<Order> = gone.cloned().map(Order::gone).collect();
        let pods: Vec<&NamespacedName> =
            if concerns_all { local.iter().collect() } else { changed.iter().collect() };
        let pods = pods.into_iter().filter(|pod| local.contains(pod));
        let ground = Ground { certainty: self.certainty, openings };
        let mut orders = orders(engine, pods, &common, ground);
        orders.extend(self.reclosed(engine, openings, &common));
        self.left_open.retain(|pod, _| local.contains(pod));
        orders.iter_mut().for_each(|order| self.note_openness(order));
        orders.retain(|order| self.is_necessary(order));
        orders.extend(gone);
        orders.iter().for_each(|order| self.remember(order));
        self.common = Some(common);
        if orders.is_empty() {
            return false;
        }
        let found = match self.certainty {
            Certainty::Complete => Found::Corrected,
            Certainty::Remembered | Certainty::Unknown | Certainty::Lost => Found::LeftAlone,
        };
        // The worker ends with the agent alone.
        self.rounds.send(Round { orders, found, at }).is_ok()
    }

    /// Pods that are not opened any more and have lost their endpoints meanwhile get the rules back that they had before, as they would have
    /// kept them.
    fn reclosed(&self, engine: &Engine, openings: &Openings, common: &Common) -> Vec<Order> {
        let order = |(pod, ruleset): (&NamespacedName, &Arc<Ruleset>)| {
            let (uid, _) = self.opened.get(pod)?;
            let there = engine.world().pod(pod).filter(|there| there.uid == *uid)?;
            let is_lost =
                openings.of(pod, uid).is_none() && engine.world().endpoints_of(pod).next().is_none();
            let rules = is_lost.then(|| Rules::kept(Arc::clone(ruleset), common.around(there, &[])))?;
            Some(Order { uid: Arc::clone(uid), aim: Aim::Rules(rules), ..Order::gone(pod.clone()) })
        };
        self.shelved.iter().filter_map(order).collect()
    }

    fn note_openness(&mut self, order: &mut Order) {
        let is_open = match &order.aim {
            Aim::Open | Aim::Opened(_) => true,
            Aim::Rules(_) => order.aim.only_audits(),
            Aim::Gone => return,
        };
        if is_open {
            self.left_open.insert(order.pod.clone(), Arc::clone(&order.uid));
        }
        order.was_open = self.left_open.get(&order.pod) == Some(&order.uid);
    }

    fn remember(&mut self, order: &Order) {
        let pod = &order.pod;
        self.unsearched.remove(pod);
        self.opened.remove(pod);
        let shelved = self.shelved.remove(pod);
        match &order.aim {
            Aim::Rules(rules) => {
                let told = (Arc::clone(&order.uid), Arc::clone(&rules.ruleset));
                match self.isolated.get_mut(pod) {
                    Some(before) => *before = told,
                    None => drop(self.isolated.insert(pod.clone(), told)),
                }
                self.known.insert(pod.clone());
            }
            Aim::Open => {
                self.isolated.remove(pod);
                self.known.insert(pod.clone());
            }
            Aim::Opened(by) => {
                let isolated = self.isolated.remove(pod).filter(|(uid, _)| *uid == order.uid);
                let shelved = isolated.map(|(_, ruleset)| ruleset).or(shelved);
                shelved.and_then(|ruleset| self.shelved.insert(pod.clone(), ruleset));
                self.known.insert(pod.clone());
                self.opened.insert(pod.clone(), (Arc::clone(&order.uid), *by));
            }
            Aim::Gone => {
                self.isolated.remove(pod);
                self.known.remove(pod);
                self.statuses.remove(pod);
            }
        }
    }

    /// As long as not everything is known, a Pod that has rules keeps them. In one that never had any, what an agent before us left is
    /// looked for once.
    fn is_necessary(&self, order: &Order) -> bool {
        match order.aim {
            Aim::Rules(_) if self.certainty != Certainty::Complete => {
                self.isolated.get(&order.pod).is_none_or(|(uid, _)| *uid != order.uid)
            }
            Aim::Open => {
                let pod = &order.pod;
                self.unsearched.contains(pod)
                    || self.isolated.contains_key(pod)
                    || self.opened.contains_key(pod)
                    // Only an annotation opens by then, and what was left in the Pod is not known.
                    || (self.certainty != Certainty::Complete && !self.known.contains(pod))
            }
            Aim::Opened(by) => {
                let is_told = |(uid, before): &(Arc<str>, OpenedBy)| *uid == order.uid && *before == by;
                !self.opened.get(&order.pod).is_some_and(is_told)
            }
            Aim::Rules(_) | Aim::Gone => true,
        }
    }

    /// Takes note of how it went. Gives what people are to be told.
    pub(super) fn note(&mut self, status: Status, now: Timestamp) -> Vec<EventNote> {
        if !self.known.contains(&status.pod) {
            return Vec::new();
        }
        // Another Pod of this name was told of by itself.
        let before = self.statuses.get(&status.pod).filter(|(before, _)| before.uid == status.uid);
        let notes = notes(&status, before.map(|(before, _)| before));
        let same = before.filter(|(before, _)| before.state == status.state);
        let since = same.map_or(now, |(_, since)| *since);
        if status.state == State::Open && status.reference.is_nothing() {
            self.statuses.remove(&status.pod);
        } else {
            self.statuses.insert(status.pod.clone(), (status, since));
        }
        notes
    }

    /// What people are to be told of Pods that have waited for long by now.
    pub(super) fn overdue(&mut self, now: Timestamp) -> Vec<EventNote> {
        let waits = |(status, since): &(Status, Timestamp)| {
            status.state == State::Waiting && now.duration_since(*since) >= LONG
        };
        self.told_overdue.retain(|pod| self.statuses.get(pod).is_some_and(waits));
        let overdue = self.statuses.values().filter(|it| waits(it)).map(|(status, _)| status);
        overdue.filter(|status| self.told_overdue.insert(status.pod.clone())).map(waiting).collect()
    }

    /// How it went with each Pod that is to have rules, or in which something of the reference's was found, and since when it is so.
    pub(super) fn statuses(&self) -> impl Iterator<Item = &(Status, Timestamp)> {
        self.statuses.values()
    }

    /// The rules that Pods were told to have last.
    pub(super) fn rules(&self) -> impl Iterator<Item = (&NamespacedName, &Arc<Ruleset>)> {
        self.isolated.iter().map(|(pod, (_, rules))| (pod, rules))
    }

    /// Of how many Pods it is not known yet how it went, of those that were there when everything was known for the first time.
    pub(super) fn untried(&mut self) -> usize {
        if self.is_begun {
            return 0;
        }
        let untried = self.isolated.keys().filter(|pod| !self.statuses.contains_key(pod)).count();
        self.is_begun = self.certainty == Certainty::Complete && untried == 0;
        untried
    }
}

#[cfg(test)]
mod tests;
