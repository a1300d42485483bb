//! What happened to the objects of one collection, as far back as is remembered: watches read it from the
//! revision they know. Writers hold the store, readers only the log.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::object::Object;

/// A change of one object.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The object afterwards; of a removed one the last state, with the revision of its removal.
    pub(crate) object: Arc<Object>,
    pub(crate) before: Option<Arc<Object>>,
    pub(crate) is_removal: bool,
}

/// Why there are no more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// What comes after that revision is forgotten.
    Forgotten,
    /// The kind is not served any more.
    Withdrawn,
}

#[derive(Debug)]
pub(crate) struct Log {
    ring: Mutex<Ring>,
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
struct Ring {
    events: VecDeque<Event>,
    capacity: usize,
    /// Up to this revision, events are forgotten.
    forgotten: u64,
    is_withdrawn: bool,
}

impl Log {
    /// A log of a collection that comes about at a revision.
    pub(crate) fn new(capacity: usize, revision: u64) -> Self {
        let ring = Ring { events: VecDeque::new(), capacity, forgotten: 0, is_withdrawn: false };
        Self { ring: Mutex::new(ring), changed: watch::Sender::new(revision) }
    }

    pub(crate) fn push(&self, event: Event) {
        let revision = event.object.revision;
        {
            let mut ring = self.ring();
            ring.events.push_back(event);
            ring.trim();
        }
        self.changed.send_replace(revision);
    }

    /// Tells everybody who waits that there will be no more.
    pub(crate) fn withdraw(&self) {
        self.ring().is_withdrawn = true;
        self.changed.send_modify(|_| ());
    }

    /// Forgets everything before a revision.
    pub(crate) fn forget(&self, revision: u64) {
        let mut ring = self.ring();
        ring.events.clear();
        ring.forgotten = revision;
    }

    /// The events after a revision.
    pub(crate) fn after(&self, revision: u64) -> Result<Vec<Event>, Ended> {
        let ring = self.ring();
        if revision < ring.forgotten {
            return Err(Ended::Forgotten);
        }
        let first = ring.events.partition_point(|event| event.object.revision <= revision);
        let events: Vec<Event> = ring.events.range(first..).cloned().collect();
        if events.is_empty() && ring.is_withdrawn { Err(Ended::Withdrawn) } else { Ok(events) }
    }

    /// Up to this revision, events are forgotten.
    pub(crate) fn forgotten(&self) -> u64 {
        self.ring().forgotten
    }

    /// Wakes whenever something happens.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn trim(&mut self) {
        while self.events.len() > self.capacity {
            if let Some(event) = self.events.pop_front() {
                self.forgotten = event.object.revision;
            }
        }
    }
}
