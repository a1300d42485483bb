//! An API server that fails, on the one in memory: the real one does not do so when told to.

use std::time::Duration;

use danm_api::{ApiGroup, DanmKind, NetworkKind};
use http::Method;
use sandbox::{Effect, Fault, Match, Options, Sandbox, Times};
use serde_json::Value;
use testkit::{Cluster, objects};

use crate::{
    program::clean,
    running::{PATIENCE, Running, eventually, within},
};

const GROUP: ApiGroup = ApiGroup::DanmK8sIo;

fn network(name: &str, set: &[u32]) -> Value {
    objects::with_bits(objects::network(GROUP, NetworkKind::DanmNet, "ran", name), set)
}

fn endpoint(name: &str, pod: &str, network: &str, address: &str) -> Value {
    let endpoint = objects::endpoint(GROUP, "ran", name, pod, network);
    objects::with(endpoint, "/spec/Interface/Address", format!("{address}/24"))
}

/// Two networks with an endpoint of a Pod that is gone each, and one with an endpoint of a living Pod.
async fn filled() -> Cluster {
    let mut cluster = crate::cluster().await.expect("it is in memory");
    cluster.create([objects::node("node-a", "True"), objects::pod("ran", "alive", "node-a")]).await;
    cluster.create([network("a", &[5]), network("b", &[5]), network("c", &[5])]).await;
    cluster
        .create([endpoint("a5", "gone-a", "a", "10.0.0.5"), endpoint("b5", "gone-b", "b", "10.0.0.5")])
        .await;
    cluster.create([endpoint("c5", "alive", "c", "10.0.0.5")]).await;
    cluster
}

async fn bits(cluster: &Cluster, name: &str) -> Vec<u32> {
    let network = cluster.get(&network(name, &[])).await.expect("it is there");
    objects::set_bits(network["spec"]["Options"]["alloc"].as_str().expect("an array"))
}

async fn endpoints(cluster: &Cluster) -> Vec<String> {
    cluster.names(DanmKind::DanmEp).await
}

fn status(code: u16) -> Effect {
    Effect::Status { code, retry_after: None }
}

fn fault(on: Match, effect: Effect) -> Fault {
    Fault { on, times: Times::Always, effect }
}

fn pods() -> Match {
    Match::any().path("/api/v1/pods")
}

/// Scenarios 4 and 20.
#[tokio::test]
async fn a_pod_that_a_dead_watch_did_not_show_is_found_by_the_confirming_read() {
    let mut cluster = filled().await;
    let cleaner = Running::start(&cluster.kubeconfig(), &[]).await;
    eventually("the dead are gone", async || endpoints(&cluster).await == ["c5"]).await;
    cluster.sandbox().inject(fault(Match::watches().path("/api/v1/pods"), Effect::HalfOpen));
    cluster.create([network("d", &[6, 7]), objects::pod("ran", "unseen", "node-a")]).await;
    cluster
        .create([endpoint("d6", "unseen", "d", "10.0.0.6"), endpoint("d7", "no-such-pod", "d", "10.0.0.7")])
        .await;

    eventually("the dead one is gone", async || endpoints(&cluster).await == ["c5", "d6"]).await;
    assert_eq!(bits(&cluster, "d").await, [6]);
    let silent = async |source: &str| {
        let name = format!("danm_cleaner_source_silent_seconds{{source=\"{source}\"}}");
        cleaner.metric(&name).await.expect("it was heard once")
    };
    eventually("the silence of the dead watch rises, and not that of others", async || {
        let endpoint = endpoint("noise", "unseen", "d", "10.0.0.6");
        cluster.create_at_once([endpoint.clone()]).await;
        cluster.delete(&endpoint).await;
        silent("pods").await > 2.0 && silent("danmeps.danm.k8s.io").await < 1.0
    })
    .await;
    let state = cleaner.state().await["sources"]["pods"].clone();
    assert_eq!(state["state"], "synced");
    assert!(state["silentSeconds"].as_u64() >= Some(2), "{state}");
}

