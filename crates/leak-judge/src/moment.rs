//! Our own clock. Verdicts rest on it alone: the clocks of nodes, API servers and Cleaners may be minutes
//! apart, and may jump.

use std::{ops::Add, time::Duration};

/// A point of a monotonic clock, as distance from an arbitrary start that all moments of a process share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    nanos: u64,
}

impl Moment {
    /// The start of the clock.
    pub const START: Self = Self { nanos: 0 };

    /// Time from `earlier` to this moment; zero if it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    /// Saturates after 584 years.
    fn add(self, later: Duration) -> Self {
        let later = u64::try_from(later.as_nanos()).unwrap_or(u64::MAX);
        Self { nanos: self.nanos.saturating_add(later) }
    }
}
