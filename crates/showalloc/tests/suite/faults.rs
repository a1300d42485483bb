//! A server that refuses, on the one in memory: some of the rights that the real one knows, as requests that are forbidden,
//! and what only time shows.

use std::time::Duration;

use danm_api::NetworkKind;
use sandbox::{Effect, Fault, FaultId, Match};
use serde_json::{Value, json};
use testkit::{Cluster, objects};

use crate::{
    check::rows,
    following::Follower,
    program::{Run, ask, asking, json, run},
    town::{self, NEW, in_group, network},
};

/// Refuses requests, as the real server does where there is no right.
fn forbid(cluster: &Cluster, requests: Match) -> FaultId {
    cluster.sandbox().inject(Fault::new(requests, Effect::Status { code: 403, retry_after: None }))
}

/// Those that ask for a kind in all namespaces.
fn everywhere(kinds: &'static [&'static str]) -> Match {
    Match::any().when(|request| {
        let path = request.uri.path();
        !path.contains("/namespaces/") && kinds.iter().any(|kind| path.ends_with(&format!("/{kind}")))
    })
}

async fn town() -> Cluster {
    town::town().await.expect("it is in this process")
}

/// The reference's own manifest grants get and list only. That was taken for a cluster of which nothing can be judged.
#[tokio::test]
async fn whoever_may_list_but_not_watch_sees_everything() {
    let cluster = town().await;
    let all = json(&ask(&cluster, "check -A -o json").await.clean());
    forbid(&cluster, Match::watches());
    let listed = json(&ask(&cluster, "check -A -o json").await.clean());
    assert_eq!(rows(&listed), rows(&all));
    assert_eq!((&listed["isJudged"], &listed["limits"]), (&json!(true), &json!(null)));
}

/// Silence would have meant that nothing changes.
#[tokio::test]
async fn whoever_may_not_watch_is_told_that_there_is_nothing_to_follow() {
    let cluster = town().await;
    forbid(&cluster, Match::watches());
    for command in ["networks -A -w", "show overlap -n ran -w"] {
        let run = run(asking(&cluster, command)).await;
        assert!(run.sentence(2).starts_with("error: cannot follow "), "{run:#?}");
        assert!(run.out.contains("overlap"), "what could be listed was shown: {run:#?}");
    }
}

/// A watch of all namespaces that was refused asked again after five seconds, and its refusal was taken for news of the
/// watch of one namespace that is in its place: leaks were not called leaks any more, and then the lines changed.
#[tokio::test]
async fn whoever_sees_one_namespace_follows_it_for_as_long_as_they_like() {
    let cluster = town().await;
    let refused = forbid(&cluster, everywhere(&["pods", "danmeps", "reservedips"]));
    let mut follower = Follower::start(&cluster, "networks -n ran -w --no-headers");
    let before = follower.lines(8).await;

    assert_eq!(follower.line_within(Duration::from_secs(7)).await, None);

    assert!(cluster.sandbox().hits(refused) >= 4, "they were asked for");
    let layer_2 = json!({"spec": {"Options": {"alloc": objects::alloc(&[5, 6])}}});
    cluster.patch(&network(NetworkKind::DanmNet, "overlap", 0, &[]), &layer_2).await;
    let words = |row: &str| row.split_whitespace().collect::<Vec<_>>().join(" ");
    let overlap = before.iter().find(|row| row.starts_with("overlap ")).expect("a row");
    assert!(words(overlap).starts_with("overlap DanmNet ran 10.0.0.0/24 256 1 253 0 "), "{before:#?}");
    let changed = follower.line().await;
    assert!(words(&changed).starts_with("overlap DanmNet ran 10.0.0.0/24 256 2 252 1 "), "{changed}");
}