#[tokio::test]
async fn a_node_that_is_gone_without_having_been_seen_to_go_confirms_nothing() {
    let mut cluster = filled().await;
    cluster.create([objects::node("node-b", "True")]).await;
    let cleaner = Running::start(&cluster.kubeconfig(), &[]).await;
    eventually("the dead are gone", async || endpoints(&cluster).await == ["c5"]).await;
    cluster.sandbox().inject(fault(Match::watches().path("/api/v1/nodes"), Effect::HalfOpen));
    cluster.delete(&objects::node("node-a", "True")).await;
    cluster.create([network("d", &[6, 7]), endpoint("d6", "gone", "d", "10.0.0.6")]).await;
    let elsewhere = objects::with(endpoint("d7", "gone", "d", "10.0.0.7"), "/spec/Host", "node-b");
    eventually("it is asked for", async || {
        let requests = cluster.sandbox().requests();
        requests.iter().filter(|request| request.uri.path() == "/api/v1/nodes/node-a").count() >= 2
    })
    .await;
    cluster.create([elsewhere]).await;

    eventually("others go", async || endpoints(&cluster).await == ["c5", "d6"]).await;
    assert_eq!(bits(&cluster, "d").await, [6]);
    drop(cleaner);
}

/// Scenario 5.
#[tokio::test]
async fn nothing_is_released_before_pods_can_be_listed() {
    let cluster = filled().await;
    let failing = cluster.sandbox().inject(fault(pods(), status(500)));
    let cleaner = Running::start(&cluster.kubeconfig(), &[]).await;
    eventually("it has tried", async || cluster.sandbox().hits(failing) >= 2).await;
    let (code, reasons) = cleaner.ask("/ready").await;
    assert!(code == 503 && reasons.contains("pods"), "{code} {reasons}");
    assert_eq!(endpoints(&cluster).await, ["a5", "b5", "c5"]);

    cluster.sandbox().heal();
    eventually("it goes on", async || endpoints(&cluster).await == ["c5"]).await;
    cleaner.ready().await;
}

/// Scenario 6.
#[tokio::test]
async fn what_a_cache_serves_is_not_judged() {
    let cluster = filled().await;
    clean(&cluster.kubeconfig(), &[]).await.ends_with(0);
    let requests = cluster.sandbox().requests();
    let cached = requests.iter().filter(|request| {
        request
            .uri
            .query()
            .is_some_and(|query| query.contains("resourceVersion=0&") || query.ends_with("resourceVersion=0"))
    });
    assert_eq!(cached.count(), 0);
    assert!(requests.len() > 10, "it was at work");
}

/// Scenario 8.
#[tokio::test]
async fn a_list_of_pods_that_comes_back_empty_kills_nobody() {
    let cluster = filled().await;
    cluster.sandbox().inject(fault(Match::no_watches().path("/api/v1/pods"), Effect::Truncate(0)));
    let run = clean(&cluster.kubeconfig(), &["--override-brake"]).await;
    run.ends_with(0);
    assert_eq!(endpoints(&cluster).await, ["c5"], "the living one was asked for by name");
    assert_eq!(bits(&cluster, "c").await, [5]);
}

/// Scenarios 8 and 17: Nodes that are not in a list are asked for by name before Pods are given up that are bound to them.
#[tokio::test]
async fn a_list_of_nodes_that_comes_back_empty_kills_nobody() {
    let cluster = filled().await;
    cluster.sandbox().inject(fault(Match::no_watches().path("/api/v1/nodes"), Effect::Truncate(0)));
    let cleaner = Running::start(&cluster.kubeconfig(), &["--leader-elect", "false"]).await;
    cleaner.idle().await;
    let lost = "danm_cleaner_doubtful_endpoints{verdict=\"unknown\",reason=\"first-observation\"}";
    eventually("they look lost", async || cleaner.metric(lost).await == Some(1.0)).await;
    cluster.sandbox().clear_requests();
    // As long as the quarantine lasts there is nothing to ask.
    within(PATIENCE * 2, "it is asked for by name", async || {
        let requests = cluster.sandbox().requests();
        requests.iter().any(|request| request.uri.path() == "/api/v1/nodes/node-a")
    })
    .await;
    eventually("it lives", async || cleaner.metric(lost).await.is_none()).await;
    assert!(endpoints(&cluster).await.contains(&"c5".to_owned()));
    assert_eq!(bits(&cluster, "c").await, [5]);
}

