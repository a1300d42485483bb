//! Watches: where they begin, what they tell, how they end.

use std::time::Duration;

use sandbox::Options;
use serde_json::{Value, json};

use crate::api_client::{MAPS, MERGE, Server, refusal, version};

const WATCH: &str = "/api/v1/namespaces/default/configmaps?watch=1";

#[tokio::test]
async fn a_watch_from_a_version_tells_what_happened_since() {
    let server = Server::start();
    let a = server.make("a", &json!({})).await;
    server.make("b", &json!({})).await;
    let mut watch = server.watch(&format!("{WATCH}&resourceVersion={}", version(&a))).await;
    assert_eq!(watch.event().await, "ADDED b");
    server.patch(&format!("{MAPS}/a"), &json!({"data": {"k": "2"}}), MERGE).await;
    assert_eq!(watch.event().await, "MODIFIED a");
    server.delete(&format!("{MAPS}/a")).await;
    let deleted = watch.next().await.unwrap();
    assert_eq!((&deleted["type"], &deleted["object"]["data"]["k"]), (&json!("DELETED"), &json!("2")));
    assert_eq!(version(&deleted["object"]), server.sandbox.revision().to_string());
}

#[tokio::test]
async fn a_watch_without_a_version_begins_with_what_is_there() {
    let server = Server::start();
    server.make("a", &json!({})).await;
    for query in ["", "&resourceVersion=0"] {
        let mut watch = server.watch(&format!("{WATCH}{query}")).await;
        assert_eq!(watch.event().await, "ADDED a", "{query}");
    }
}

#[tokio::test]
async fn a_version_that_is_too_old_is_an_error_event_and_the_end() {
    let server = Server::start();
    let a = server.make("a", &json!({})).await;
    server.make("b", &json!({})).await;
    server.sandbox.forget_history();
    let mut watch = server.watch(&format!("{WATCH}&resourceVersion={}", version(&a))).await;
    let error = watch.next().await.unwrap();
    assert_eq!((&error["type"], &error["object"]["kind"]), (&json!("ERROR"), &json!("Status")));
    assert_eq!((&error["object"]["code"], &error["object"]["reason"]), (&json!(410), &json!("Expired")));
    assert!(error["object"]["message"].as_str().unwrap().starts_with("too old resource version: "));
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn a_history_forgets_its_oldest_events_first() {
    let server = Server::with(Options { history: 2, ..Options::default() });
    let a = server.make("a", &json!({})).await;
    let b = server.make("b", &json!({})).await;
    for name in ["c", "d"] {
        server.make(name, &json!({})).await;
    }
    let mut watch = server.watch(&format!("{WATCH}&resourceVersion={}", version(&b))).await;
    assert_eq!(watch.event().await, "ADDED c");
    let mut watch = server.watch(&format!("{WATCH}&resourceVersion={}", version(&a))).await;
    assert_eq!(watch.event().await, "ERROR -");
}

#[tokio::test]
async fn what_leaves_a_selection_is_deleted_and_what_enters_is_added() {
    let server = Server::start();
    server.make("a", &json!({"l": "1"})).await;
    let mut watch = server.watch(&format!("{WATCH}&labelSelector=l%3D1")).await;
    assert_eq!(watch.event().await, "ADDED a");
    let label = |value: &str| json!({"metadata": {"labels": {"l": value}}});
    let (_, left) = server.patch(&format!("{MAPS}/a"), &label("2"), MERGE).await;
    let event = watch.next().await.unwrap();
    assert_eq!(
        (&event["type"], &event["object"]["metadata"]["labels"]["l"]),
        (&json!("DELETED"), &json!("1"))
    );
    assert_eq!(version(&event["object"]), version(&left));
    server.patch(&format!("{MAPS}/a"), &json!({"data": {"k": "unseen"}}), MERGE).await;
    server.patch(&format!("{MAPS}/a"), &label("1"), MERGE).await;
    assert_eq!(watch.event().await, "ADDED a");
}

#[tokio::test]
async fn bookmarks_tell_how_far_a_watch_has_come() {
    let server = Server::with(Options { bookmarks: Duration::from_millis(20), ..Options::default() });
    let a = server.make("a", &json!({})).await;
    let query = format!("{WATCH}&allowWatchBookmarks=true&resourceVersion={}", version(&a));
    let mut watch = server.watch(&query).await;
    // A write elsewhere makes no event here, but the watch has come past it.
    server.post("/api/v1/nodes", &json!({"metadata": {"name": "n"}})).await;
    let now = server.sandbox.revision().to_string();
    loop {
        let event = watch.next().await.unwrap();
        assert_eq!((&event["type"], &event["object"]["kind"]), (&json!("BOOKMARK"), &json!("ConfigMap")));
        if version(&event["object"]) == now {
            break;
        }
    }
}

#[tokio::test]
async fn a_watch_ends_in_time_with_a_bookmark() {
    let server = Server::start();
    let a = server.make("a", &json!({})).await;
    let query = format!("{WATCH}&timeoutSeconds=1&resourceVersion={}", version(&a));
    let mut watch = server.watch(&query).await;
    assert_eq!(watch.next().await, None);
    let mut watch = server.watch(&format!("{query}&allowWatchBookmarks=1")).await;
    assert_eq!(watch.event().await, "BOOKMARK -");
    assert_eq!(watch.next().await, None);
}

fn ends_initial(event: &Value) -> bool {
    event["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true"
}

#[tokio::test]
async fn initial_events_end_with_a_marked_bookmark() {
    let server = Server::start();
    server.make("a", &json!({})).await;
    let query = "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut watch = server.watch(&format!("{WATCH}{query}")).await;
    assert_eq!(watch.event().await, "ADDED a");
    let bookmark = watch.next().await.unwrap();
    assert!(ends_initial(&bookmark));
    assert_eq!(version(&bookmark["object"]), server.sandbox.revision().to_string());
    server.make("b", &json!({})).await;
    assert_eq!(watch.event().await, "ADDED b");
    let mut empty = server.watch(&format!("/api/v1/nodes?watch=1{query}")).await;
    assert!(ends_initial(&empty.next().await.unwrap()), "of nothing, too");
}

#[tokio::test]
async fn initial_events_are_refused_without_their_rule() {
    let server = Server::start();
    for query in [
        "&sendInitialEvents=true",
        "&sendInitialEvents=false",
        "&sendInitialEvents=true&resourceVersionMatch=Exact",
        "&resourceVersionMatch=NotOlderThan",
    ] {
        assert_eq!(refusal(&server.get(&format!("{WATCH}{query}")).await).0, 422, "{query}");
    }
    assert_eq!(refusal(&server.get(&format!("{WATCH}&resourceVersion=x")).await).0, 500);
}

#[tokio::test]
async fn every_watch_sees_every_event_in_order() {
    let server = Server::start();
    let mut watches = Vec::new();
    for _ in 0..4 {
        watches.push(server.watch(WATCH).await);
    }
    let names: Vec<String> = (0..200).map(|number| format!("m{number:03}")).collect();
    for name in &names {
        server.make(name, &json!({})).await;
    }
    for watch in &mut watches {
        for name in &names {
            assert_eq!(watch.event().await, format!("ADDED {name}"));
        }
    }
}

#[tokio::test]
async fn watches_end_with_the_server() {
    let server = Server::start();
    server.make("a", &json!({})).await;
    let mut watch = server.watch(WATCH).await;
    assert_eq!(watch.event().await, "ADDED a");
    drop(server);
    assert!(matches!(watch.try_next().await, Ok(None) | Err(_)));
}
