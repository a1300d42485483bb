//! What was said lately. Memory is bounded: of very many notes the oldest are forgotten, and may be said again.

use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

use super::EventNote;

/// How long the same is not said again.
const LATELY: Duration = Duration::from_secs(600);

/// Notes that are remembered, by their hashes.
const MEMORY: usize = 4096;

/// The notes said lately.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// Keyed at random: tenants choose names.
    hasher: RandomState,
    said: HashSet<u64>,
    /// The same, by when each was said, the oldest first.
    order: VecDeque<(Instant, u64)>,
}

// === impl Recent ===

impl Recent {
    /// Whether a note was not said lately. From now on it was.
    pub(crate) fn is_new(&mut self, note: &EventNote, now: Instant) -> bool {
        self.forget(now);
        let object = &note.regarding;
        let object = (&object.uid, &object.kind, &object.namespace, &object.name);
        let hash = self.hasher.hash_one((object, &note.reason, &note.message));
        let is_new = self.said.insert(hash);
        if is_new {
            self.order.push_back((now, hash));
        }
        is_new
    }

    fn forget(&mut self, now: Instant) {
        let is_old = |said_at: Instant| now.saturating_duration_since(said_at) >= LATELY;
        while let Some((said_at, hash)) = self.order.front().copied()
            && (is_old(said_at) || self.order.len() >= MEMORY)
        {
            self.order.pop_front();
            self.said.remove(&hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ObjectReference;

    use super::*;
    use crate::EventKind;

    fn note(uid: &str, message: &str) -> EventNote {
        EventNote {
            regarding: ObjectReference { uid: Some(uid.to_owned()), ..ObjectReference::default() },
            kind: EventKind::Normal,
            reason: "Released".to_owned(),
            message: message.to_owned(),
            action: "Release".to_owned(),
        }
    }

    #[test]
    fn the_same_is_said_once_in_ten_minutes() {
        let (mut recent, start) = (Recent::default(), Instant::now());
        assert!(recent.is_new(&note("a", "x"), start));
        assert!(!recent.is_new(&note("a", "x"), start + LATELY.mul_f32(0.99)));
        assert!(recent.is_new(&note("a", "x"), start + LATELY));
    }

    #[test]
    fn another_object_or_message_is_something_else() {
        let (mut recent, now) = (Recent::default(), Instant::now());
        assert!(recent.is_new(&note("a", "x"), now));
        assert!(recent.is_new(&note("b", "x"), now));
        assert!(recent.is_new(&note("a", "y"), now));
        let other_reason = EventNote { reason: "Held".to_owned(), ..note("a", "x") };
        assert!(recent.is_new(&other_reason, now));
    }

    #[test]
    fn memory_is_bounded() {
        let (mut recent, now) = (Recent::default(), Instant::now());
        for index in 0..3 * MEMORY {
            assert!(recent.is_new(&note("a", &index.to_string()), now));
        }
        assert!(recent.said.len() <= MEMORY && recent.order.len() <= MEMORY);
        assert!(!recent.is_new(&note("a", &(3 * MEMORY - 1).to_string()), now));
    }
}
