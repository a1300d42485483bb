//! Does anew what others have come between. How often, and after which pauses, is decided here alone.

use std::time::Duration;

use crate::{Failure, StoreError};

/// How often an object is read anew because somebody else has changed it.
const ATTEMPTS: u32 = 12;

/// How long the first wait after a conflict is; each further one is twice as long, up to the last.
const FIRST_WAIT: Duration = Duration::from_millis(5);

/// Does something anew that was refused because an object is not what it was, until it works or has been tried often.
pub async fn again_if_changed<T>(
    mut work: impl AsyncFnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut wait = FIRST_WAIT;
    for _ in 1..ATTEMPTS {
        match work().await {
            // It may be gone, too: the next read shows what it is.
            Err(StoreError { failure: Failure::Conflict | Failure::NotFound, .. }) => {
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            done => return done,
        }
    }
    work().await
}
