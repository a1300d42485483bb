//! The upkeep of address books: what does not agree is told, and mended where that is safe.

use danm_api::DanmKind;
use http::Method;
use serde_json::{Value, json};
use testkit::{Cluster, Gate, objects};

use crate::{
    network::{bits, endpoint, network, pod, set},
    program::clean,
    running::{Running, eventually},
};

/// Orphans are released soon, and looked for all the time.
const RELEASE: [&str; 8] =
    ["--leader-elect", "false", "--orphans", "release", "--orphan-grace", "1s", "--audit-interval", "200ms"];

/// A cluster with a living Pod at 10.0.0.5 and a network with these bits.
async fn inhabited(cluster: &mut Cluster, set: &[u32]) {
    cluster.create([objects::node("node-a", "True"), network(set), pod("p5")]).await;
    cluster.create([endpoint("ep5", "p5", "10.0.0.5")]).await;
}

async fn start(cluster: &Cluster, arguments: &[&str]) -> Running {
    let arguments = [&["--leader-elect", "false", "--audit-interval", "200ms"], arguments].concat();
    let cleaner = Running::start(&cluster.kubeconfig(), &arguments).await;
    cleaner.idle().await;
    cleaner
}

async fn release(cluster: &Cluster, arguments: &[&str]) -> Running {
    let cleaner = Running::start(&cluster.kubeconfig(), &[&RELEASE[..], arguments].concat()).await;
    cleaner.idle().await;
    cleaner
}

async fn audits(cleaner: &Running, more: f64) {
    let done = async || cleaner.metric("danm_cleaner_audits_total").await.unwrap_or_default();
    let before = done().await;
    eventually("it has audited again", async || done().await >= before + more).await;
}

/// The messages of the Events about the network, with this reason.
async fn events(cluster: &Cluster, reason: &str) -> Vec<String> {
    let uid = cluster.get(&network(&[])).await.expect("it is there")["metadata"]["uid"].clone();
    let events = cluster.send(Method::GET, "/api/v1/namespaces/ran/events", None).await.expect("events");
    let all = events["items"].as_array().expect("a list").iter();
    let ours = all.filter(|event| event["reason"] == reason && event["involvedObject"]["uid"] == uid);
    ours.map(|event| event["message"].as_str().unwrap_or_default().to_owned()).collect()
}

fn anomalies(kind: &str) -> String {
    format!("danm_cleaner_anomalies{{kind=\"{kind}\"}}")
}

// Orphans.

/// Scenario 22.
#[tokio::test]
async fn an_orphan_is_told_and_left_alone_unless_it_is_to_be_released() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    inhabited(&mut cluster, &[5, 9]).await;
    let cleaner = start(&cluster, &["--orphan-grace", "100ms"]).await;

    eventually("it is counted", async || cleaner.metric(&anomalies("orphan-bit")).await == Some(1.0)).await;
    eventually("there is an Event", async || !events(&cluster, "AddressBookInconsistent").await.is_empty())
        .await;
    audits(&cleaner, 5.0).await;

    assert_eq!(
        events(&cluster, "AddressBookInconsistent").await,
        ["10.0.0.9 is allocated, and no endpoint claims it"],
        "told once"
    );
    let state = cleaner.state().await;
    let example = "DanmNet.danm.k8s.io ran/n: 10.0.0.9 is allocated, and no endpoint claims it";
    assert_eq!(state["anomalies"]["orphan-bit"], json!({"count": 1, "examples": [example]}));
    assert_eq!(bits(&cluster).await, [5, 9]);

    set(&cluster, &[5]).await;
    eventually("all agrees again", async || !events(&cluster, "AddressBookConsistent").await.is_empty())
        .await;
    assert_eq!(cleaner.metric(&anomalies("orphan-bit")).await, Some(0.0));
}

