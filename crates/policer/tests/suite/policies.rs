//! Policies as the tests of the agent make them, and what became of them: their conditions and Events.

use danm_api::{ApiGroup, DanmKind, VERSION};
use http::Method;
use serde_json::{Value, json};
use testkit::{Cluster, Running, eventually};

use crate::program::program;

/// The namespace of the policies.
pub const NAMESPACE: &str = "tenant";

/// A policy of the newer group.
pub fn policy(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": format!("{}/{VERSION}", ApiGroup::DanmIo),
        "kind": DanmKind::NetworkPolicy.name(),
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    })
}

/// A policy that all is well with.
pub fn fine(name: &str) -> Value {
    policy(name, &json!({"podSelector": {"matchLabels": {"app": "db"}}, "ingress": []}))
}

/// A selector that no reader understands. Definitions with schemas refuse it.
pub fn broken_selector() -> Value {
    json!({"matchLabels": {"app": 1}})
}

/// An agent on a cluster.
pub async fn agent(cluster: &Cluster) -> Running {
    agent_of(&cluster.kubeconfig().display().to_string()).await
}

/// An agent that is somebody on a cluster.
pub async fn agent_of(kubeconfig: &str) -> Running {
    agent_with(kubeconfig, &[]).await
}

/// The same with these arguments besides.
pub async fn agent_with(kubeconfig: &str, arguments: &[&str]) -> Running {
    let mut command =
        program(&["agent", "--node-name", "node-a", "--dry-run", "--admin-listen", "127.0.0.1:0"]);
    command.args(["--kubeconfig", kubeconfig]).args(arguments);
    Running::start(command).await
}

/// Takes away what an earlier test may have left.
pub async fn clear(cluster: &Cluster) {
    let lease = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/danm-policer";
    let _ = cluster.send(Method::DELETE, lease, None).await;
    let events = format!("/api/v1/namespaces/{NAMESPACE}/events");
    let _ = cluster.send(Method::DELETE, &events, None).await;
}

/// A condition of a policy, as `status reason`.
pub async fn condition(cluster: &Cluster, policy: &Value, kind: &str) -> Option<(String, Value)> {
    let stored = cluster.get(policy).await?;
    let condition = stored["status"]["conditions"].as_array()?.iter().find(|it| it["type"] == kind)?.clone();
    let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
    Some((format!("{} {}", text("status"), text("reason")), condition))
}

/// Waits until a condition of a policy is `status reason`, and gives it.
pub async fn becomes(cluster: &Cluster, policy: &Value, kind: &str, expected: &str) -> Value {
    let mut found = Value::Null;
    eventually(&format!("{kind} of {} is {expected}", policy["metadata"]["name"]), async || {
        let Some((told, condition)) = condition(cluster, policy, kind).await else { return false };
        found = condition;
        told == expected
    })
    .await;
    found
}

/// The Events of a policy, as `reason message`.
pub async fn events(cluster: &Cluster, policy: &Value) -> Vec<String> {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/events");
    let list = cluster.send(Method::GET, &path, None).await.expect("events");
    let uid = cluster.get(policy).await.map(|stored| stored["metadata"]["uid"].clone());
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let own = items.iter().filter(|event| uid.as_ref() == Some(&event["involvedObject"]["uid"]));
    let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    own.map(|event| format!("{} {}", text(event, "reason"), text(event, "message"))).collect()
}

/// The name of a metric of one problem.
pub fn problem(policy: &str, field: &str) -> String {
    format!("danm_policer_policy_problems{{namespace=\"{NAMESPACE}\",policy=\"{policy}\",field=\"{field}\"}}")
}

/// The name of the metric of policies in a state.
pub fn policies(state: &str) -> String {
    format!("danm_policer_policies{{state=\"{state}\"}}")
}

/// Waits until a metric has a value.
pub async fn shows(agent: &Running, metric: &str, value: f64) {
    let what = format!("{metric} {value}");
    eventually(&what, async || agent.metric(metric).await == Some(value)).await;
}