/// Scenario 9.
#[tokio::test]
async fn a_list_that_breaks_off_is_begun_anew_and_judged_when_it_is_complete() {
    let mut cluster = filled().await;
    cluster.create((0..1200).map(|number| objects::pod("ran", &format!("pod-{number:04}"), "node-a"))).await;
    cluster.create([network("d", &[6]), endpoint("d6", "pod-1199", "d", "10.0.0.6")]).await;
    let expired = Fault { on: pods(), times: Times::First(1), effect: Effect::ExpireContinue };
    let expired = cluster.sandbox().inject(expired);

    let run = clean(&cluster.kubeconfig(), &["--override-brake"]).await;

    run.ends_with(0);
    assert_eq!(cluster.sandbox().hits(expired), 1);
    assert_eq!(endpoints(&cluster).await, ["c5", "d6"]);
}

/// Scenario 25.
#[tokio::test]
async fn a_write_whose_answer_is_lost_is_not_made_twice() {
    let cluster = filled().await;
    let on = Match::any().method(Method::PATCH).path("/danmnets/a");
    cluster.sandbox().inject(Fault { on, times: Times::First(1), effect: Effect::DropAfter });
    let cleaner = Running::start(&cluster.kubeconfig(), &[]).await;

    eventually("all is done", async || endpoints(&cluster).await == ["c5"]).await;

    let writes = cluster
        .sandbox()
        .requests()
        .into_iter()
        .filter(|request| request.method == Method::PATCH && request.uri.path().ends_with("/danmnets/a"));
    assert_eq!(writes.count(), 1);
    assert_eq!(bits(&cluster, "a").await, [0; 0]);
    drop(cleaner);
}

/// A network that refuses is parked, told of, and holds up nobody.
#[tokio::test]
async fn a_network_that_refuses_a_write_holds_up_nobody_else() {
    let cluster = filled().await;
    let on = Match::any().method(Method::PATCH).path("/danmnets/a");
    let refusing = cluster.sandbox().inject(fault(on, status(422)));
    let cleaner = Running::start(&cluster.kubeconfig(), &[]).await;

    eventually("the other is done", async || endpoints(&cluster).await == ["a5", "c5"]).await;
    eventually("it is shown", async || cleaner.metric("danm_cleaner_troubles").await == Some(1.0)).await;
    eventually("there is an Event", async || {
        let events = cluster.send(Method::GET, "/api/v1/namespaces/ran/events", None).await.expect("events");
        events["items"].as_array().expect("a list").iter().any(|event| {
            event["type"] == "Warning"
                && event["involvedObject"]["name"] == "a"
                && event["reason"] == "ReleaseFailed"
        })
    })
    .await;
    assert_eq!(cluster.sandbox().hits(refusing), 1, "it is left alone for a while");
    assert_eq!(cleaner.ask("/ready").await.0, 200);
}

/// A request that hangs holds up nobody either.
#[tokio::test]
async fn a_network_that_does_not_answer_holds_up_nobody_else() {
    let cluster = filled().await;
    let on = Match::any().method(Method::PATCH).path("/danmnets/a");
    cluster.sandbox().inject(fault(on, Effect::Delay(Duration::from_secs(3600))));
    let cleaner = Running::start(&cluster.kubeconfig(), &[]).await;
    eventually("the other is done", async || endpoints(&cluster).await == ["a5", "c5"]).await;
    let (took, success) = cleaner.stop().await;
    assert!(success && took < Duration::from_secs(2), "{took:?}");
}

