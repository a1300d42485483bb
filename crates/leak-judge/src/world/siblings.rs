//! Endpoints that have a key in common: nearly always one, of a Pod mostly two or three. Only one of them is in an index;
//! each knows the next. Whoever makes many of one key makes no addition slow.

use std::{hash::Hash, iter};

use super::{Slot, slot_index::SlotIndex};

/// Chains of places.
#[derive(Debug, Default)]
pub struct Siblings {
    firsts: SlotIndex,
    /// By their places, which come next.
    next: Vec<Option<Slot>>,
}

impl Siblings {
    /// The places of those that have a key, of which `has_key` is certain.
    pub(super) fn of(
        &self,
        key: &impl Hash,
        has_key: impl Fn(Slot) -> bool,
    ) -> impl Iterator<Item = Slot> + '_ {
        iter::successors(self.firsts.find(key, has_key), |slot| self.after(*slot))
    }

    /// `has_key` speaks of the others.
    pub(super) fn add(&mut self, key: &impl Hash, slot: Slot, has_key: impl Fn(Slot) -> bool) {
        if self.next.len() <= slot.index() {
            self.next.resize(slot.index() + 1, None);
        }
        match self.firsts.find(key, has_key) {
            Some(first) => {
                self.link(slot, self.after(first));
                self.link(first, Some(slot));
            }
            None => self.firsts.insert(key, slot),
        }
    }

    pub(super) fn remove(&mut self, key: &impl Hash, slot: Slot, has_key: impl Fn(Slot) -> bool) {
        let after = self.after(slot);
        let mut siblings = self.of(key, has_key);
        let before = siblings.by_ref().take_while(|other| *other != slot).last();
        drop(siblings);
        match (before, after) {
            (Some(before), after) => self.link(before, after),
            (None, after) => {
                self.firsts.remove(key, slot);
                if let Some(heir) = after {
                    self.firsts.insert(key, heir);
                }
            }
        }
        self.link(slot, None);
    }

    fn after(&self, slot: Slot) -> Option<Slot> {
        self.next.get(slot.index()).copied().flatten()
    }

    fn link(&mut self, slot: Slot, next: Option<Slot>) {
        if let Some(link) = self.next.get_mut(slot.index()) {
            *link = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn those_of_one_key_are_there_until_they_go() {
        let mut siblings = Siblings::default();
        let mut keys = ["pod"; 6];
        keys[3] = "other";
        let has = |key: &'static str| move |slot: Slot| keys[slot.index()] == key;
        for place in [0, 1, 2, 3, 4] {
            let key = keys[place];
            siblings.add(&key, Slot(u32::try_from(place).expect("fits")), has(key));
        }
        let of = |siblings: &Siblings, key| {
            siblings
                .of(&key, has(key))
                .map(Slot::index)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(of(&siblings, "pod"), [0, 1, 2, 4]);
        for (gone, left) in [(1, vec![0, 2, 4]), (0, vec![2, 4]), (4, vec![2]), (2, vec![])] {
            siblings.remove(&"pod", Slot(gone), has("pod"));
            assert_eq!(of(&siblings, "pod"), left, "without {gone}");
        }
        assert_eq!(of(&siblings, "other"), [3]);
        siblings.add(&"pod", Slot(1), has("pod"));
        siblings.add(&"pod", Slot(5), has("pod"));
        assert_eq!(of(&siblings, "pod"), [1, 5]);
    }
}
