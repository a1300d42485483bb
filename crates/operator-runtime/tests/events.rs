//! Events, as a real API server takes them.

#![expect(clippy::expect_used, reason = "a test that has not what it needs has failed")]

use std::time::{Duration, Instant};

use http::Method;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Client, Config};
use operator_runtime::{ConnectArgs, EventKind, EventNote, EventPublisher, connect};
use serde_json::Value;
use testkit::Cluster;
use tokio::net::TcpListener;

/// A slow machine under load needs some seconds.
const PATIENCE: Duration = Duration::from_secs(60);

fn note(object: &str, namespace: Option<&str>, message: &str) -> EventNote {
    EventNote {
        regarding: ObjectReference {
            api_version: Some("danm.io/v1".to_owned()),
            kind: Some("DanmNet".to_owned()),
            namespace: namespace.map(str::to_owned),
            name: Some(object.to_owned()),
            uid: Some(format!("uid-of-{object}")),
            ..ObjectReference::default()
        },
        kind: EventKind::Warning,
        reason: "AddressesReleased".to_owned(),
        message: message.to_owned(),
        action: "Release".to_owned(),
    }
}

async fn events_of(cluster: &Cluster, object: &str) -> Vec<Value> {
    let path = format!("/api/v1/events?fieldSelector=involvedObject.name%3D{object}");
    let list = cluster.send(Method::GET, &path, None).await.expect("Events can be listed");
    list["items"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_note_becomes_an_event_once() {
    let Ok(cluster) = Cluster::empty().await else { return };
    let publisher = EventPublisher::new(cluster.client(), "danm-cleaner", "here_1");
    for object in ["net", "cluster-net"] {
        let namespace = (object == "net").then_some("kube-system");
        for _ in 0..3 {
            publisher.publish(note(object, namespace, &"ä".repeat(2000)));
        }
    }
    assert!(publisher.flush(PATIENCE).await);
    for (object, namespace) in [("net", "kube-system"), ("cluster-net", "default")] {
        let events = events_of(&cluster, object).await;
        assert_eq!(events.len(), 1, "{events:?}");
        let event = &events[0];
        assert_eq!(event["metadata"]["namespace"], namespace);
        assert_eq!((&event["type"], &event["reason"]), (&"Warning".into(), &"AddressesReleased".into()));
        assert_eq!(event["reportingComponent"], "danm-cleaner");
        assert_eq!(event["reportingInstance"], "here_1");
        assert_eq!(event["message"].as_str().map(str::len), Some(1023));
        assert_eq!(event["firstTimestamp"], event["lastTimestamp"]);
        assert!(event["lastTimestamp"].is_string());
    }
}

#[tokio::test]
async fn an_event_that_is_refused_is_nobodys_trouble() {
    let Ok(mut cluster) = Cluster::empty().await else { return };
    let kubeconfig = Some(cluster.plane().kubeconfig_of("cleaner"));
    let args = ConnectArgs { kubeconfig, ..ConnectArgs::default() };
    let publisher = EventPublisher::new(connect(&args).await.expect("the file is good"), "danm-cleaner", "a");
    publisher.publish(note("refused", Some("kube-system"), "no rights"));
    publisher.publish(note("refused", Some("not-there"), "no namespace"));
    assert!(publisher.flush(PATIENCE).await);
    assert_eq!(publisher.dropped(), 0);
    assert!(events_of(&cluster, "refused").await.is_empty());
}

/// A client of a server that takes connections and never says a word.
async fn silent() -> (TcpListener, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback is free");
    let address = listener.local_addr().expect("it is bound");
    let server = format!("http://{address}").parse().expect("an address makes a URL");
    (listener, Client::try_from(Config::new(server)).expect("it needs no TLS"))
}

#[tokio::test]
async fn a_server_that_is_silent_holds_up_nobody_and_fills_no_memory() {
    let (_listener, client) = silent().await;
    let publisher = EventPublisher::new(client, "danm-cleaner", "a");
    let started = Instant::now();
    for index in 0..1000 {
        publisher.publish(note("net", None, &index.to_string()));
    }
    // One is under way at most, and 256 wait.
    assert!((743..=744).contains(&publisher.dropped()), "{}", publisher.dropped());
    assert!(!publisher.flush(Duration::from_millis(50)).await);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
