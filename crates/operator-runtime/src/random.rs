//! Random numbers that tell instances and attempts apart. Not for secrets.

use std::hash::{BuildHasher, RandomState};

/// A random number. The keys of hash tables are drawn by the system, which is all that is needed here.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(())
}
