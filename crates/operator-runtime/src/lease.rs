//! Leader election on a Lease: one of several replicas leads, and says so to the program through a channel.
//!
//! ```text
//!   Election (pure) ── Decision ──> Candidate ── GET, POST, PUT ──> API server
//!        ^                            │  │
//!        └───── what came of it ──────┘  └── watch channel of LeaseState ──> the program
//! ```
//!
//! What leading means is the program's affair. Two who both believe to lead are possible only where a machine
//! stood still, clock and all; whoever needs more makes its writes conditional.

mod candidate;
mod election;
mod record;
mod state;

use std::time::Duration;

use kube::Client;
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::timeout,
};

use self::candidate::Candidate;
pub use self::state::{LeaseState, Role};

/// How long giving back a Lease may hold up a shutdown.
const RELEASE: Duration = Duration::from_secs(1);

/// Which Lease, and who wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseConfig {
    /// The namespace of the Lease.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Who we are; see [`identity`](crate::identity). No two candidates may have the same.
    pub identity: String,
    /// How fast everything goes.
    pub timings: LeaseTimings,
}

/// How fast an election goes. Each is to be well below the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimings {
    /// How long a Lease that is not renewed is left to its holder; told in whole seconds.
    pub lease: Duration,
    /// How long a leader that cannot renew goes on.
    pub renew_deadline: Duration,
    /// Time between two tries.
    pub retry: Duration,
}

/// A part in an election. Who drops it stops to renew, so that another leads once the Lease has run out.
#[derive(Debug)]
pub struct Leadership {
    state: watch::Receiver<LeaseState>,
    release: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// Takes part in an election, until the value is dropped or released.
pub fn lead(client: Client, config: LeaseConfig) -> Leadership {
    let (release, released) = oneshot::channel();
    let (candidate, state) = Candidate::new(client, config);
    Leadership { state, release: Some(release), task: tokio::spawn(candidate.run(released)) }
}

// === impl Leadership ===

impl Leadership {
    /// How the election stands, now and from now on.
    pub fn state(&self) -> watch::Receiver<LeaseState> {
        self.state.clone()
    }

    /// Gives the Lease back, so that another leads at once. Whoever calls this has ceased to act as leader.
    /// Takes a second at most, whatever the server does.
    pub async fn release(mut self) {
        if let Some(release) = self.release.take() {
            // A task that has ended has nothing to give back.
            let _ = release.send(());
        }
        let _ = timeout(RELEASE, &mut self.task).await;
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl LeaseTimings ===

impl Default for LeaseTimings {
    /// As in client-go.
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

impl LeaseTimings {
    /// The duration as a Lease tells it: rounded up, so that others wait for long enough.
    fn lease_seconds(&self) -> u32 {
        let seconds = self.lease.as_secs() + u64::from(self.lease.subsec_nanos() > 0);
        u32::try_from(seconds).unwrap_or(u32::MAX).clamp(1, i32::MAX.unsigned_abs())
    }
}
