//! The upkeep of address books on an API server that fails, or with somebody else at work in between.

use std::time::{Duration, Instant};

use danm_api::DanmKind;
use http::Method;
use sandbox::{Effect, Fault, Match, Times};
use serde_json::json;
use testkit::{Cluster, objects};

use crate::{
    network::{bits, endpoint, network, pod, set},
    program::clean,
    running::{Running, eventually},
};

const OFTEN: [&str; 2] = ["--audit-interval", "200ms"];

const RELEASE: [&str; 4] = ["--orphans", "release", "--orphan-grace", "1s"];

/// A cluster with a living Pod at 10.0.0.5 and a network with these bits.
async fn inhabited(set: &[u32]) -> Cluster {
    let mut cluster = crate::cluster().await.expect("it is in memory");
    cluster.create([objects::node("node-a", "True"), network(set), pod("p5")]).await;
    cluster.create([endpoint("ep5", "p5", "10.0.0.5")]).await;
    cluster
}

async fn start(cluster: &Cluster, arguments: &[&str]) -> Running {
    let arguments = [&["--leader-elect", "false"], &OFTEN[..], arguments].concat();
    let cleaner = Running::start(&cluster.kubeconfig(), &arguments).await;
    cleaner.idle().await;
    cleaner
}

fn half_open(path: &str) -> Fault {
    Fault { on: Match::watches().path(path), times: Times::Always, effect: Effect::HalfOpen }
}

fn writes_to_n() -> Match {
    Match::any().method(Method::PATCH).path("/apis/danm.k8s.io/v1/namespaces/ran/danmnets/n")
}

/// Scenarios 4 and 22.
#[tokio::test]
async fn an_endpoint_that_a_dead_watch_did_not_show_keeps_its_bit() {
    let mut cluster = inhabited(&[5]).await;
    let _cleaner = start(&cluster, &RELEASE).await;
    cluster.sandbox().inject(half_open("/apis/danm.k8s.io/v1/danmeps"));
    cluster.create([pod("p6"), endpoint("ep6", "p6", "10.0.0.6")]).await;
    set(&cluster, &[5, 6, 9]).await;

    eventually("the orphan goes", async || !bits(&cluster).await.contains(&9)).await;
    assert_eq!(bits(&cluster).await, [5, 6]);
}

/// Scenario 26: the write is conditional on what was judged, and a conflict starts the judgement again.
#[tokio::test]
async fn an_orphan_that_was_given_out_between_judgement_and_write_is_not_released() {
    let mut cluster = inhabited(&[5, 9, 10]).await;
    let late = Effect::Delay(Duration::from_secs(1));
    let late = cluster.sandbox().inject(Fault { on: writes_to_n(), times: Times::First(1), effect: late });
    let _cleaner = start(&cluster, &RELEASE).await;
    cluster.create([pod("p9")]).await;
    eventually("it writes", async || cluster.sandbox().hits(late) == 1).await;
    set(&cluster, &[5, 10]).await;
    set(&cluster, &[5, 9, 10]).await;
    cluster.create([endpoint("ep9", "p9", "10.0.0.9")]).await;

    eventually("the other goes", async || !bits(&cluster).await.contains(&10)).await;
    assert_eq!(bits(&cluster).await, [5, 9]);
}

/// Scenario 26, of a missing bit.
#[tokio::test]
async fn a_missing_bit_is_judged_again_after_a_conflict() {
    let cluster = inhabited(&[]).await;
    let late = Effect::Delay(Duration::from_secs(1));
    let late = cluster.sandbox().inject(Fault { on: writes_to_n(), times: Times::First(1), effect: late });
    let _cleaner = start(&cluster, &[]).await;
    eventually("it writes", async || cluster.sandbox().hits(late) == 1).await;
    set(&cluster, &[7]).await;

    eventually("it is set", async || bits(&cluster).await.contains(&5)).await;
    assert_eq!(bits(&cluster).await, [5, 7], "what somebody else wrote is still there");
}

/// Scenario 25.
#[tokio::test]
async fn a_write_whose_answer_is_lost_is_done_once() {
    let cluster = inhabited(&[9]).await;
    let lost = Fault { on: writes_to_n(), times: Times::First(1), effect: Effect::DropAfter };
    cluster.sandbox().inject(lost);
    let cleaner = start(&cluster, &RELEASE).await;

    eventually("it is mended", async || bits(&cluster).await == [5]).await;
    eventually("nothing is left", async || {
        let none = async |kind| {
            let metric = format!("danm_cleaner_anomalies{{kind=\"{kind}\"}}");
            cleaner.metric(&metric).await == Some(0.0)
        };
        none("orphan-bit").await && none("missing-bit").await
    })
    .await;
    assert_eq!(bits(&cluster).await, [5]);
}

