//! Objects that were seen to go, for as long as an old read or event may still tell of them.

use std::{collections::VecDeque, time::Duration};

use hashbrown::HashSet;

use crate::{Moment, Uid};

/// No request is answered later, and no watch is behind for longer without being begun anew.
const KEPT: Duration = Duration::from_secs(120);

/// Uids that are gone: they never come back, except with a restored data store, whose lists say so.
#[derive(Debug, Default)]
pub struct Tombstones {
    uids: HashSet<Uid>,
    by_age: VecDeque<(Moment, Uid)>,
}

impl Tombstones {
    pub(super) fn bury(&mut self, uid: Uid, now: Moment) {
        while let Some((at, old)) = self.by_age.front() {
            if now.since(*at) <= KEPT {
                break;
            }
            self.uids.remove(old);
            self.by_age.pop_front();
        }
        if self.uids.insert(uid.clone()) {
            self.by_age.push_back((now, uid));
        }
    }

    pub(super) fn holds(&self, uid: &Uid) -> bool {
        self.uids.contains(uid)
    }

    /// A list is newer than whatever was seen before.
    pub(super) fn rises(&mut self, uid: &Uid) {
        // A list asks for each of its objects, and the first list of all for none that was ever there.
        if !self.uids.is_empty() {
            self.uids.remove(uid);
        }
    }
}
