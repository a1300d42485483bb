//! The columns of Pods, whose state is told in the words of `kubectl`.

use serde_json::{Value, json};

use super::{Column, age};

pub(super) fn columns() -> Vec<Column> {
    vec![
        Column::name(),
        Column::made("Ready", 0, |pod| json!(ready(pod))),
        Column::made("Status", 0, |pod| json!(status(pod))),
        Column::made("Restarts", 0, |pod| json!(restarts(pod).to_string())),
        Column::age(),
        Column::made("IP", 1, |pod| or_none(&pod["status"]["podIP"])),
        Column::made("Node", 1, |pod| or_none(&pod["spec"]["nodeName"])),
        Column::made("Nominated Node", 1, |pod| or_none(&pod["status"]["nominatedNodeName"])),
        Column::made("Readiness Gates", 1, |_| json!("<none>")),
    ]
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    pod["status"]["containerStatuses"].as_array().into_iter().flatten()
}

fn ready(pod: &Value) -> String {
    let all = pod["spec"]["containers"].as_array().map_or(0, Vec::len);
    let ready = containers(pod).filter(|container| container["ready"] == true).count();
    format!("{ready}/{all}")
}

fn restarts(pod: &Value) -> i64 {
    containers(pod).filter_map(|container| container["restartCount"].as_i64()).sum()
}

fn status(pod: &Value) -> String {
    let waiting = |container: &Value| {
        let reason = container.pointer("/state/waiting/reason");
        let reason = reason.or_else(|| container.pointer("/state/terminated/reason"))?;
        reason.as_str().map(str::to_owned)
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        let is_lost = pod["status"]["reason"] == "NodeLost";
        return if is_lost { "Unknown" } else { "Terminating" }.to_owned();
    }
    let reason = containers(pod).find_map(waiting).or_else(|| text(&pod["status"]["reason"]));
    reason.or_else(|| text(&pod["status"]["phase"])).unwrap_or_default()
}

/// What is not there yet.
fn or_none(value: &Value) -> Value {
    if value.as_str().is_some_and(|text| !text.is_empty()) { value.clone() } else { json!("<none>") }
}

/// When an event was last seen.
pub(super) fn last_seen(event: &Value) -> String {
    let times = [&event["series"]["lastObservedTime"], &event["lastTimestamp"], &event["eventTime"]];
    let seen = times.into_iter().find(|time| time.is_string());
    age(seen.unwrap_or_else(|| &event["metadata"]["creationTimestamp"]))
}
