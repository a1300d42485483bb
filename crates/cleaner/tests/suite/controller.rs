//! The controller on a cluster that lives: it reacts, stands by, holds back, tells of itself and ends.

use std::time::{Duration, Instant};

use danm_api::DanmKind;
use http::Method;
use serde_json::{Value, json};
use testkit::{Cluster, objects};

use crate::{
    network::{bits, endpoint, network},
    running::{Running, eventually},
    shapes,
};

const GRACE: Duration = Duration::from_millis(100);
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";

/// A cluster with a Node, a network and Pods with an endpoint each: `p5` at 10.0.0.5 and so on.
async fn inhabited(cluster: &mut Cluster, numbers: &[u32]) {
    // A Lease of an earlier test may be there.
    let _ = cluster.send(Method::DELETE, &format!("{LEASES}/danm-cleaner"), None).await;
    cluster.create([objects::node("node-a", "True"), network(numbers)]).await;
    for number in numbers {
        cluster.create([objects::pod("ran", &format!("p{number}"), "node-a")]).await;
        let address = format!("10.0.0.{number}");
        cluster.create([endpoint(&format!("ep{number}"), &format!("p{number}"), &address)]).await;
    }
}

/// Scenario 3.
#[tokio::test]
async fn the_address_of_a_deleted_pod_is_free_a_second_after_the_grace() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    inhabited(&mut cluster, &[5, 6]).await;
    let cleaner = Running::start(&cluster.kubeconfig(), &[]).await;
    cleaner.idle().await;
    eventually("it leads", async || cleaner.metric("danm_cleaner_leading").await == Some(1.0)).await;

    cluster.delete(&objects::pod("ran", "p5", "node-a")).await;
    let deleted = Instant::now();
    eventually("the address is free", async || bits(&cluster).await == [6]).await;

    let took = deleted.elapsed();
    assert!(took >= GRACE && took < GRACE + Duration::from_secs(1), "{took:?}");
    eventually("the endpoint is gone", async || cluster.names(DanmKind::DanmEp).await == ["ep6"]).await;
    eventually("it is logged with its evidence", async || {
        let log = cleaner.log();
        log.contains("released DanmEp.danm.k8s.io ran/ep5") && log.contains("Node node-a is Ready")
    })
    .await;
}

/// Scenarios 1 and 2: the same name again, once with another address and once with the same.
#[tokio::test]
async fn of_a_pod_that_is_made_again_only_the_old_endpoint_goes() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    inhabited(&mut cluster, &[5, 6]).await;
    let cleaner = Running::start(&cluster.kubeconfig(), &[]).await;
    cleaner.idle().await;

    for number in [5, 6] {
        cluster.delete(&objects::pod("ran", &format!("p{number}"), "node-a")).await;
        cluster.create([objects::pod("ran", &format!("p{number}"), "node-a")]).await;
    }
    cluster.patch(&network(&[]), &json!({"spec": {"Options": {"alloc": objects::alloc(&[5, 6, 7])}}})).await;
    cluster.create([endpoint("new7", "p5", "10.0.0.7"), endpoint("new6", "p6", "10.0.0.6")]).await;

    eventually("the old are gone", async || cluster.names(DanmKind::DanmEp).await == ["new6", "new7"]).await;
    eventually("only the lost address is free", async || bits(&cluster).await == [6, 7]).await;
}

/// Scenarios 30, 32, 33, 35, 36, 37, 39, 40, 41, 42, 46 and 58 by the shapes they have, acted on by the controller.
#[tokio::test]
async fn a_controller_frees_what_a_single_pass_frees() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let _ = cluster.send(Method::DELETE, &format!("{LEASES}/danm-cleaner"), None).await;
    shapes::fill(&mut cluster).await;
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report.json");
    let report = report.to_str().expect("text");
    let arguments = ["--report", report, "--audit-interval", "1s"];
    let cleaner = Running::start(&cluster.kubeconfig(), &arguments).await;

    eventually("the dead are gone", async || cluster.names(DanmKind::DanmEp).await == shapes::survivors())
        .await;
    assert_eq!(shapes::bits_of(&cluster).await, shapes::bits_without_the_dead());
    eventually("the report shows those that stay, and no others", async || {
        let text = std::fs::read_to_string(report).unwrap_or_default();
        let rows: Vec<Value> = serde_json::from_str(&text).unwrap_or_default();
        let mut names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
        names.retain(|name| !name.is_empty());
        names.sort_unstable();
        names == shapes::survivors()
    })
    .await;
    let state = cleaner.state().await;
    assert_eq!(state["leading"], true);
    let held = state["doubtful"].as_array().expect("a list");
    assert!(held.iter().any(|row| row["reason"] == "node-not-ready" && row["endpoints"] == 1), "{state:#}");
}

