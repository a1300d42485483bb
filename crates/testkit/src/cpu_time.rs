//! What work costs, for benchmarks: CPU time, which does not count what others do meanwhile as the wall clock does.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The CPU time of this thread, from its start. Exact for short work too: the statistics in `/proc` are brought up to
/// date every few milliseconds only.
pub fn cpu_time() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    // This clock begins at zero.
    spent.try_into().unwrap_or_default()
}
