//! A Pod for which there are orders, as the worker keeps it: where it is, its tables, and how it went. What is done with it is the
//! worker's.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use policy_dataplane::{Changes, DeniedFlow, MakeProgram, NamespaceId, Process};
use policy_engine::{Counter, program::LastFrame};

use super::{
    kernel::PodTable,
    order::{Aim, Order},
    reference::Handover,
    status::{State, Status},
    tally::Tally,
};

/// How long something that failed is left alone, at first and at most.
pub(super) const PAUSE: Duration = Duration::from_millis(100);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The same of a Pod that has no process yet: it is open until one is found, and to look for it means to read what all processes of
/// the node are.
pub(super) const LONGEST_SEARCH: Duration = Duration::from_secs(1);

/// To ask for interfaces, and for rules of the reference, takes a thread in the namespace: it is done at one visit of so many.
const INTERFACES: usize = 4;

/// A Pod for which there are orders.
pub(super) struct Enforced<T> {
    pub(super) order: Order,
    pub(super) homes: BTreeMap<NamespaceId, (Process, T)>,
    /// What its endpoints said when its namespaces were found, and all of them had the rules. None if they have to be looked for.
    pub(super) located: Option<Vec<String>>,
    /// The frame of its rules as it was put there last.
    pub(super) frame: LastFrame,
    /// Whether a process was not where it was, when it was looked at last.
    pub(super) is_moved: bool,
    /// How long what failed is left alone, and until when.
    pub(super) pause: Option<(Duration, Instant)>,
    pub(super) status: Option<Status>,
    /// What its tables had counted when they were read last.
    pub(super) tallies: BTreeMap<NamespaceId, Tally>,
    /// Isolated interfaces that the kernel did not have when it was asked last, and those that it had not the time before either: it
    /// takes a moment to make one.
    missed: BTreeSet<String>,
    pub(super) absent: BTreeSet<String>,
    pub(super) handover: Handover,
    /// How often it was visited.
    visits: usize,
    /// Flows that were denied when that was asked last.
    denied: BTreeSet<DeniedFlow>,
}

// === impl Enforced ===

impl<T> Enforced<T> {
    pub(super) fn new(order: Order) -> Self {
        Self {
            order,
            homes: BTreeMap::new(),
            located: None,
            frame: LastFrame::default(),
            is_moved: false,
            pause: None,
            status: None,
            tallies: BTreeMap::new(),
            missed: BTreeSet::new(),
            absent: BTreeSet::new(),
            handover: Handover::default(),
            visits: 0,
            denied: BTreeSet::new(),
        }
    }

    /// It is visited. Tells whether it is time to ask for its interfaces, and for rules of the reference.
    pub(super) fn visit(&mut self) -> bool {
        let is_due = self.visits.is_multiple_of(INTERFACES);
        self.visits += 1;
        is_due
    }

    /// Takes note of which interfaces there are. Tells whether others than before are absent.
    pub(super) fn see(&mut self, there: &BTreeSet<String>) -> bool {
        let isolated = match &self.order.aim {
            Aim::Rules(rules) => rules.isolated().map(ToString::to_string).collect(),
            Aim::Open | Aim::Opened(_) | Aim::Gone => BTreeSet::new(),
        };
        let missed: BTreeSet<String> = &isolated - there;
        let absent = &missed & &self.missed;
        self.missed = missed;
        let is_news = absent != self.absent;
        self.absent = absent;
        is_news
    }

    /// Whether all its namespaces are held, and nothing of what was found out had ceased to be true when it was looked at last: rules
    /// are not held up to look again.
    pub(super) fn is_located(&self) -> bool {
        !self.homes.is_empty() && self.located.as_ref() == Some(&self.order.paths) && !self.is_moved
    }

    /// Decides how long it is left alone now that this became of it.
    pub(super) fn leave_alone_after(&mut self, state: &State) {
        let longest = match state {
            // What was left alone is ordered anew once everything is known.
            State::Enforced | State::Audited | State::Open | State::Opened(_) | State::LeftAlone => None,
            State::Waiting => Some(LONGEST_SEARCH),
            State::Closed(_) | State::Failed(_) => Some(LONGEST_PAUSE),
        };
        let pause = self.pause.map_or(PAUSE, |(pause, _)| 2 * pause);
        self.pause = longest.map(|longest| pause.min(longest)).map(|pause| (pause, Instant::now() + pause));
    }
}

impl<T: PodTable> Enforced<T> {
    /// Undoes what somebody else did to its tables, and tells whether that was so. Gives those of which that failed: they have to be
    /// taken over anew.
    pub(super) fn mend(&mut self) -> (bool, Vec<T>) {
        let (mut is_changed, mut broken) = (false, Vec::new());
        // What has rules and is to have none loses them anyway.
        let Aim::Rules(rules) = &self.order.aim else { return (false, Vec::new()) };
        let make: MakeProgram<'_> = &|flows| rules.program(&self.frame, flows);
        for (id, (_, table)) in &mut self.homes {
            match table.mend(make) {
                Ok(was_changed) => is_changed |= was_changed,
                Err(reason) => {
                    tracing::warn!(
                        "the rules of {} cannot be looked after in {id}: {reason}",
                        self.order.pod
                    );
                    broken.push(*id);
                }
            }
        }
        if !broken.is_empty() {
            self.located = None;
        }
        let broken = broken.into_iter().filter_map(|id| self.homes.remove(&id)).map(|(_, table)| table);
        (is_changed, broken.collect())
    }

    /// What its rules have counted since they were asked last. Who cannot be asked now is asked again.
    pub(super) fn count(&mut self) -> Vec<(Counter, u64)> {
        let Self { homes, tallies, .. } = self;
        tallies.retain(|id, _| homes.contains_key(id));
        let counted = homes.iter().filter_map(|(id, (_, table))| Some((id, table.counts().ok()?)));
        let more =
            counted.map(|(id, counts)| tallies.entry(*id).or_insert_with(Tally::of_found).take(&counts));
        more.flatten().collect()
    }

    /// Flows that its rules have denied since this was asked last, if there are any. Who cannot be asked now is asked again.
    pub(super) fn newly_denied(&mut self) -> Option<Vec<DeniedFlow>> {
        let tables = self.homes.values();
        let denied = tables.filter_map(|(_, table)| table.denied_flows().ok()).flatten().collect();
        let before = std::mem::replace(&mut self.denied, denied);
        let new: Vec<DeniedFlow> = self.denied.difference(&before).cloned().collect();
        (!new.is_empty()).then_some(new)
    }

    /// Its rules have denied nothing for a while: what they deny next is told, also if it was before.
    pub(super) fn forget_denied(&mut self) {
        self.denied.clear();
    }

    /// Whether its rules become stricter than those that it has.
    pub(super) fn is_stricter(&self, changes: &mut Changes) -> bool {
        let Aim::Rules(rules) = &self.order.aim else { return false };
        let make: MakeProgram<'_> = &|flows| rules.program(&self.frame, flows);
        self.homes.is_empty() || self.homes.values().any(|(_, table)| table.is_stricter(make, changes))
    }
}