/// Scenario 62.
#[tokio::test]
async fn a_busy_server_is_left_alone_for_as_long_as_it_asks_for() {
    let cluster = filled().await;
    let busy = Effect::Status { code: 429, retry_after: Some(1) };
    let on = Match::any().method(Method::DELETE);
    let refused = cluster.sandbox().inject(Fault { on, times: Times::First(2), effect: busy });
    let begun = std::time::Instant::now();

    clean(&cluster.kubeconfig(), &[]).await.ends_with(0);

    assert_eq!(cluster.sandbox().hits(refused), 2);
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(endpoints(&cluster).await, ["c5"]);
}

/// Scenario 64.
#[tokio::test]
async fn rights_that_are_lost_pause_what_needs_them_and_are_shown() {
    let mut cluster = filled().await;
    let cleaner = Running::start(&cluster.kubeconfig(), &[]).await;
    eventually("the dead are gone", async || endpoints(&cluster).await == ["c5"]).await;
    cluster.sandbox().inject(fault(Match::any().path("/danmeps"), status(403)));
    cluster.sandbox().inject(fault(Match::any().path("/danmeps"), Effect::BreakWatches));
    eventually("it is not ready", async || {
        let (code, reasons) = cleaner.ask("/ready").await;
        code == 503 && reasons.contains("danmeps")
    })
    .await;
    assert_eq!(cleaner.metric("danm_cleaner_paused").await, Some(1.0));
    cluster.sandbox().heal();
    cluster.create([network("d", &[6]), endpoint("d6", "gone", "d", "10.0.0.6")]).await;
    eventually("it goes on", async || endpoints(&cluster).await == ["c5"]).await;
    cleaner.ready().await;
}

#[tokio::test]
async fn an_api_server_that_is_gone_pauses_everything_until_it_is_back() {
    let mut cluster = filled().await;
    let cleaner = Running::start(&cluster.kubeconfig(), &["--leader-elect", "false"]).await;
    eventually("the dead are gone", async || endpoints(&cluster).await == ["c5"]).await;
    cluster.sandbox().inject(fault(Match::any(), Effect::DropBefore));
    cluster.sandbox().inject(fault(Match::any(), Effect::BreakWatches));
    eventually("it is not ready", async || cleaner.ask("/ready").await.0 == 503).await;
    eventually("it pauses", async || cleaner.metric("danm_cleaner_paused").await == Some(1.0)).await;
    assert_eq!(cleaner.ask("/live").await.0, 200, "a restart would not help");
    cluster.sandbox().heal();
    cluster.create([network("d", &[6]), endpoint("d6", "gone", "d", "10.0.0.6")]).await;
    eventually("it goes on", async || endpoints(&cluster).await == ["c5"]).await;
    cleaner.ready().await;
}

/// Scenario 63.
#[tokio::test]
async fn a_namespace_that_is_being_deleted_is_cleaned_without_making_anything_in_it() {
    let cluster = filled().await;
    let on = Match::any().method(Method::POST).path("/events");
    cluster.sandbox().inject(fault(on, status(403)));
    let cleaner = Running::start(&cluster.kubeconfig(), &[]).await;
    eventually("it is cleaned", async || endpoints(&cluster).await == ["c5"]).await;
    assert_eq!(cleaner.ask("/ready").await.0, 200);
    let made = cluster.sandbox().requests().into_iter().filter(|request| request.method == Method::POST);
    assert!(made.clone().count() > 0);
    for request in made {
        let path = request.uri.path();
        let is_ours = ["/events", "/leases", "/danmeps", "/danmnets", "/pods", "/nodes", "/namespaces"];
        assert!(is_ours.iter().any(|kind| path.ends_with(kind)), "{path}");
    }
}

