//! What probes and people see of the controller.

use std::sync::{Mutex, PoisonError};

use operator_runtime::{Inspect, LeaseState, Role};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{Passage, Status};

/// The latest status, and the election.
pub(super) struct Inspection {
    status: Mutex<Option<Status>>,
    lease: watch::Receiver<LeaseState>,
}

impl Inspection {
    pub(super) fn new(lease: watch::Receiver<LeaseState>) -> Self {
        Self { status: Mutex::new(None), lease }
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
            let sources: serde_json::Map<String, Value> =
                status.sources.iter().map(|(name, source)| (name.clone(), json!(source.words))).collect();
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
                "brake": brake(&status.brake),
                "troubles": status.troubles,
            })
        };
        self.with_status(state).unwrap_or_else(|| json!({"lease": self.role().to_string()}))
    }
}

fn brake(passage: &Passage) -> Value {
    match passage {
        Passage::Free => json!({"state": "open"}),
        Passage::OneByOne => json!({"state": "one-by-one"}),
        Passage::Closed { why, .. } => json!({"state": "holds", "why": why}),
    }
}
