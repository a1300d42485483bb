//! Following changes: what is seen is taken in at once, and shown a moment after the last of a burst.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::reading::Reading;

/// How long changes are gathered before they are shown.
const BURST: Duration = Duration::from_millis(250);

/// Waits for changes, and takes them in.
pub(crate) async fn next_burst(reading: &mut Reading) -> anyhow::Result<()> {
    reading.changed().await?;
    let end = Instant::now() + BURST;
    while let Ok(changed) = timeout_at(end, reading.changed()).await {
        changed?;
    }
    Ok(())
}

/// Seconds since 1970.
pub(crate) fn seconds_now() -> i64 {
    jiff::Timestamp::now().as_second()
}