#[tokio::test]
async fn a_lease_that_cannot_be_renewed_pauses_releasing_and_is_shown() {
    let mut cluster = filled().await;
    let cleaner = Running::start(&cluster.kubeconfig(), &[]).await;
    eventually("the dead are gone", async || endpoints(&cluster).await == ["c5"]).await;
    cluster.sandbox().inject(fault(Match::any().path("/leases"), status(500)));
    eventually("it does not lead any more", async || {
        cleaner.metric("danm_cleaner_leading").await == Some(0.0)
    })
    .await;
    assert_eq!(cleaner.ask("/ready").await.0, 503);
    cluster.create([network("d", &[6]), endpoint("d6", "gone", "d", "10.0.0.6")]).await;
    eventually("it sees the dead", async || {
        cleaner.metric("danm_cleaner_doubtful_endpoints{verdict=\"dangling\",reason=\"pod-gone\"}").await
            == Some(1.0)
    })
    .await;
    assert_eq!(endpoints(&cluster).await, ["c5", "d6"]);
    cluster.sandbox().heal();
    eventually("it goes on", async || endpoints(&cluster).await == ["c5"]).await;
}

/// Scenario 48.
#[tokio::test]
async fn watches_that_begin_anew_after_a_gap_lose_nothing() {
    let mut cluster = filled().await;
    let cleaner = Running::start(&cluster.kubeconfig(), &[]).await;
    eventually("the dead are gone", async || endpoints(&cluster).await == ["c5"]).await;
    let gap = cluster.sandbox().inject(fault(Match::watches(), status(500)));
    cluster.sandbox().inject(fault(Match::any(), Effect::BreakWatches));
    cluster.delete(&objects::pod("ran", "alive", "node-a")).await;
    cluster.create([network("d", &[6]), objects::pod("ran", "new", "node-a")]).await;
    cluster.create([endpoint("d6", "new", "d", "10.0.0.6")]).await;
    cluster.sandbox().forget_history();
    cluster.sandbox().lift(gap);

    eventually("what died in the gap is gone", async || endpoints(&cluster).await == ["d6"]).await;
    assert_eq!((bits(&cluster, "c").await, bits(&cluster, "d").await), (vec![], vec![6]));
    cleaner.ready().await;
}

/// Scenario 7.
#[tokio::test]
async fn after_a_restore_of_the_data_store_an_address_is_watched_for_the_whole_window_again() {
    const WINDOW: Duration = Duration::from_secs(4);
    let dead = || {
        let old =
            |object: Value| objects::with(object, "/metadata/creationTimestamp", "2026-11-01T10:00:00Z");
        [
            objects::node("node-a", "True"),
            old(network("a", &[5])),
            old(endpoint("a5", "gone", "a", "10.0.0.5")),
        ]
    };
    let before = Sandbox::start(Options::default()).expect("a loopback");
    before
        .load((0..50).map(|number| objects::pod("ran", &format!("pod-{number}"), "node-a")))
        .expect("loaded");
    before.load(dead()).expect("loaded");
    let folder = tempfile::tempdir().expect("a folder");
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, before.kubeconfig()).expect("written");
    let arguments = ["--ownership-window", "4s", "--leader-elect", "false", "--audit-interval", "500ms"];
    let cleaner = Running::start(&kubeconfig, &arguments).await;
    let held = "danm_cleaner_doubtful_endpoints{verdict=\"dangling\",reason=\"pod-gone\"}";
    eventually("it is known to be dead", async || cleaner.metric(held).await == Some(1.0)).await;

    let listen = before.url().trim_start_matches("http://").parse().expect("an address");
    let revision = before.revision();
    let restored_at = std::time::Instant::now();
    drop(before);
    let restored = restart(listen).await;
    restored.load(dead()).expect("loaded");
    assert!(restored.revision() < revision, "versions went back");
    let released = "danm_cleaner_released_endpoints_total{reason=\"pod-gone\"}";
    eventually("it is freed", async || cleaner.metric(released).await == Some(1.0)).await;
    assert!(cleaner.log().contains("went back from version"), "{}", cleaner.log());
    assert!(restored_at.elapsed() >= WINDOW, "{:?}", restored_at.elapsed());
}

/// The port is free once the connections of the server before are gone.
async fn restart(listen: std::net::SocketAddr) -> Sandbox {
    let begun = std::time::Instant::now();
    loop {
        match Sandbox::start(Options { listen, ..Options::default() }) {
            Ok(sandbox) => return sandbox,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(10), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
