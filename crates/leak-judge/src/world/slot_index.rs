//! Finds endpoints by what is written in them. It holds no second copy of that: a place takes 8 bytes, where the
//! copy would take 50, and a million endpoints are found in what the caches of a machine hold.

use std::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::Slot;

/// The places of endpoints by the hash of a key, which few of them share.
#[derive(Debug, Default)]
pub struct SlotIndex {
    hasher: DefaultHashBuilder,
    entries: HashTable<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Kept, so that a table that grows needs not look at the endpoints.
    hash: u32,
    slot: Slot,
}

impl SlotIndex {
    /// How many places are in it.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The place of the endpoint that has this key, of which `has_key` is certain.
    pub(super) fn find(&self, key: &impl Hash, has_key: impl Fn(Slot) -> bool) -> Option<Slot> {
        let hash = self.hash(key);
        let entry = self.entries.find(spread(hash), |entry| entry.hash == hash && has_key(entry.slot));
        entry.map(|entry| entry.slot)
    }

    pub(super) fn insert(&mut self, key: &impl Hash, slot: Slot) {
        let hash = self.hash(key);
        self.entries.insert_unique(spread(hash), Entry { hash, slot }, |entry| spread(entry.hash));
    }

    /// The key has to be that with which the place was put in.
    pub(super) fn remove(&mut self, key: &impl Hash, slot: Slot) {
        let hash = self.hash(key);
        if let Ok(entry) = self.entries.find_entry(spread(hash), |entry| entry.slot == slot) {
            entry.remove();
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is one too")]
    fn hash(&self, key: &impl Hash) -> u32 {
        self.hasher.hash_one(key) as u32
    }
}

/// The table goes by the lowest bits of a hash and by the highest.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_with_one_key_each_is_found_until_it_is_removed() {
        let keys = ["one", "two", "one"];
        let mut index = SlotIndex::default();
        let slots = [Slot(0), Slot(1), Slot(2)];
        keys.iter().zip(slots).for_each(|(key, slot)| index.insert(key, slot));

        assert_eq!(index.find(&"one", |slot| slot == Slot(2)), Some(Slot(2)));
        index.remove(&"one", Slot(2));
        assert_eq!(index.find(&"one", |_| true), Some(Slot(0)));
        index.remove(&"one", Slot(0));
        assert_eq!(index.find(&"one", |_| true), None);
        assert_eq!(index.find(&"two", |_| true), Some(Slot(1)));
        assert_eq!(index.len(), 1);
    }
}