#[tokio::test]
async fn a_dry_run_writes_nothing_no_lease_and_no_event() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    inhabited(&mut cluster, &[5]).await;
    cluster.delete(&objects::pod("ran", "p5", "node-a")).await;
    let cleaner = Running::start(&cluster.kubeconfig(), &["--dry-run"]).await;

    eventually("it says what it would do", async || cleaner.log().contains("would release")).await;

    assert_eq!(bits(&cluster).await, [5]);
    assert_eq!(cluster.names(DanmKind::DanmEp).await, ["ep5"]);
    assert!(cluster.send(Method::GET, &format!("{LEASES}/danm-cleaner"), None).await.is_err(), "no Lease");
}

/// Scenario 65.
#[tokio::test]
async fn a_leader_that_is_told_to_stop_makes_way_at_once() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    inhabited(&mut cluster, &[5]).await;
    let leader = Running::start(&cluster.kubeconfig(), &[]).await;
    eventually("one leads", async || leader.metric("danm_cleaner_leading").await == Some(1.0)).await;
    let standby = Running::start(&cluster.kubeconfig(), &[]).await;
    standby.idle().await;
    assert_eq!(standby.metric("danm_cleaner_leading").await, Some(0.0));

    let (took, success) = leader.stop().await;
    let stopped = Instant::now();
    assert!(success && took < Duration::from_secs(2), "{took:?}");
    eventually("the other leads", async || standby.metric("danm_cleaner_leading").await == Some(1.0)).await;
    assert!(stopped.elapsed() < Duration::from_secs(5), "{:?}", stopped.elapsed());
    cluster.delete(&objects::pod("ran", "p5", "node-a")).await;
    eventually("the other acts", async || bits(&cluster).await.is_empty()).await;
}

#[tokio::test]
async fn kinds_that_are_installed_later_are_cleaned_too() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let _ = cluster.send(Method::DELETE, &format!("{LEASES}/danm-cleaner"), None).await;
    cluster.uninstall().await;
    let cleaner = Running::start(&cluster.kubeconfig(), &[]).await;
    cleaner.idle().await;
    cluster.install_without_schemas().await;
    cluster.create([objects::node("node-a", "True"), network(&[5])]).await;
    cluster.create([endpoint("ep5", "gone", "10.0.0.5")]).await;

    eventually("it is cleaned", async || cluster.names(DanmKind::DanmEp).await.is_empty()).await;
    assert_eq!(bits(&cluster).await, [0; 0]);
}