/// Scenario 22.
#[tokio::test]
async fn an_orphan_is_released_after_its_grace_and_the_read_of_all_endpoints() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    inhabited(&mut cluster, &[5, 9, 10]).await;
    let gate = Gate::open(cluster.client(), usize::MAX).await.expect("a port");
    let started = std::time::Instant::now();
    let cleaner = Running::start(&gate.kubeconfig(), &RELEASE).await;

    eventually("it is free", async || bits(&cluster).await == [5]).await;

    assert!(started.elapsed() >= std::time::Duration::from_secs(1));
    let cleared = async || cleaner.metric("danm_cleaner_released_orphan_bits_total").await;
    eventually("it is counted", async || cleared().await == Some(2.0)).await;
    assert_eq!(cleaner.metric("danm_cleaner_restored_bits_total").await, Some(0.0));
    eventually("there is an Event", async || !events(&cluster, "OrphanBitsReleased").await.is_empty()).await;
    assert_eq!(events(&cluster, "OrphanBitsReleased").await, ["Freed 2 addresses that no endpoint claimed"]);
    let requests = gate.requests();
    let is = |method: &str, what: &str| {
        let what = what.to_owned();
        let method = method.to_owned();
        move |request: &&String| request.starts_with(&method) && request.contains(&what)
    };
    assert_eq!(requests.iter().filter(is("PATCH", "/danmnets/n")).count(), 1, "{requests:#?}");
    let write = requests.iter().position(|request| request.starts_with("PATCH")).expect("one");
    let lists = requests[..write].iter().filter(is("GET", "/danmeps?"));
    assert_eq!(
        lists.filter(is("GET", "danm.k8s.io")).count(),
        2,
        "by the watch, and once it was ripe: {requests:#?}"
    );
    let patch: Value =
        serde_json::from_str(&requests[write][requests[write].find('{').expect("a body")..]).expect("JSON");
    assert!(patch["metadata"]["resourceVersion"].is_string(), "{patch}");
    assert!(patch["metadata"]["annotations"].is_null(), "no record of endpoints: {patch}");
}

/// Scenario 21: between bit and endpoint.
#[tokio::test]
async fn the_bit_of_an_endpoint_on_its_way_is_never_released() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    inhabited(&mut cluster, &[5, 20]).await;
    let _cleaner = release(&cluster, &["--orphan-grace", "3s"]).await;
    set(&cluster, &[5, 6, 20]).await;
    cluster.create([pod("p6")]).await;
    cluster.create([endpoint("ep6", "p6", "10.0.0.6")]).await;

    eventually("the orphan goes", async || !bits(&cluster).await.contains(&20)).await;
    set(&cluster, &[5, 6, 21]).await;
    eventually("another goes", async || !bits(&cluster).await.contains(&21)).await;
    assert_eq!(bits(&cluster).await, [5, 6]);
}

/// Scenario 8: a list of endpoints that came back empty makes orphans of all.
#[tokio::test]
async fn the_brake_holds_more_orphans_than_can_be_believed() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    inhabited(&mut cluster, &[5, 9, 10, 11]).await;
    let brake = ["--max-release", "50%", "--max-release-min", "2"];
    let common = ["--orphans", "release", "--orphan-grace", "500ms"];

    let run = clean(&cluster.kubeconfig(), &[&common[..], &brake].concat()).await;
    run.ends_with(0);
    let held = |number| format!("(DanmNet brake) dangling brake held 10.0.0.{number}=danm:keep");
    let live = "ep5 live pod-exists kept 10.0.0.5=danm:keep".to_owned();
    assert_eq!(run.lines(), [held(10), held(11), held(9), live]);
    assert!(run.log.contains("3 of 4 allocated addresses have no endpoint"), "{}", run.log);
    assert_eq!(bits(&cluster).await, [5, 9, 10, 11]);

    let run = clean(&cluster.kubeconfig(), &[&common[..], &brake, &["--override-brake"]].concat()).await;
    run.ends_with(0);
    assert_eq!(bits(&cluster).await, [5]);
}

