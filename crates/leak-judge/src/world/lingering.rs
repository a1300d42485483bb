//! Pods that are gone while their containers may still run. Who deletes a Pod by force takes its object away at once;
//! its kubelet stops the containers afterwards, and gives them the time that the Pod asked for.

use std::{collections::BTreeSet, time::Duration};

use hashbrown::HashMap;

use crate::{Moment, Uid};

/// Until when the containers of each may run.
#[derive(Debug, Default)]
pub struct Lingering {
    until: HashMap<Uid, Moment>,
    by_end: BTreeSet<(Moment, Uid)>,
}

impl Lingering {
    /// A Pod is gone, and its containers stop within a time. Forgets those that have stopped.
    pub(super) fn begin(&mut self, uid: &Uid, stops_within: Duration, now: Moment) {
        while let Some((end, _)) = self.by_end.first()
            && *end <= now
            && let Some((_, stopped)) = self.by_end.pop_first()
        {
            self.until.remove(&stopped);
        }
        if !stops_within.is_zero() {
            let end = now + stops_within;
            self.until.insert(uid.clone(), end);
            self.by_end.insert((end, uid.clone()));
        }
    }

    pub(super) fn until(&self, uid: &Uid) -> Option<Moment> {
        if self.until.is_empty() { None } else { self.until.get(uid).copied() }
    }
}
