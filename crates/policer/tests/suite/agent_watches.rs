//! What an agent asks an API server for: of other nodes' Pods no more than it needs. The server in memory tells what it was
//! asked.

use danm_api::ApiGroup;
use http::Method;
use sandbox::{Effect, Fault, Match, Recorded};
use serde_json::{Value, json};
use testkit::{Cluster, Running, Server, eventually, objects};

use crate::policies::{agent, fine, policies, shows};

/// A Pod and its endpoint.
fn named(namespace: &str, name: &str, node: &str) -> [Value; 2] {
    let endpoint = objects::endpoint(ApiGroup::DanmIo, namespace, &format!("{name}-eth1"), name, "n");
    [objects::pod(namespace, name, node), endpoint]
}

/// Two nodes with Pods, all of which endpoints name; the agent is of `node-a`.
async fn two_nodes() -> Cluster {
    let mut cluster = Cluster::empty_on(Server::Sandbox).await.expect("it is in this process");
    cluster.create(named("shop", "here", "node-a")).await;
    for number in 0..5 {
        cluster.create(named("shop", &format!("away-{number}"), "node-b")).await;
        cluster.create(named("lab", &format!("away-{number}"), "node-b")).await;
    }
    // These are no peers, and need no endpoint.
    let on_host = objects::with(objects::pod("infra", "proxy", "node-b"), "/spec/hostNetwork", true);
    let ended = objects::with(objects::pod("jobs", "ended", "node-b"), "/status/phase", "Succeeded");
    let mut waiting = objects::pod("jobs", "waiting", "");
    waiting["status"] = json!({"phase": "Pending"});
    cluster.create([on_host, ended, waiting]).await;
    cluster.sandbox().clear_requests();
    cluster
}

/// What was asked about Pods that are not this node's alone, in full.
fn in_full(cluster: &Cluster) -> Vec<String> {
    let is_in_full = |request: &Recorded| {
        request.uri.path().ends_with("/pods")
            && !request.wants_metadata_alone()
            && !request.path_and_query().contains("fieldSelector=spec.nodeName%3Dnode-a&")
    };
    let requests = cluster.sandbox().requests().into_iter().filter(|it| it.method == Method::GET);
    let asked = requests.filter(is_in_full).map(|request| request.uri.path().to_owned());
    let mut asked: Vec<String> = asked.collect();
    asked.dedup();
    asked
}

async fn has_local_pods(agent: &Running, count: u64) {
    eventually(&format!("{count} Pods of this node are known"), async || {
        agent.state().await["localPods"] == count
    })
    .await;
}

fn synced(source: &str) -> String {
    format!("danm_policer_source_synced{{source=\"{source}\"}}")
}

#[tokio::test]
async fn other_nodes_pods_are_never_read_in_full_while_endpoints_name_them() {
    let mut cluster = two_nodes().await;
    let agent = agent(&cluster).await;
    agent.ready().await;
    has_local_pods(&agent, 1).await;
    assert_eq!(agent.state().await["sources"]["metadata of other pods"], "synced");

    // Pods come and go, a Pod is given to this node, and to the other.
    cluster.create(named("shop", "later", "node-b")).await;
    cluster.create(named("shop", "bound", "")).await;
    let bound = objects::pod("shop", "bound", "node-a");
    cluster.patch(&bound, &json!({"spec": {"nodeName": "node-a"}})).await;
    has_local_pods(&agent, 2).await;
    let ended = objects::pod("lab", "away-0", "node-b");
    cluster.patch(&ended, &json!({"status": {"phase": "Failed"}})).await;
    cluster.delete(&objects::pod("lab", "away-1", "node-b")).await;
    cluster.delete(&bound).await;
    has_local_pods(&agent, 1).await;
    // What is told after all that has been decided.
    cluster.create([fine("p")]).await;
    shows(&agent, &policies("accepted"), 1.0).await;

    assert_eq!(in_full(&cluster), [""; 0]);
    let of_pods = cluster.sandbox().requests().iter().filter(|it| it.uri.path() == "/api/v1/pods").count();
    assert!(of_pods >= 4, "two lists and two watches: {of_pods}");
}

#[tokio::test]
async fn a_namespace_in_which_a_pod_has_no_endpoint_is_read_in_full_and_no_other() {
    let mut cluster = two_nodes().await;
    cluster.create([objects::pod("odd", "bare", "node-b")]).await;
    let agent = agent(&cluster).await;
    agent.ready().await;
    shows(&agent, &synced("other pods of namespace odd"), 1.0).await;
    assert_eq!(in_full(&cluster), ["/api/v1/namespaces/odd/pods"]);
    assert!(agent.log().contains("other pods of namespace odd are watched, too"), "{}", agent.log());
}

#[tokio::test]
async fn names_of_ports_are_read_of_all_pods_once_a_rule_goes_by_them() {
    let mut cluster = two_nodes().await;
    let agent = agent(&cluster).await;
    agent.ready().await;
    let by_name = json!({"podSelector": {}, "egress": [{"ports": [{"port": "web"}]}]});
    cluster.create([crate::policies::policy("by-name", &by_name)]).await;
    shows(&agent, &synced("other pods"), 1.0).await;
    assert_eq!(in_full(&cluster), ["/api/v1/pods"]);
}

#[tokio::test]
async fn a_server_that_does_not_know_whose_network_a_pod_has_is_asked_without() {
    let cluster = two_nodes().await;
    let on = Match::any().path("spec.hostNetwork");
    cluster.sandbox().inject(Fault::new(on, Effect::Status { code: 400, retry_after: None }));
    let agent = agent(&cluster).await;
    agent.ready().await;
    // By its metadata nobody can tell such a Pod from others.
    shows(&agent, &synced("other pods of namespace infra"), 1.0).await;
    assert_eq!(in_full(&cluster), ["/api/v1/namespaces/infra/pods"]);
    assert!(!agent.log().contains("cannot read"), "{}", agent.log());
}