#[tokio::test]
async fn whoever_sees_one_namespace_suspects_nobody_of_the_others() {
    let cluster = town().await;
    forbid(&cluster, everywhere(&["pods", "danmeps", "reservedips"]));
    let shown = ask(&cluster, "show backbone -n ran -4 --no-headers").await;
    let note = "note: of other namespaces than ran you may not see pods, danmeps.danm.k8s.io, danmeps.danm.io, \
                reservedips.danm.io";
    assert_eq!(sorted(shown.sentence(0)), sorted(note));
    let words = |row: &str| row.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.out.lines().any(|row| words(row) == "10.2.0.6 allocated"), "{}", shown.out);
    assert!(!shown.out.contains("leaked") && !shown.out.contains("suspect"), "{}", shown.out);
}

#[tokio::test]
async fn a_bit_is_not_called_leaked_where_reservations_cannot_be_read() {
    let cluster = town().await;
    let fault = forbid(&cluster, Match::any().path("/reservedips"));
    let run = ask(&cluster, "check -A -o json").await;
    assert!(run.sentence(0).starts_with("note: reservedips.danm.io cannot be read ("), "{run:#?}");
    assert_eq!(leaked(&run), ["10.0.0.6"], "only that of the dead endpoint");
    cluster.sandbox().lift(fault);
    // Those of other namespaces may be about a network of the cluster.
    let core = in_group(network(NetworkKind::ClusterNetwork, "core", 6, &[7]), NEW);
    cluster.sandbox().load([core]).expect("it is sound");
    assert_eq!(leaked(&ask(&cluster, "check core -n ran -o json").await), ["10.6.0.7"]);
    forbid(&cluster, everywhere(&["reservedips"]));
    let run = ask(&cluster, "check -n ran -o json").await;
    assert_eq!(run.sentence(0), "note: of other namespaces than ran you may not see reservedips.danm.io");
    assert_eq!(leaked(&run), ["10.1.0.101", "10.0.0.6", "10.0.0.8"], "of {}", run.out);
}

#[tokio::test]
async fn a_network_that_may_not_be_seen_is_not_called_missing() {
    let cluster = town().await;
    forbid(&cluster, everywhere(&["danmnets"]));
    let report = json(&ask(&cluster, "check -A -o json").await.out);
    assert_eq!(report["counts"]["missing-network"], 0, "{report:#}");
    let found = json(&ask(&cluster, "ip 10.7.0.5 -o json").await.out);
    assert_eq!(last_evidence(&found), ["DanmNet ran/nowhere: networks of namespace ran cannot be read"]);
}

/// Whoever asks for a Pod and may see its namespace only was shown that of the context, in which it is not.
#[tokio::test]
async fn a_pod_is_looked_for_in_its_own_namespace() {
    let cluster = town().await;
    forbid(&cluster, everywhere(&["danmnets", "danmeps", "pods"]));
    let found = json(&ask(&cluster, "ip ran/web-5 -o json").await.out);
    let seen = last_evidence(&found);
    assert!(seen.contains(&"there is no DanmNet ran/nowhere"), "{found:#}");
    assert_eq!(seen.len(), 2, "{found:#}");
}

/// What was seen last of each place of a look-up.
fn last_evidence(found: &Value) -> Vec<&str> {
    let items = found["items"].as_array().into_iter().flatten();
    items.filter_map(|place| place["evidence"].as_array()?.last()?.as_str()).collect()
}

#[tokio::test]
async fn whoever_may_see_no_network_at_all_is_not_told_that_there_is_none() {
    let cluster = town().await;
    forbid(&cluster, Match::any().when(|request| request.uri.path().contains("net")));
    for command in ["networks -A", "show -n ran", "check -A"] {
        let run = ask(&cluster, command).await;
        assert!(run.error().starts_with("cannot read "), "{run:#?}");
    }
}

fn leaked(run: &Run) -> Vec<String> {
    let report = json(&run.out);
    let leaked = report["problems"].as_array().into_iter().flatten();
    let leaked = leaked.filter(|problem| problem["class"] == "leaked-bit");
    leaked.filter_map(|problem| problem["start"].as_str().map(str::to_owned)).collect()
}

fn sorted(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = text.split([' ', ',']).collect();
    words.sort_unstable();
    words
}
