//! What is to be written about policies, and what people are to be told: a function of the world, of what their status says
//! now, and of the time. Nothing is written here.

use danm_api::{DanmKind, VERSION};
use jiff::{Timestamp, fmt::temporal::DateTimePrinter};
use k8s_openapi::api::core::v1::ObjectReference;
use operator_runtime::{EventKind, EventNote};
use policy_engine::{Condition, PolicyKey, World, conditions};
use serde_json::{Value, json};

use super::told::Record;

/// What is to be written about one policy.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Statement {
    pub(super) key: PolicyKey,
    /// The version that was judged: if there is a later one, nothing is written.
    pub(super) version: String,
    /// All of its conditions: a list is replaced as a whole.
    pub(super) conditions: Vec<Value>,
    /// What people are told once that is written: then it is so for whoever reviews the policy next.
    pub(super) notes: Vec<EventNote>,
}

/// What is to be written about those of these policies whose status does not say what is so.
pub(super) fn review<'a>(
    world: &World,
    policies: impl IntoIterator<Item = (&'a PolicyKey, &'a Record)>,
    now: Timestamp,
) -> Vec<Statement> {
    let statements = policies.into_iter().filter_map(|(key, record)| {
        let own = conditions(world, key)?;
        statement(key, record, &own, now)
    });
    statements.collect()
}

fn statement(key: &PolicyKey, record: &Record, own: &[Condition], now: Timestamp) -> Option<Statement> {
    let is_ours = |stored: &&Value| own.iter().any(|condition| stored["type"] == condition.r#type);
    let ours: Vec<&Value> = record.conditions.iter().filter(is_ours).collect();
    let written: Vec<Value> = own.iter().map(|condition| written(condition, record, now)).collect();
    if ours == written.iter().collect::<Vec<_>>() {
        return None;
    }
    let notes = own.iter().filter(|condition| !condition.is_so && is_news(condition, record));
    let notes = notes.map(|condition| note(key, record, condition)).collect();
    let others = record.conditions.iter().filter(|stored| !is_ours(stored)).cloned();
    Some(Statement {
        key: key.clone(),
        version: record.version.clone(),
        conditions: written.into_iter().chain(others).collect(),
        notes,
    })
}

/// The condition as it is stored.
fn written(condition: &Condition, record: &Record, now: Timestamp) -> Value {
    let status = status(condition);
    let stored = stored(condition, record);
    let since = stored.filter(|stored| stored["status"] == status);
    let since = since.and_then(|stored| stored["lastTransitionTime"].as_str());
    let since = since.filter(|since| since.parse::<Timestamp>().is_ok());
    let mut written = json!({
        "type": condition.r#type,
        "status": status,
        "reason": condition.reason,
        "message": condition.message,
        "lastTransitionTime": since.map_or_else(|| seconds(now), str::to_owned),
    });
    if let Some(generation) = record.generation {
        written["observedGeneration"] = generation.into();
    }
    written
}

/// Whether people were not told yet: of what the status says already, they were.
fn is_news(condition: &Condition, record: &Record) -> bool {
    stored(condition, record).is_none_or(|stored| {
        stored["status"] != status(condition)
            || stored["reason"] != condition.reason
            || stored["message"] != *condition.message
    })
}

fn note(key: &PolicyKey, record: &Record, condition: &Condition) -> EventNote {
    let regarding = ObjectReference {
        api_version: Some(format!("{}/{VERSION}", key.group)),
        kind: Some(DanmKind::NetworkPolicy.name().to_owned()),
        namespace: Some(key.name.namespace.to_string()),
        name: Some(key.name.name.to_string()),
        uid: Some(record.uid.clone()),
        ..ObjectReference::default()
    };
    EventNote {
        regarding,
        kind: EventKind::Warning,
        reason: condition.reason.to_owned(),
        message: condition.message.clone(),
        action: "Review".to_owned(),
    }
}

fn stored<'a>(condition: &Condition, record: &'a Record) -> Option<&'a Value> {
    record.conditions.iter().find(|stored| stored["type"] == condition.r#type)
}

const fn status(condition: &Condition) -> &'static str {
    if condition.is_so { "True" } else { "False" }
}

/// Kubernetes counts whole seconds.
fn seconds(now: Timestamp) -> String {
    DateTimePrinter::new().precision(Some(0)).timestamp_to_string(&now)
}

// === impl Statement ===

impl Statement {
    /// The merge patch that says it, of the status alone, and only to the version that was judged.
    pub(super) fn patch(&self) -> Value {
        json!({
            "metadata": {"resourceVersion": self.version},
            "status": {"conditions": self.conditions},
        })
    }
}

#[cfg(test)]
mod tests;
