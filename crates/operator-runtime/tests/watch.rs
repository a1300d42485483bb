//! Watches on the API server in memory: what they ask for, and what they tell.

#![expect(clippy::expect_used, reason = "a test that has not what it needs has failed")]

use danm_api::{Change, Pod};
use futures::{Stream, StreamExt};
use kube::{Api, ResourceExt, core::PartialObjectMeta, runtime::watcher::Config};
use operator_runtime::{Selection, WatchFailure, watch};
use testkit::{Cluster, Server, objects};

async fn cluster() -> Cluster {
    let mut cluster = Cluster::empty_on(Server::Sandbox).await.expect("it is in this process");
    cluster.create([objects::pod("x", "a", "node-a"), objects::pod("x", "b", "node-b")]).await;
    cluster.sandbox().clear_requests();
    cluster
}

/// The names in the first list that is told to its end.
async fn listed<K: ResourceExt>(changes: impl Stream<Item = Result<Change<K>, WatchFailure>>) -> Vec<String> {
    let mut changes = std::pin::pin!(changes);
    let mut names = Vec::new();
    while let Some(change) = changes.next().await {
        match change.expect("nothing fails") {
            Change::Listed(object) => names.push(object.name_any()),
            Change::ListEnds => break,
            _ => {}
        }
    }
    names
}

#[tokio::test]
async fn whoever_wants_metadata_is_sent_nothing_else() {
    let cluster = cluster().await;
    let pods: Api<PartialObjectMeta<Pod>> = Api::all(cluster.client());
    let changes = watch(pods, Config::default().fields("spec.nodeName=node-b"));
    assert_eq!(listed(changes).await, ["b"]);
    let requests = cluster.sandbox().requests();
    assert!(!requests.is_empty());
    assert_eq!(requests.iter().find(|request| !request.wants_metadata_alone()), None);
}

#[tokio::test]
async fn a_server_that_does_not_know_a_field_is_asked_without_it_at_once() {
    let cluster = cluster().await;
    let pods: Api<Pod> = Api::all(cluster.client());
    let asked = Config::default().fields("spec.nodeName=node-a,spec.frob=false");
    let selection =
        Selection { of: asked.clone(), otherwise: Some(Config::default().fields("spec.nodeName=node-a")) };
    assert_eq!(listed(watch(pods.clone(), selection)).await, ["a"]);

    let mut refused = std::pin::pin!(watch(pods, asked));
    assert!(matches!(refused.next().await, Some(Ok(Change::ListBegins))));
    let failure =
        refused.next().await.expect("it goes on for ever").expect_err("there is nothing else to ask");
    assert!(failure.reason.contains("field label not supported: spec.frob"), "{failure:?}");
}