/// The messages of the Events of the Lease as it is now, with their kind and reason, in the order of time.
async fn notes_of_lease(cluster: &Cluster) -> Vec<(String, String, String)> {
    let lease = cluster.send(Method::GET, &format!("{LEASES}/danm-cleaner"), None).await.unwrap_or_default();
    let path = "/api/v1/namespaces/kube-system/events";
    let events = cluster.send(Method::GET, path, None).await.expect("events");
    let ours = |event: &&Value| event["involvedObject"]["uid"] == lease["metadata"]["uid"];
    let mut ours: Vec<&Value> = events["items"].as_array().expect("a list").iter().filter(ours).collect();
    ours.sort_by_key(|event| {
        event["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse::<u64>().ok())
    });
    let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    ours.iter().map(|event| (text(event, "type"), text(event, "reason"), text(event, "message"))).collect()
}

#[tokio::test]
async fn the_brake_holds_until_the_lease_says_otherwise_and_an_event_says_how() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    inhabited(&mut cluster, &[5, 6, 7]).await;
    for pod in ["p5", "p6"] {
        cluster.delete(&objects::pod("ran", pod, "node-a")).await;
    }
    let arguments = ["--max-release", "50%", "--max-release-min", "1"];
    let cleaner = Running::start(&cluster.kubeconfig(), &arguments).await;
    eventually("it holds", async || cleaner.metric("danm_cleaner_brake_held_endpoints").await == Some(2.0))
        .await;
    assert_eq!(cleaner.metric("danm_cleaner_brake").await, Some(1.0));
    let brake = cleaner.state().await["brake"].clone();
    assert_eq!((&brake["state"], &brake["heldEndpoints"]), (&json!("holds"), &json!(2)), "{brake}");
    assert!(brake["secondsLeft"].as_u64().is_some_and(|left| (500..600).contains(&left)), "{brake}");
    eventually("an Event tells", async || !notes_of_lease(&cluster).await.is_empty()).await;
    let (kind, reason, message) = notes_of_lease(&cluster).await.remove(0);
    assert_eq!((&*kind, &*reason), ("Warning", "BrakeHolds"));
    assert!(message.contains("2 of 3 endpoints look dead"), "{message}");
    assert!(cleaner.log().contains(&message), "the log says the same");
    assert_eq!(bits(&cluster).await, [5, 6, 7]);

    // An operator does as the Event says.
    let (_, command) =
        message.split_once("kubectl -n kube-system annotate lease danm-cleaner ").expect("a command");
    let (name, value) = command.trim_end_matches(" --overwrite").split_once('=').expect("an annotation");
    let note = json!({"metadata": {"annotations": {name: value}}});
    let lease = format!("{LEASES}/danm-cleaner");
    cluster.send(Method::PATCH, &lease, Some(&note)).await.expect("annotated");
    eventually("it goes on", async || bits(&cluster).await == [7]).await;
    eventually("an Event tells", async || notes_of_lease(&cluster).await.len() == 2).await;
    let (kind, reason, _) = notes_of_lease(&cluster).await.remove(1);
    assert_eq!((&*kind, &*reason), ("Normal", "BrakeReleased"));
    eventually("none is held", async || {
        cleaner.metric("danm_cleaner_brake_held_endpoints").await == Some(0.0)
    })
    .await;
}

#[tokio::test]
async fn after_the_hold_each_pod_is_asked_for_by_name() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    inhabited(&mut cluster, &[5, 6]).await;
    for pod in ["p5", "p6"] {
        cluster.delete(&objects::pod("ran", pod, "node-a")).await;
    }
    let arguments = ["--max-release", "0", "--max-release-min", "0", "--brake-hold", "1s"];
    let cleaner = Running::start(&cluster.kubeconfig(), &arguments).await;
    eventually("it holds", async || cleaner.metric("danm_cleaner_brake").await == Some(1.0)).await;
    assert_eq!(bits(&cluster).await, [5, 6]);
    eventually("it goes on", async || bits(&cluster).await.is_empty()).await;
    let reasons = async || {
        let notes = notes_of_lease(&cluster).await;
        notes.into_iter().map(|(_, reason, _)| reason).collect::<Vec<String>>()
    };
    eventually("Events tell", async || {
        reasons().await.starts_with(&["BrakeHolds".to_owned(), "BrakeEases".to_owned()])
    })
    .await;
}

/// Whoever acts tells; a standby that sees the same does not.
#[tokio::test]
async fn only_the_leader_tells_of_the_brake() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    inhabited(&mut cluster, &[5, 6]).await;
    let arguments = ["--max-release", "0", "--max-release-min", "0", "--brake-hold", "forever"];
    let leader = Running::start(&cluster.kubeconfig(), &arguments).await;
    eventually("one leads", async || leader.metric("danm_cleaner_leading").await == Some(1.0)).await;
    let standby = Running::start(&cluster.kubeconfig(), &arguments).await;
    standby.idle().await;
    cluster.delete(&objects::pod("ran", "p5", "node-a")).await;
    for cleaner in [&leader, &standby] {
        eventually("both hold", async || cleaner.metric("danm_cleaner_brake").await == Some(1.0)).await;
    }
    eventually("one tells", async || notes_of_lease(&cluster).await.len() == 1).await;
    assert!(!standby.log().contains("the brake holds"), "{}", standby.log());
    assert_eq!(standby.state().await["brake"]["secondsLeft"], Value::Null, "only somebody's word ends it");

    leader.stop().await;
    eventually("the next leader tells", async || notes_of_lease(&cluster).await.len() == 2).await;
    assert!(standby.log().contains("until somebody says so"), "{}", standby.log());
    assert_eq!(bits(&cluster).await, [5, 6]);
}

