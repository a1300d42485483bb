//! How things stand, as a value for whoever looks from outside: probes, metrics, people.

use std::{collections::BTreeMap, time::Duration};

use leak_judge::{AnomalyKind, Moment, Reason, Verdict};
use serde::Serialize;

use super::{
    brake_state::Passage,
    setbacks::{Setback, Target},
};

/// How things stand.
#[derive(Clone, Debug)]
pub struct Status {
    /// Whether we are the one who may act.
    pub is_leading: bool,
    /// The sources, and how far each was read.
    pub sources: BTreeMap<String, SourceStatus>,
    /// Whether verdicts are possible at all.
    pub can_judge: bool,
    /// Number of Nodes.
    pub nodes: usize,
    /// Number of Pods.
    pub pods: usize,
    /// Number of endpoints.
    pub endpoints: usize,
    /// Number of networks.
    pub networks: usize,
    /// Objects that cannot be used, and why.
    pub parked: BTreeMap<String, String>,
    /// Endpoints that were not found alive, by verdict and reason.
    pub doubtful: BTreeMap<(Verdict, Reason), usize>,
    /// What does not agree in the address books of networks, as far as it is no passing state.
    pub anomalies: BTreeMap<AnomalyKind, AnomalyStatus>,
    /// Why no bits without endpoints are cleared, if there are too many of them.
    pub orphan_brake: Option<String>,
    /// What the brake lets pass.
    pub brake: Passage,
    /// Endpoints that are proved dead and held by the brake.
    pub held_by_brake: usize,
    /// What did not work and is left alone for a while.
    pub troubles: Vec<Trouble>,
}

/// How far a source was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceStatus {
    /// Whether it was listed and is being watched.
    pub is_synced: bool,
    /// The same for people, with the reason if it cannot be read.
    pub words: String,
}

/// Anomalies of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AnomalyStatus {
    /// How many addresses they are about.
    pub count: usize,
    /// The first of them.
    pub examples: Vec<String>,
}

/// Something that did not work.
#[derive(Clone, Debug, Serialize)]
pub struct Trouble {
    /// The object.
    pub object: String,
    /// Why.
    pub error: String,
    /// How often in a row.
    pub failures: u32,
    /// Seconds until it is tried again.
    pub retry_in_seconds: u64,
}

impl Trouble {
    pub(super) fn new(target: &Target, setback: &Setback, now: Moment) -> Self {
        let object = match target {
            Target::Network(id) => id.to_string(),
            Target::Endpoint(id) => id.to_string(),
            Target::Endpoints(group) => format!("danmeps.{group}"),
            Target::NodeLease(node) => format!("the Lease of the kubelet of Node {node}"),
            Target::Calico => "Calico's datastore".to_owned(),
        };
        let wait: Duration = setback.until.since(now);
        let error = setback.error.to_string();
        Self { object, error, failures: setback.failures, retry_in_seconds: wait.as_secs() }
    }
}
