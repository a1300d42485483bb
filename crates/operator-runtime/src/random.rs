//! Random numbers that tell instances and attempts apart. Not for secrets.

use std::hash::{BuildHasher, RandomState};

/// A random number. The keys of hash tables are drawn by the system, which is all that is needed here.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(())
}

/// A random number from 0 to 1.
pub(crate) fn fraction() -> f64 {
    let high = u32::try_from(random() >> 32).unwrap_or_default();
    f64::from(high) / f64::from(u32::MAX)
}
