//! What probes and people see of the agent.

use std::sync::{Arc, Mutex, PoisonError};

use danm_api::FieldProblem;
use jiff::Timestamp;
use operator_runtime::{Inspect, LeaseState};
use policy_engine::Ruleset;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::{
    enforcement::status::Status,
    programmed,
    report::{Flawed, Report, Unreadable},
};

/// The latest report, and the election.
pub(super) struct Inspection {
    node: String,
    is_dry_run: bool,
    report: Mutex<Option<Report>>,
    lease: watch::Receiver<LeaseState>,
}

/// Policies, and objects, that are named: people read no more.
const SHOWN: usize = 1_000;

impl Inspection {
    pub(super) fn new(node: String, is_dry_run: bool, lease: watch::Receiver<LeaseState>) -> Self {
        Self { node, is_dry_run, report: Mutex::new(None), lease }
    }

    pub(super) fn show(&self, report: Report) {
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
    }

    fn with_report<T>(&self, see: impl FnOnce(&Report) -> T) -> Option<T> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(see)
    }
}

impl Inspect for Inspection {
    /// Who writes is no matter of being ready: a node is watched without.
    fn ready(&self) -> Vec<String> {
        self.with_report(|report| report.gaps.clone())
            .unwrap_or_else(|| vec!["nothing has been looked at yet".to_owned()])
    }

    fn state(&self) -> Value {
        let lease = self.lease.borrow().clone();
        let mut state = json!({
            "node": self.node,
            "dryRun": self.is_dry_run,
            "lease": lease.role.to_string(),
            "leading": lease.is_leading(),
        });
        if let Some(Value::Object(report)) = self.with_report(shown)
            && let Some(state) = state.as_object_mut()
        {
            state.extend(report);
        }
        state
    }
}

fn shown(report: &Report) -> Value {
    let sources: Map<String, Value> =
        report.sources.iter().map(|(name, (words, _))| (name.clone(), words.as_str().into())).collect();
    let states: Map<String, Value> = report
        .findings
        .states
        .iter()
        .map(|(state, count)| (state.code().to_owned(), (*count).into()))
        .collect();
    json!({
        "sources": sources,
        "localPods": report.local_pods,
        "policies": states,
        "flawedPolicies": report.findings.flawed.iter().take(SHOWN).map(flawed).collect::<Vec<_>>(),
        "flawedPoliciesNotShown": report.findings.flawed.len().saturating_sub(SHOWN),
        "uncoveredPods": report.uncovered.iter().map(|(name, count)| (name.to_string(), (*count).into())).collect::<Map<_, _>>(),
        "unreadable": report.unreadable.iter().take(SHOWN).map(unreadable).collect::<Vec<_>>(),
        "unreadableNotShown": report.unreadable.len().saturating_sub(SHOWN),
        "troubles": report.troubles,
        "openedNamespaces": report.opened.iter().take(SHOWN).map(|name| &**name).collect::<Vec<_>>(),
        "pods": report.pods.iter().map(|it| pod(it, report.rules.get(&it.0.pod))).collect::<Vec<_>>(),
    })
}

fn pod((status, since): &(Status, Timestamp), rules: Option<&Arc<Ruleset>>) -> Value {
    let refused = status.refused.iter().map(|(path, reason)| json!({"path": path, "reason": reason}));
    json!({
        "namespace": &*status.pod.namespace,
        "name": &*status.pod.name,
        "uid": &*status.uid,
        "state": status.state.code(),
        "since": since.to_string(),
        "reason": status.state.reason(),
        "rules": rules.map(|rules| programmed::gates(rules)).unwrap_or_default(),
        "networkNamespaces": status.namespaces,
        "networkNamespacesWithoutRules": status.more,
        "absentInterfaces": status.absent,
        "referenceRules": {
            "chains": status.reference.found,
            "suspicions": status.reference.suspected,
            "removals": status.reference.removals,
            "problem": status.reference.problem,
        },
        "refusedPaths": refused.collect::<Vec<_>>(),
    })
}

fn flawed(policy: &Flawed) -> Value {
    json!({
        "group": policy.key.group.name(),
        "namespace": &*policy.key.name.namespace,
        "name": &*policy.key.name.name,
        "state": policy.state.code(),
        "problems": policy.problems.iter().map(in_words).collect::<Vec<_>>(),
        "unresolved": policy.unresolved.iter().map(in_words).collect::<Vec<_>>(),
    })
}

fn in_words(problem: &FieldProblem) -> Value {
    json!({"field": problem.field, "problem": problem.problem})
}

fn unreadable(object: &Unreadable) -> Value {
    json!({"kind": object.kind, "name": object.name, "problem": object.problem})
}