/// Scenario 60: what the watches have not told yet is found by the reads.
#[tokio::test]
async fn no_bit_is_set_for_an_endpoint_that_is_gone_or_a_pod_that_goes_unseen() {
    let mut cluster = inhabited(&[5]).await;
    let leaving = objects::with(pod("p6"), "/metadata/finalizers", json!(["danm.io/test"]));
    cluster.create([leaving, pod("p7"), pod("p8")]).await;
    set(&cluster, &[5, 6, 7, 8]).await;
    let endpoints = [6, 7, 8]
        .map(|number| endpoint(&format!("ep{number}"), &format!("p{number}"), &format!("10.0.0.{number}")));
    cluster.create(endpoints.clone()).await;
    let cleaner = start(&cluster, &[]).await;
    cluster.sandbox().inject(half_open("/apis/danm.k8s.io/v1/danmeps"));
    cluster.sandbox().inject(half_open("/api/v1/pods"));
    cluster.delete(&pod("p6")).await;
    cluster.delete(&endpoints[1]).await;
    set(&cluster, &[5]).await;

    eventually("the living one's is set", async || bits(&cluster).await.contains(&8)).await;
    let audits = async || cleaner.metric("danm_cleaner_audits_total").await.unwrap_or_default();
    let before = audits().await;
    eventually("it has looked again", async || audits().await > before + 3.0).await;
    assert_eq!(bits(&cluster).await, [5, 8]);
}

/// Scenario 8: of a list of endpoints that came back empty the brake believes nothing.
#[tokio::test]
async fn a_list_of_endpoints_that_comes_back_empty_frees_nothing() {
    let mut cluster = inhabited(&[5, 6, 7]).await;
    cluster.create([pod("p6"), pod("p7")]).await;
    cluster.create([endpoint("ep6", "p6", "10.0.0.6"), endpoint("ep7", "p7", "10.0.0.7")]).await;
    let on = Match::no_watches().path("/apis/danm.k8s.io/v1/danmeps");
    cluster.sandbox().inject(Fault { on, times: Times::Always, effect: Effect::Truncate(0) });

    let arguments = [&RELEASE[..], &["--max-release-min", "2"]].concat();
    let run = clean(&cluster.kubeconfig(), &arguments).await;

    run.ends_with(0);
    assert!(run.rows().iter().all(|row| row["reason"] == "brake"), "{:#?}", run.lines());
    assert_eq!(bits(&cluster).await, [5, 6, 7]);
}

/// Scenario 64: who may not write tells so.
#[tokio::test]
async fn a_network_that_refuses_to_be_mended_is_told_and_holds_up_no_other() {
    let mut cluster = inhabited(&[9]).await;
    let other = objects::with(network(&[8]), "/metadata/name", "other");
    cluster.create([other.clone()]).await;
    let refused = Effect::Status { code: 403, retry_after: None };
    cluster.sandbox().inject(Fault { on: writes_to_n(), times: Times::Always, effect: refused });

    let run = clean(&cluster.kubeconfig(), &RELEASE).await;

    run.ends_with(2);
    let mut lines = run.lines();
    lines.sort();
    assert_eq!(
        lines,
        [
            "(DanmNet no-endpoint) dangling no-endpoint failed 10.0.0.9=danm:keep",
            "(DanmNet no-endpoint) dangling no-endpoint released 10.0.0.8=danm:free",
            "ep5 live missing-bit kept 10.0.0.5=danm:keep",
        ]
    );
    assert_eq!(bits(&cluster).await, [9]);
    let other = cluster.get(&other).await.expect("it is there");
    assert_eq!(other["spec"]["Options"]["alloc"], objects::alloc(&[]));
}

/// A standby counts time as well, and writes nothing.
#[tokio::test]
async fn a_new_leader_releases_what_was_ripe_while_it_stood_by() {
    const GRACE: Duration = Duration::from_secs(5);
    let cluster = inhabited(&[5, 9]).await;
    let leader = Running::start(&cluster.kubeconfig(), &OFTEN).await;
    leader.idle().await;
    eventually("one leads", async || leader.metric("danm_cleaner_leading").await == Some(1.0)).await;
    let arguments = [&OFTEN[..], &["--orphans", "release", "--orphan-grace", "5s"]].concat();
    let standby = Running::start(&cluster.kubeconfig(), &arguments).await;
    standby.idle().await;
    let seen = Instant::now();
    // With time for what must not happen.
    eventually("the grace is over", async || seen.elapsed() > GRACE + Duration::from_secs(1)).await;
    assert_eq!(standby.metric("danm_cleaner_leading").await, Some(0.0));
    assert_eq!(bits(&cluster).await, [5, 9]);

    let (_, success) = leader.stop().await;
    assert!(success);
    eventually("the other leads", async || standby.metric("danm_cleaner_leading").await == Some(1.0)).await;
    let leads = Instant::now();
    eventually("it releases", async || bits(&cluster).await == [5]).await;
    assert!(leads.elapsed() < GRACE, "{:?}", leads.elapsed());
    assert_eq!(cluster.names(DanmKind::DanmEp).await, ["ep5"]);
}
