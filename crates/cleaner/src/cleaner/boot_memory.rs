//! When what is known of boots is read, and when it is stored: decides, does neither.
//!
//! Whoever begins reads it before the first verdict, or learns that it cannot be read: then nothing is known of boots
//! that were not seen, and the other proofs remain.

use std::{collections::BTreeMap, time::Duration};

use leak_judge::{Boots, Moment};

use crate::{ApiError, Failure, StoredBoots};

/// How often signs of life are stored, with which an earlier boot is told from a later one.
const REFRESHED_EVERY: Duration = Duration::from_secs(300);

/// The shortest time between two writes: many machines that start together are one write.
const PAUSE: Duration = Duration::from_secs(5);

/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// A request to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BootWork {
    /// Read what is stored.
    Read,
    /// Store these entries over what was read.
    Store(StoredBoots, BTreeMap<String, String>),
}

/// What is stored, as far as is known, and when to look after it again.
#[derive(Debug, Default)]
pub(super) struct BootMemory {
    /// As last read or written.
    stored: Option<StoredBoots>,
    has_answer: bool,
    is_busy: bool,
    not_before: Moment,
    refreshed: Moment,
    /// The revision of what is known that is stored, or is being stored.
    settled: Option<u64>,
}

impl BootMemory {
    /// Whether it is known what was stored, or that this cannot be known now.
    pub(super) const fn has_answer(&self) -> bool {
        self.has_answer
    }

    /// The next request, if one is due.
    pub(super) fn due(&mut self, boots: &Boots, may_store: bool, now: Moment) -> Option<BootWork> {
        if self.is_busy || now < self.not_before {
            return None;
        }
        let work = match self.stored.clone() {
            None => Some(BootWork::Read),
            Some(stored) => may_store.then(|| self.storing(stored, boots, now)).flatten(),
        };
        self.is_busy = work.is_some();
        work
    }

    /// When the next may be due for want of time alone.
    pub(super) fn next(&self, boots: &Boots, may_store: bool) -> Option<Moment> {
        let is_open = self.stored.is_none() || self.settled != Some(boots.revision());
        let next =
            if is_open { self.not_before } else { self.not_before.max(self.refreshed + REFRESHED_EVERY) };
        let next = (self.stored.is_none() || may_store).then_some(next);
        next.filter(|_| !self.is_busy)
    }

    /// Takes in what is stored now. Gives what was read anew.
    pub(super) fn answered(
        &mut self,
        result: Result<StoredBoots, ApiError>,
        now: Moment,
    ) -> Option<BTreeMap<String, String>> {
        self.is_busy = false;
        self.has_answer = true;
        match result {
            Ok(stored) => {
                let is_read = self.stored.is_none();
                let entries = is_read.then(|| stored.entries.clone());
                self.stored = Some(stored);
                if !is_read {
                    self.not_before = now + PAUSE;
                    self.refreshed = now;
                }
                entries
            }
            Err(error) => {
                let is_overtaken = matches!(error.failure, Failure::Conflict(_) | Failure::NotFound);
                if !is_overtaken {
                    tracing::warn!("what machines were started anew is not known across restarts: {error}");
                }
                (self.stored, self.settled) = (None, None);
                self.not_before = if is_overtaken { now } else { now + RETRY };
                None
            }
        }
    }

    fn storing(&mut self, stored: StoredBoots, boots: &Boots, now: Moment) -> Option<BootWork> {
        let is_stale = now >= self.refreshed + REFRESHED_EVERY;
        if !is_stale && self.settled == Some(boots.revision()) {
            return None;
        }
        let entries = boots.to_store();
        (self.settled, self.refreshed) = (Some(boots.revision()), now);
        (entries != stored.entries).then_some(BootWork::Store(stored, entries))
    }
}