/// Scenario 29.
#[tokio::test]
async fn an_endpoint_with_a_foreign_finalizer_is_freed_once_and_holds_up_nobody() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    inhabited(&mut cluster, &[5, 6]).await;
    let kept = objects::with(
        endpoint("kept", "gone", "10.0.0.7"),
        "/metadata/finalizers",
        json!(["example.net/keep"]),
    );
    cluster.create([kept.clone()]).await;
    cluster.patch(&network(&[]), &json!({"spec": {"Options": {"alloc": objects::alloc(&[5, 6, 7])}}})).await;
    let cleaner = Running::start(&cluster.kubeconfig(), &[]).await;
    eventually("its address is free", async || bits(&cluster).await == [5, 6]).await;
    eventually("it is known why it stays", async || {
        cleaner.state().await["doubtful"].to_string().contains("pod-gone")
    })
    .await;
    eventually("it is marked, once its address is free", async || {
        cluster.get(&kept).await.is_some_and(|kept| !kept["metadata"]["deletionTimestamp"].is_null())
    })
    .await;
    let version = async || {
        let kept = cluster.get(&kept).await.expect("it is there");
        kept["metadata"]["resourceVersion"].to_string()
    };
    let before = version().await;

    // Somebody else gets the address.
    cluster.patch(&network(&[]), &json!({"spec": {"Options": {"alloc": objects::alloc(&[5, 6, 7])}}})).await;
    cluster.delete(&objects::pod("ran", "p5", "node-a")).await;
    eventually("others proceed", async || bits(&cluster).await == [6, 7]).await;
    assert_eq!(version().await, before, "it is not deleted again and again");
}

#[tokio::test]
async fn what_was_done_is_told_in_metrics_and_in_one_event_a_network() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    inhabited(&mut cluster, &[5, 6, 7]).await;
    for pod in ["p5", "p6"] {
        cluster.delete(&objects::pod("ran", pod, "node-a")).await;
    }
    let cleaner = Running::start(&cluster.kubeconfig(), &[]).await;
    eventually("they are free", async || bits(&cluster).await == [7]).await;

    let released = "danm_cleaner_released_endpoints_total{reason=\"pod-gone\"}";
    eventually("they are counted", async || cleaner.metric(released).await == Some(2.0)).await;
    assert_eq!(cleaner.metric("danm_cleaner_freed_addresses_total").await, Some(2.0));
    assert_eq!(cleaner.metric("danm_cleaner_paused").await, Some(0.0));
    let synced = "danm_cleaner_source_synced{source=\"danmeps.danm.k8s.io\"}";
    assert_eq!(cleaner.metric(synced).await, Some(1.0));
    let events = async || {
        let events = cluster.send(Method::GET, "/api/v1/namespaces/ran/events", None).await.expect("events");
        let ours = |event: &&Value| {
            event["reason"] == "AddressesReleased" && event["source"]["component"] == "danm-cleaner"
        };
        let uid = cluster.get(&network(&[])).await.expect("it is there")["metadata"]["uid"].clone();
        let ours = events["items"].as_array().expect("a list").iter().filter(ours).cloned();
        ours.filter(|event| event["involvedObject"]["uid"] == uid).collect::<Vec<Value>>()
    };
    eventually("there is an Event", async || !events().await.is_empty()).await;
    let events = events().await;
    assert_eq!(events.len(), 1, "{events:#?}");
    assert_eq!(events[0]["message"], "Freed 2 addresses and deleted 2 DanmEps whose Pods are gone");
}
