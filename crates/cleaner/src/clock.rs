//! The seam to time: what the loop asks of a clock, and the real one.

use std::{future::Future, time::Instant};

use leak_judge::Moment;

/// A monotonic clock that can be waited on.
pub trait Clock {
    /// The present.
    fn now(&self) -> Moment;

    /// Waits for a moment.
    fn sleep_until(&self, moment: Moment) -> impl Future<Output = ()>;
}

/// The machine's monotonic clock, counted from when this was made.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts counting.
    #[expect(clippy::new_without_default, reason = "a clock that starts by default starts by accident")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment::START + self.start.elapsed()
    }

    async fn sleep_until(&self, moment: Moment) {
        tokio::time::sleep(moment.since(self.now())).await;
    }
}