/// Scenario 22, in a single pass.
#[tokio::test]
async fn a_single_pass_releases_orphans_that_are_ripe_soon_and_holds_the_others() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    inhabited(&mut cluster, &[5, 9]).await;
    let live = "ep5 live pod-exists kept 10.0.0.5=danm:keep";
    let kubeconfig = cluster.kubeconfig();
    let report = async |arguments: &[&str]| {
        let run = clean(&kubeconfig, arguments).await;
        run.ends_with(0);
        let lines = run.lines();
        assert_eq!((lines.len(), lines[1].as_str()), (2, live));
        let rows = run.rows();
        let row = rows.iter().find(|row| row["name"] == "").expect("a row");
        (lines[0].clone(), row["evidence"].to_string())
    };

    let held = "(DanmNet no-endpoint) unknown no-endpoint held 10.0.0.9=danm:keep";
    let (line, evidence) = report(&[]).await;
    assert_eq!(line, held);
    assert!(evidence.contains("bit 9 of alloc is set, and no endpoint claims it"), "{evidence}");
    let (line, evidence) = report(&["--orphans", "release"]).await;
    assert_eq!(line, held, "fifteen minutes are more than a pass waits");
    assert!(evidence.contains("of 900s"), "{evidence}");

    let soon = ["--orphans", "release", "--orphan-grace", "500ms"];
    let (line, _) = report(&[&soon[..], &["--dry-run"]].concat()).await;
    assert_eq!(line, "(DanmNet no-endpoint) dangling no-endpoint would-release 10.0.0.9=danm:free");
    assert_eq!(bits(&cluster).await, [5, 9]);
    let run = clean(&kubeconfig, &[&soon[..], &["--dry-run", "--ownership-window", "1s"]].concat()).await;
    assert!(
        run.log.contains("bits without endpoints released after 1s"),
        "not before the window: {}",
        run.log
    );
    let (line, evidence) = report(&soon).await;
    assert_eq!(line, "(DanmNet no-endpoint) dangling no-endpoint released 10.0.0.9=danm:free");
    assert!(evidence.contains("bit 9 of alloc was set, and no endpoint claimed it"), "{evidence}");
    assert_eq!(bits(&cluster).await, [5]);
}

// Missing bits.

/// Scenario 60.
#[tokio::test]
async fn the_bit_of_a_living_endpoint_is_set_again_and_freed_when_it_dies() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    inhabited(&mut cluster, &[]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report.json");
    let reason = async || {
        let text = std::fs::read_to_string(&report).unwrap_or_default();
        let rows: Vec<Value> = serde_json::from_str(&text).unwrap_or_default();
        rows.first().map(|row| row["reason"].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
    };
    let cleaner = start(&cluster, &["--report", report.to_str().expect("text")]).await;

    eventually("it is set", async || bits(&cluster).await == [5]).await;
    eventually("it is reported once", async || reason().await == "pod-exists").await;
    let restored = async || cleaner.metric("danm_cleaner_restored_bits_total").await;
    eventually("it is counted", async || restored().await == Some(1.0)).await;
    eventually("there is an Event", async || !events(&cluster, "MissingBitsSet").await.is_empty()).await;
    assert!(cleaner.log().contains("set bit 5 of DanmNet.danm.k8s.io ran/n again"), "{}", cleaner.log());

    set(&cluster, &[]).await;
    eventually("it is set again", async || bits(&cluster).await == [5]).await;
    cluster.delete(&pod("p5")).await;
    eventually("it is gone", async || cluster.names(DanmKind::DanmEp).await.is_empty()).await;
    assert_eq!(bits(&cluster).await, [0; 0], "what we have set goes with its endpoint");
}

/// Scenario 60, in a single pass.
#[tokio::test]
async fn a_single_pass_sets_missing_bits_and_says_so() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    inhabited(&mut cluster, &[]).await;
    let kubeconfig = cluster.kubeconfig();
    let line = "ep5 live missing-bit kept 10.0.0.5=danm:keep";

    let run = clean(&kubeconfig, &["--dry-run"]).await;
    run.ends_with(0);
    assert_eq!(run.lines(), [line]);
    assert!(run.rows()[0]["evidence"].to_string().contains("would be set"), "{:#?}", run.rows());
    assert_eq!(bits(&cluster).await, [0; 0]);

    let run = clean(&kubeconfig, &[]).await;
    run.ends_with(0);
    assert_eq!(run.lines(), [line]);
    assert!(run.rows()[0]["evidence"].to_string().contains("has been set again"), "{:#?}", run.rows());
    assert_eq!(bits(&cluster).await, [5]);
}

