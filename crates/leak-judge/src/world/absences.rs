//! Pods that are known to be gone, and since when. That a Pod is not in the index says less: its watch may be behind, and
//! never have told of it.

use std::{collections::VecDeque, time::Duration};

use hashbrown::HashMap;

use crate::{Moment, Uid};

/// Who is asked for later has to be asked for again.
const KEPT: Duration = Duration::from_secs(600);

/// The uids of those that were seen to go, or were not there when they were asked for.
#[derive(Debug, Default)]
pub struct Absences {
    since: HashMap<Uid, Moment>,
    by_age: VecDeque<(Moment, Uid)>,
}

impl Absences {
    /// A Pod is gone by now.
    pub(super) fn note(&mut self, uid: &Uid, now: Moment) {
        while let Some((at, old)) = self.by_age.front() {
            if now.since(*at) <= KEPT {
                break;
            }
            if self.since.get(old) == Some(at) {
                self.since.remove(old);
            }
            self.by_age.pop_front();
        }
        if !self.since.contains_key(uid) {
            self.since.insert(uid.clone(), now);
            self.by_age.push_back((now, uid.clone()));
        }
    }

    /// It is there all the same.
    pub(super) fn forget(&mut self, uid: &Uid) {
        self.since.remove(uid);
    }

    /// Since when a Pod is known to be gone.
    pub(super) fn since(&self, uid: &Uid) -> Option<Moment> {
        self.since.get(uid).copied()
    }
}
