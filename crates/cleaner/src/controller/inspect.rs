//! What probes and people see of the controller.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use leak_judge::Moment;
use operator_runtime::{Inspect, LeaseState, Role};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::silence::Silence;
use crate::{Clock, Passage, SourceStatus, Status, SystemClock};

/// The latest status, and the election.
pub(super) struct Inspection {
    status: Mutex<Option<Status>>,
    lease: watch::Receiver<LeaseState>,
    silence: Silence,
    clock: SystemClock,
}

impl Inspection {
    pub(super) fn new(lease: watch::Receiver<LeaseState>, silence: Silence, clock: SystemClock) -> Self {
        Self { status: Mutex::new(None), lease, silence, clock }
    }

    pub(super) fn show(&self, status: Status) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
    }

    fn with_status<T>(&self, see: impl FnOnce(&Status) -> T) -> Option<T> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(see)
    }

    fn role(&self) -> Role {
        self.lease.borrow().role.clone()
    }
}

impl Inspect for Inspection {
    /// A standby is as ready as a leader.
    fn ready(&self) -> Vec<String> {
        let unread = |status: &Status| -> Vec<String> {
            let unread = status.sources.iter().filter(|(_, source)| !source.is_synced);
            unread.map(|(name, source)| format!("{name}: {}", source.words)).collect()
        };
        let mut reasons =
            self.with_status(unread).unwrap_or_else(|| vec!["nothing has been looked at yet".to_owned()]);
        if let Role::Unknown { reason } = self.role() {
            reasons.push(format!("lease: {reason}"));
        }
        reasons
    }

    fn state(&self) -> Value {
        let role = self.role().to_string();
        let state = |status: &Status| {
            let doubtful = status.doubtful.iter().map(|((verdict, reason), count)| {
                json!({"verdict": verdict, "reason": reason.code(), "endpoints": count})
            });
            let silence = self.silence.lengths();
            let source = |(name, source): (&String, &SourceStatus)| {
                let silent = silence.get(name).map(Duration::as_secs);
                (name.clone(), json!({"state": source.words, "silentSeconds": silent}))
            };
            let sources: serde_json::Map<String, Value> = status.sources.iter().map(source).collect();
            json!({
                "lease": role,
                "leading": status.is_leading,
                "canJudge": status.can_judge,
                "sources": sources,
                "pods": status.pods,
                "nodes": status.nodes,
                "endpoints": status.endpoints,
                "networks": status.networks,
                "doubtful": doubtful.collect::<Vec<_>>(),
                "parked": status.parked,
                "anomalies": status.anomalies,
                "orphanBrake": status.orphan_brake,
                "brake": brake(status, self.clock.now()),
                "troubles": status.troubles,
            })
        };
        self.with_status(state).unwrap_or_else(|| json!({"lease": self.role().to_string()}))
    }
}

/// `secondsLeft` is null where only somebody's word ends the hold.
fn brake(status: &Status, now: Moment) -> Value {
    match &status.brake {
        Passage::Free => json!({"state": "open"}),
        Passage::OneByOne => json!({"state": "one-by-one"}),
        Passage::Closed { why, until } => json!({
            "state": "holds",
            "why": why,
            "heldEndpoints": status.held_by_brake,
            "secondsLeft": until.map(|until| until.since(now).as_secs()),
        }),
    }
}
