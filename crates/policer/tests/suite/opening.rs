//! The annotation that opens a namespace or a Pod, on real network namespaces and on either API server. Who may write it is told in
//! `opening_rights.rs`.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
};

use serde_json::{Value, json};
use testkit::{Cluster, eventually};

use crate::{
    policies::{NAMESPACE, policy, shows},
    town::{Town, database, from_web},
};

const OPENED_PODS: &str = "danm_policer_pods{state=\"opened\"}";

fn namespace() -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
}

/// Has an object say this about being open, or nothing.
async fn says(cluster: &Cluster, object: &Value, word: Option<&str>) {
    cluster.patch(object, &json!({"metadata": {"annotations": {"danm.io/policer": word}}})).await;
}

/// Whether one end learns that a connection is cut, once it has sent something.
fn is_cut(client: &mut TcpStream) -> bool {
    let sent = client.write_all(b"x");
    let told = sent.and_then(|()| client.read(&mut [0]));
    told.is_err_and(|error| ![ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()))
}

#[tokio::test]
async fn a_namespace_that_is_opened_has_no_rules_and_once_it_is_not_connections_are_judged_anew() {
    let Some(mut town) = Town::new().await else { return };
    let egress = json!({"podSelector": {"matchLabels": {"app": "batch"}}, "policyTypes": ["Egress"]});
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let agent = town.agent().await;
    let Town { cluster, db, web, batch, guest, .. } = &mut town;
    batch.comes_to_reach(db, 80, false).await;
    assert!(web.reaches(db, 80));

    says(cluster, &namespace(), Some("open")).await;

    batch.comes_to_reach(db, 80, true).await;
    assert!(guest.reaches(db, 81));
    db.comes_to_have_table(false).await;
    db.is_told(cluster, "PolicyOpened the annotation danm.io/policer of its namespace opens it: ").await;
    shows(&agent, OPENED_PODS, 1.0).await;
    shows(&agent, &format!("danm_policer_opened_namespaces{{namespace=\"{NAMESPACE}\"}}"), 1.0).await;
    let state = db.state(&agent).await;
    let reason = "the annotation danm.io/policer of its namespace opens it";
    assert_eq!((&state["state"], &state["reason"]), (&json!("opened"), &json!(reason)));
    assert_eq!(agent.state().await["openedNamespaces"], json!([NAMESPACE]));
    let (mut older, _accepted) = batch.connects(db, 80);

    cluster.create([policy("batch", &egress)]).await;
    shows(&agent, OPENED_PODS, 2.0).await;
    assert!(batch.reaches(db, 80), "policies that come meanwhile isolate nobody");
    cluster.delete(&policy("batch", &egress)).await;
    shows(&agent, OPENED_PODS, 1.0).await;

    says(cluster, &namespace(), None).await;

    batch.comes_to_reach(db, 80, false).await;
    assert!(web.reaches(db, 80));
    assert!(is_cut(&mut older));
    db.is_told(cluster, "PolicyEnforced its rules are in the kernel again").await;
    eventually("nobody is opened any more", async || agent.metric(OPENED_PODS).await.is_none()).await;
    assert!(
        agent.log().contains(&format!("namespace {NAMESPACE} is opened by its annotation")),
        "{}",
        agent.log()
    );
}

#[tokio::test]
async fn a_pod_opens_itself_only_where_agents_are_told_so() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let agent = town.agent().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    says(&town.cluster, &town.db.object, Some("open")).await;
    eventually("it is told", async || agent.log().contains("the agent runs without --pod-annotation")).await;
    town.assert_is_isolated();
    agent.kill().await;

    let agent = town.node.agent_with(&["--pod-annotation"], &town.cluster.kubeconfig()).await;
    town.batch.comes_to_reach(&town.db, 80, true).await;
    town.db.is_told(&town.cluster, "PolicyOpened its annotation danm.io/policer opens it: ").await;
    shows(&agent, OPENED_PODS, 1.0).await;
    says(&town.cluster, &town.db.object, Some("ajar")).await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    assert!(agent.log().contains("says \"ajar\", which opens nothing"), "{}", agent.log());
}

/// Regression for whoever starts agents anew in that hour: what was open would be closed until it is listed.
#[tokio::test]
async fn a_start_without_the_api_server_closes_nothing_that_was_open_and_opens_nothing_that_has_rules() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let closed = json!({"podSelector": {}, "ingress": []});
    let mut guests = policy("guests", &closed);
    guests["metadata"]["namespace"] = json!("guests");
    town.cluster.create([guests]).await;
    says(&town.cluster, &namespace(), Some("open")).await;
    let agent = town.agent().await;
    town.batch.comes_to_reach(&town.guest, 80, false).await;
    eventually("it is kept", async || town.node.state().join("pods-of-this-node").exists()).await;
    agent.kill().await;
    assert_eq!(town.db.table(), None);
    town.guest.namespace.run("nft", "delete table inet danm_policer");

    let agent = town.node.agent_of(&town.way_to_nowhere()).await;

    // Of what is remembered everything is done in one go.
    town.batch.comes_to_reach(&town.guest, 80, false).await;
    assert!(town.batch.reaches(&town.db, 80));
    assert_eq!((town.db.table(), town.db.state(&agent).await), (None, Value::Null));
    agent.kill().await;

    says(&town.cluster, &namespace(), None).await;
    let _agent = town.agent().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
}
