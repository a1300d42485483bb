//! The agent on a server that refuses, forgets and breaks off. The server in memory does so at will.

use std::time::Duration;

use danm_api::ApiGroup;
use http::Method;
use sandbox::{Effect, Fault, FaultId, Match};
use serde_json::{Value, json};
use testkit::{Cluster, Server, eventually, objects, within};

use crate::policies::{NAMESPACE, agent, becomes, condition, fine, policies, policy, shows};

/// Sooner than a policy that does not change is tried again.
const SOON: Duration = Duration::from_secs(8);

async fn cluster() -> Cluster {
    Cluster::empty_on(Server::Sandbox).await.expect("it is in this process")
}

fn path(policy: &Value) -> String {
    let name = policy["metadata"]["name"].as_str().expect("a name");
    format!("/apis/danm.io/v1/namespaces/{NAMESPACE}/danmnetworkpolicies/{name}/status")
}

fn answer(cluster: &Cluster, policy: &Value, code: u16) -> FaultId {
    let on = Match::any().method(Method::PATCH).path(path(policy));
    cluster.sandbox().inject(Fault::new(on, Effect::Status { code, retry_after: None }))
}

fn patches(cluster: &Cluster) -> usize {
    cluster.sandbox().requests().iter().filter(|request| request.method == Method::PATCH).count()
}

#[tokio::test]
async fn a_write_that_is_refused_conflicts_or_fails_holds_up_no_other() {
    for code in [422, 409, 404, 500] {
        let mut cluster = cluster().await;
        let fault = answer(&cluster, &fine("a"), code);
        cluster.create([fine("a"), fine("b")]).await;
        let agent = agent(&cluster).await;
        becomes(&cluster, &fine("b"), "Accepted", "True Accepted").await;
        eventually("it was tried", async || cluster.sandbox().hits(fault) > 0).await;
        assert!(condition(&cluster, &fine("a"), "Accepted").await.is_none(), "{code}");

        // A later version is tried at once.
        cluster.sandbox().lift(fault);
        cluster.patch(&fine("a"), &json!({"metadata": {"labels": {"touched": "yes"}}})).await;
        within(SOON, "it is written", async || condition(&cluster, &fine("a"), "Accepted").await.is_some())
            .await;
        assert!(agent.stop("TERM").await.1);
    }
}

#[tokio::test]
async fn a_write_that_hangs_holds_up_no_other_and_no_end() {
    let mut cluster = cluster().await;
    let on = Match::any().method(Method::PATCH).path(path(&fine("a")));
    let hangs = Effect::Delay(Duration::from_secs(3600));
    cluster.sandbox().inject(Fault::new(on, hangs));
    cluster.create([fine("a"), fine("b")]).await;
    let agent = agent(&cluster).await;
    becomes(&cluster, &fine("b"), "Accepted", "True Accepted").await;
    cluster.create([fine("c")]).await;
    becomes(&cluster, &fine("c"), "Accepted", "True Accepted").await;
    let given_up = agent.metric("danm_policer_status_writes_total{result=\"unknown\"}").await;
    assert_eq!(given_up, None, "it hangs still");
    let (took, is_success) = agent.stop("TERM").await;
    assert!(is_success && took.as_secs() < 3, "{took:?}");
}

#[tokio::test]
async fn what_is_missed_while_a_watch_is_broken_is_found_by_the_next_list() {
    let mut cluster = cluster().await;
    let pods = ["a", "b"].map(|name| objects::pod(NAMESPACE, name, "node-a"));
    let lost = policy("lost", &json!({"podSelector": {}}));
    cluster.create(pods.clone()).await;
    cluster.create([fine("p"), lost.clone()]).await;
    let agent = agent(&cluster).await;
    becomes(&cluster, &lost, "Accepted", "True Accepted").await;
    shows(&agent, &policies("accepted"), 2.0).await;

    let silence = cluster.sandbox().inject(Fault::new(Match::watches(), Effect::HalfOpen));
    cluster.delete(&lost).await;
    cluster.sandbox().forget_history();
    cluster.sandbox().lift(silence);
    cluster.sandbox().inject(Fault::new(Match::watches(), Effect::BreakWatches));

    shows(&agent, &policies("accepted"), 1.0).await;
}

#[tokio::test]
async fn nothing_is_written_before_everything_is_read() {
    let mut cluster = cluster().await;
    let on = Match::any().method(Method::GET).path("/apis/danm.k8s.io/v1/clusternetworks");
    let fault = cluster.sandbox().inject(Fault::new(on, Effect::Status { code: 403, retry_after: None }));
    let selector = json!([{"name": "lan1", "type": "ClusterNetwork"}]);
    let policy = policy("p", &json!({"podSelector": {}, "networkSelector": selector}));
    let network = objects::network(ApiGroup::DanmK8sIo, danm_api::NetworkKind::ClusterNetwork, "", "lan1");
    cluster.create([network, policy.clone()]).await;
    let agent = agent(&cluster).await;
    shows(&agent, "danm_policer_leading", 1.0).await;
    shows(&agent, &policies("accepted"), 1.0).await;
    eventually("it says what is missing", async || {
        let (code, text) = agent.ask("/ready").await;
        code == 503
            && text.starts_with("clusternetworks.danm.k8s.io: cannot be read: ")
            && text.lines().count() == 1
    })
    .await;
    let synced = |source: &str| format!("danm_policer_source_synced{{source=\"{source}\"}}");
    shows(&agent, &synced("clusternetworks.danm.k8s.io"), 0.0).await;
    shows(&agent, &synced("metadata of other pods"), 1.0).await;
    assert_eq!(patches(&cluster), 0);
    eventually("it was tried again", async || cluster.sandbox().hits(fault) > 2).await;
    assert_eq!(agent.log().matches("cannot read clusternetworks.danm.k8s.io: ").count(), 1, "told once");

    cluster.sandbox().lift(fault);

    becomes(&cluster, &policy, "ResolvedRefs", "True ResolvedRefs").await;
    agent.ready().await;
    shows(&agent, &synced("clusternetworks.danm.k8s.io"), 1.0).await;
    assert_eq!(patches(&cluster), 1);
}
