//! Waiting for what a program will have done, without guessing how long it takes. What is waited for is the test's to say.

use std::time::{Duration, Instant};

/// How long anything may take that takes no time worth mentioning.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits for a condition.
///
/// # Panics
/// If it does not come about.
pub async fn eventually(what: &str, holds: impl AsyncFnMut() -> bool) {
    within(PATIENCE, what, holds).await;
}

/// Waits for a condition that may take longer than usual.
///
/// # Panics
/// If it does not come about.
pub async fn within(limit: Duration, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
