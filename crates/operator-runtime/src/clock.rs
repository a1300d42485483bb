//! The monotonic clock of the runtime, which tests can stop. Wall clocks are for people who read.

use std::time::Instant;

/// The present.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
