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
    /// Fast enough that a leader that is killed at any moment is replaced in under five seconds. At worst it was
    /// killed right after a renewal that the standby sees one retry later: 0.5 s, then the 4 s of the Lease, and two
    /// quick requests, a read and a write. For that the leader writes twice a second; it is one small object.
    ///
    /// client-go waits for 15 s because its leaders must not act twice. What is led here may: two leaders at once
    /// do no harm, and a lead that is lost costs a pause. So a server that does not answer for 3 s, as in a
    /// brown-out, only makes the leader rest, when there is little that it could do anyway; once the server answers
    /// again, whoever is first goes on. It is rarely so bad: a server that is busy keeps seats for Leases of
    /// `kube-system`, and a request that hangs is given up after half that time, so that there is another try.
    ///
    /// Three seconds instead of four leave a second for clocks that do not run alike, and for the way of a write:
    /// who leads has ceased before anybody else can begin.
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(4),
            renew_deadline: Duration::from_secs(3),
            retry: Duration::from_millis(500),
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