/// Scenario 60: DANM clears the bit of a Pod that is being deleted, and deletes the endpoint later.
#[tokio::test]
async fn no_bit_is_set_for_a_pod_that_is_being_deleted() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.create([objects::node("node-a", "True"), network(&[7])]).await;
    let leaving = objects::with(pod("p6"), "/metadata/finalizers", json!(["danm.io/test"]));
    cluster.create([leaving, pod("p7"), pod("p8")]).await;
    cluster.delete(&pod("p6")).await;
    cluster.create([endpoint("ep6", "p6", "10.0.0.6"), endpoint("ep7", "p7", "10.0.0.7")]).await;
    let cleaner = start(&cluster, &[]).await;
    cluster.create([endpoint("ep8", "p8", "10.0.0.8")]).await;

    eventually("others are set", async || bits(&cluster).await.contains(&8)).await;
    audits(&cleaner, 3.0).await;
    assert_eq!(bits(&cluster).await, [7, 8]);
}

// Duplicates.

/// Scenarios 58 and 59.
#[tokio::test]
async fn an_address_that_two_pods_hold_is_told_until_one_of_them_is_gone_and_stays_allocated() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    inhabited(&mut cluster, &[5]).await;
    cluster.create([pod("q5")]).await;
    cluster.create([endpoint("rival", "q5", "10.0.0.5")]).await;
    let run = clean(&cluster.kubeconfig(), &[]).await;
    run.ends_with(0);
    assert_eq!(
        run.lines(),
        [
            "ep5 live duplicate-address kept 10.0.0.5=danm:keep",
            "rival live duplicate-address kept 10.0.0.5=danm:keep",
        ]
    );

    let cleaner = start(&cluster, &[]).await;
    eventually("it is counted", async || cleaner.metric(&anomalies("duplicate-address")).await == Some(1.0))
        .await;
    eventually("there is an Event", async || !events(&cluster, "AddressBookInconsistent").await.is_empty())
        .await;
    audits(&cleaner, 3.0).await;
    let told = events(&cluster, "AddressBookInconsistent").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("ran/ep5 of Pod p5 and") && told[0].contains("ran/rival of Pod q5"), "{told:?}");

    cluster.delete(&pod("p5")).await;
    eventually("one is gone", async || cluster.names(DanmKind::DanmEp).await == ["rival"]).await;
    assert_eq!(bits(&cluster).await, [5]);
    eventually("it is solved", async || cleaner.metric(&anomalies("duplicate-address")).await == Some(0.0))
        .await;
}

/// Nobody who only watches writes, but time counts for him too.
#[tokio::test]
async fn a_dry_run_tells_in_metrics_and_writes_neither_bits_nor_events() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    inhabited(&mut cluster, &[9]).await;
    let before =
        cluster.get(&network(&[])).await.expect("it is there")["metadata"]["resourceVersion"].clone();
    let cleaner = release(&cluster, &["--dry-run"]).await;

    for kind in ["orphan-bit", "missing-bit"] {
        eventually("it is counted", async || cleaner.metric(&anomalies(kind)).await == Some(1.0)).await;
    }
    audits(&cleaner, 8.0).await;
    let after = cluster.get(&network(&[])).await.expect("it is there")["metadata"]["resourceVersion"].clone();
    assert_eq!(after, before);
    assert_eq!(events(&cluster, "AddressBookInconsistent").await, Vec::<String>::new());
}
