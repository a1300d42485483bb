//! What work costs: time, and what all threads of this process compute meanwhile.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The time and the CPU time of some work, in ms.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    pub wall: f64,
    pub cpu: f64,
}

impl Spent {
    /// Does something, and gives what it cost.
    pub fn on<T>(work: impl FnOnce() -> T) -> (Self, T) {
        let (begun, before) = (Instant::now(), cpu());
        let result = work();
        let spent =
            Self { wall: milliseconds(begun.elapsed()), cpu: milliseconds(cpu().saturating_sub(before)) };
        (spent, result)
    }

    /// Of each the value of which half are below.
    pub fn median(all: &[Self]) -> Self {
        let of = |part: fn(&Self) -> f64| testkit::median(&mut all.iter().map(part).collect::<Vec<_>>());
        Self { wall: of(|it| it.wall), cpu: of(|it| it.cpu) }
    }
}

/// With both of its parts.
impl std::fmt::Display for Spent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} ms ({:.2} ms CPU)", self.wall, self.cpu)
    }
}

fn cpu() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
