//! What the agent enforces as long as something is missing. The server in memory withholds it at will.

use std::fs;

use http::Method;
use sandbox::{Effect, Fault, FaultId, Match};
use serde_json::json;
use testkit::{Cluster, eventually};

use crate::{
    node::labelled,
    policies::policy,
    town::{Town, database, from_web},
};

/// One list is refused, which has nothing to do with the policies.
fn withhold(cluster: &Cluster) -> FaultId {
    let on = Match::any().method(Method::GET).path("/apis/danm.k8s.io/v1/clusternetworks");
    cluster.sandbox().inject(Fault::new(on, Effect::Status { code: 403, retry_after: None }))
}

#[tokio::test]
async fn where_nothing_was_ever_enforced_nothing_changes_before_everything_is_listed() {
    let Some(mut town) = Town::new().await else { return };
    let fault = withhold(&town.cluster);
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let agent = town.node.agent(&town.cluster).await;
    eventually("the policy is known", async || agent.state().await["policies"]["accepted"] == 1).await;
    assert!(town.batch.reaches(&town.db, 80));
    assert_eq!(town.db.state(&agent).await, json!(null));

    town.cluster.sandbox().lift(fault);

    town.batch.comes_to_reach(&town.db, 80, false).await;
    town.assert_is_isolated();
}

#[tokio::test]
async fn before_everything_is_listed_rules_stay_and_new_pods_are_judged_by_what_was_last_known() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let agent = town.agent().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    eventually("it is kept", async || town.node.state().join("pods-of-this-node").exists()).await;
    agent.kill().await;
    let fault = withhold(&town.cluster);
    let other_port = database(&from_web(), &json!(81));
    town.cluster.patch(&other_port, &json!({"spec": other_port["spec"]})).await;

    let agent = town.node.agent(&town.cluster).await;
    let new = town.node.pod(&mut town.cluster, labelled("db-1", "db")).await.expect("a namespace");
    town.batch.comes_to_reach(&new, 80, false).await;
    town.assert_is_isolated();
    assert_eq!(agent.ask("/ready").await.0, 503);

    town.cluster.sandbox().lift(fault);
    town.web.comes_to_reach(&town.db, 80, false).await;
    assert!(town.web.reaches(&town.db, 81) && town.web.reaches(&new, 81));
}

#[tokio::test]
async fn if_what_was_known_is_lost_pods_without_rules_are_closed_as_long_as_something_is_not_listed() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let agent = town.agent().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    let kept = town.node.state().join("pods-of-this-node");
    eventually("it is kept", async || kept.exists()).await;
    let before = town.db.handles();
    agent.kill().await;
    fs::write(&kept, "what is this?").expect("written");
    let fault = withhold(&town.cluster);

    let agent = town.node.agent(&town.cluster).await;
    town.web.comes_to_reach(&town.batch, 80, false).await;
    eventually("its rules are left", async || town.db.state(&agent).await["state"] == "left-alone").await;
    eventually("another is closed", async || town.batch.state(&agent).await["state"] == "enforced").await;
    assert!(town.db.table().is_some());
    assert_eq!(town.db.handles(), before);

    town.cluster.sandbox().lift(fault);
    town.web.comes_to_reach(&town.batch, 80, true).await;
    eventually("its rules are looked after", async || town.db.state(&agent).await["state"] == "enforced")
        .await;
    town.assert_is_isolated();
    town.batch.comes_to_have_table(false).await;
}

#[tokio::test]
async fn an_api_server_that_goes_takes_no_rules_along() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let agent = town.agent().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    let on = Match::any().method(Method::GET);
    let fault =
        town.cluster.sandbox().inject(Fault::new(on, Effect::Status { code: 503, retry_after: None }));
    town.cluster.sandbox().inject(Fault::new(Match::watches(), Effect::BreakWatches));
    eventually("it is noticed", async || agent.ask("/ready").await.0 == 503).await;
    town.assert_is_isolated();

    town.cluster.sandbox().lift(fault);
    town.cluster
        .create([policy("web", &json!({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": []}))])
        .await;
    town.batch.comes_to_reach(&town.web, 80, false).await;
    town.assert_is_isolated();
}
