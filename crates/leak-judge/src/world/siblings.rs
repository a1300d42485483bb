//! Endpoints that have a key in common: nearly always one, of a Pod mostly two or three. Only one of them is in an index;
//! each knows its neighbours. Whoever makes many of one key makes nothing slow by it.

use std::{hash::Hash, iter, mem};

use super::{Slot, slot_index::SlotIndex};

/// Chains of places.
#[derive(Debug, Default)]
pub struct Siblings {
    firsts: SlotIndex,
    /// By their places, who stands beside them.
    links: Vec<Link>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Link {
    before: Option<Slot>,
    after: Option<Slot>,
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
        if self.links.len() <= slot.index() {
            self.links.resize(slot.index() + 1, Link::default());
        }
        match self.firsts.find(key, has_key) {
            Some(first) => {
                let after = self.after(first);
                self.join(Some(slot), after);
                self.join(Some(first), Some(slot));
            }
            None => self.firsts.insert(key, slot),
        }
    }

    /// The key has to be that with which it was added.
    pub(super) fn remove(&mut self, key: &impl Hash, slot: Slot) {
        let Some(link) = self.links.get_mut(slot.index()) else { return };
        let Link { before, after } = mem::take(link);
        self.join(before, after);
        if before.is_none() {
            self.firsts.remove(key, slot);
            if let Some(heir) = after {
                self.firsts.insert(key, heir);
            }
        }
    }

    fn after(&self, slot: Slot) -> Option<Slot> {
        self.links.get(slot.index())?.after
    }

    /// Puts two beside each other; nobody, where one of them is nobody.
    fn join(&mut self, before: Option<Slot>, after: Option<Slot>) {
        if let Some(link) = before.and_then(|slot| self.links.get_mut(slot.index())) {
            link.after = after;
        }
        if let Some(link) = after.and_then(|slot| self.links.get_mut(slot.index())) {
            link.before = before;
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
            siblings.remove(&"pod", Slot(gone));
            assert_eq!(of(&siblings, "pod"), left, "without {gone}");
        }
        assert_eq!(of(&siblings, "other"), [3]);
        siblings.add(&"pod", Slot(1), has("pod"));
        siblings.add(&"pod", Slot(5), has("pod"));
        assert_eq!(of(&siblings, "pod"), [1, 5]);
    }
}
