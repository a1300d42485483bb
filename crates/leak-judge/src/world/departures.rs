//! Pods that are known to be gone, since when, and how long their containers may run on.
//!
//! That a Pod is not in the index says less: its watch may be behind, and never have told of it. And who deletes a Pod by
//! force takes its object away at once; its kubelet stops the containers when it learns of that, and gives them the time
//! that the Pod asked for.

use std::time::Duration;

use hashbrown::HashMap;

use crate::{Moment, Uid};

/// By their uids those that were seen to go, or were not there when they were asked for.
#[derive(Debug, Default)]
pub struct Departures {
    by_uid: HashMap<Uid, Departure>,
}

/// What is known of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// By when it was gone.
    pub at: Moment,
    /// How long its containers may take to stop once their kubelet knows.
    pub stops_within: Duration,
}

impl Departures {
    /// A Pod is gone by now. What was known before stays.
    pub(super) fn note(&mut self, uid: &Uid, stops_within: Duration, now: Moment) {
        let departure = self.by_uid.entry(uid.clone()).or_insert(Departure { at: now, stops_within });
        departure.stops_within = departure.stops_within.max(stops_within);
    }

    /// It is there all the same.
    pub(super) fn forget(&mut self, uid: &Uid) {
        // Every Pod that is listed is asked for.
        if !self.by_uid.is_empty() {
            self.by_uid.remove(uid);
        }
    }

    pub(super) fn of(&self, uid: &Uid) -> Option<Departure> {
        self.by_uid.get(uid).copied()
    }

    /// Keeps those that somebody still asks about.
    pub(super) fn retain(&mut self, is_asked_about: impl Fn(&Uid) -> bool) {
        self.by_uid.retain(|uid, _| is_asked_about(uid));
    }
}
