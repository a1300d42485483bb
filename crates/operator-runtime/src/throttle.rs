//! Leaves a server alone that asks for it: one value shared by all who send requests, so that one refusal
//! holds back the requests that would be refused next. How long, is `throttle/pace.rs`'s to say. Whether to
//! try again is the caller's.

mod pace;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use kube::Error;
use tokio::time::sleep_until;

use self::pace::{Answer, Pace};
use crate::{clock::now, random::fraction};

/// The pace of all requests to one server. Clones share it.
///
/// The client of kube tries refused requests again by itself, each on its own and without telling; this is of
/// use with a client that does not: see [`connect`](crate::connect).
#[derive(Clone, Debug, Default)]
pub struct Throttle {
    pace: Arc<Mutex<Pace>>,
}

// === impl Throttle ===

impl Throttle {
    /// Sends a request once the server wants to hear one, and takes in what its answer says of the next.
    pub async fn run<T>(&self, request: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.ready().await;
        let sent = now();
        let answer = request.await;
        self.pace().heed(meaning(answer.as_ref().err()), (sent, now()), fraction());
        answer
    }

    /// Waits until the server wants to hear requests.
    pub async fn ready(&self) {
        loop {
            // What is waited for may be put off meanwhile.
            let Some(until) = self.pace().paused_until(now()) else { return };
            sleep_until(until.into()).await;
        }
    }

    /// Holds back all requests until a moment, where they are not held back for longer already.
    pub fn pause_until(&self, until: Instant) {
        self.pace().pause_until(until, now());
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an answer says about the server, whatever it says about the request.
fn meaning(error: Option<&Error>) -> Answer {
    match error {
        Some(Error::Api(status)) if matches!(status.code, 429 | 503) => {
            let seconds = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
            // Zero is how an answer says nothing.
            let wish = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
            Answer::Refused(wish)
        }
        None | Some(Error::Api(_)) => Answer::Heard,
        Some(_) => Answer::None,
    }
}

#[cfg(test)]
mod tests;
