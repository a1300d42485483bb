//! Deleting: conditions, grace, finalizers, many at once.

use serde_json::json;

use crate::api_client::{MAPS, MERGE, Server, names, pod, refusal, version};

const PODS: &str = "/api/v1/namespaces/default/pods";

#[tokio::test]
async fn what_is_deleted_is_gone() {
    let server = Server::start();
    let object = server.make("a", &json!({})).await;
    let (code, status) = server.delete(&format!("{MAPS}/a")).await;
    assert_eq!((code, &status["status"]), (200, &json!("Success")));
    assert_eq!(status["details"]["uid"], object["metadata"]["uid"]);
    assert_eq!(refusal(&server.delete(&format!("{MAPS}/a")).await).0, 404);
}

#[tokio::test]
async fn a_deletion_can_be_conditional_on_uid_and_version() {
    let server = Server::start();
    let object = server.make("a", &json!({})).await;
    let path = format!("{MAPS}/a");
    for condition in [json!({"uid": "other"}), json!({"resourceVersion": "1"})] {
        let reply = server.delete_with(&path, &json!({"preconditions": condition})).await;
        let (code, reason, message) = refusal(&reply);
        assert_eq!((code, reason), (409, "Conflict"), "{condition}");
        assert!(message.contains("in the precondition ("), "{message}");
    }
    let condition = json!({"uid": object["metadata"]["uid"], "resourceVersion": version(&object)});
    assert_eq!(server.delete_with(&path, &json!({"preconditions": condition})).await.0, 200);
}

#[tokio::test]
async fn an_unbound_pod_goes_at_once() {
    let server = Server::start();
    server.post(PODS, &pod("p", None)).await;
    let (code, last) = server.delete(&format!("{PODS}/p")).await;
    assert_eq!((code, &last["kind"]), (200, &json!("Pod")));
    assert_eq!(server.get(&format!("{PODS}/p")).await.0, 404);
}

#[tokio::test]
async fn a_bound_pod_is_marked_until_its_node_lets_it_go() {
    let server = Server::start();
    server.post(PODS, &pod("p", Some("n"))).await;
    let path = format!("{PODS}/p");
    let (_, marked) = server.delete(&path).await;
    assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], 30);
    assert!(marked["metadata"]["deletionTimestamp"].is_string());
    let (_, again) = server.delete(&format!("{path}?gracePeriodSeconds=60")).await;
    assert_eq!(version(&again), version(&marked), "time is never given back");
    let (_, shorter) = server.delete_with(&path, &json!({"gracePeriodSeconds": 5})).await;
    assert_eq!(shorter["metadata"]["deletionGracePeriodSeconds"], 5);
    assert_eq!(server.get(&path).await.0, 200);
    server.delete_with(&path, &json!({"gracePeriodSeconds": 0})).await;
    assert_eq!(server.get(&path).await.0, 404);
}

#[tokio::test]
async fn whoever_removes_the_last_finalizer_deletes_what_is_marked() {
    let server = Server::start();
    server.make("a", &json!({})).await;
    let path = format!("{MAPS}/a");
    server.patch(&path, &json!({"metadata": {"finalizers": ["x.io/a", "x.io/b"]}}), MERGE).await;
    let (code, marked) = server.delete(&path).await;
    assert_eq!(code, 200);
    assert!(marked["metadata"]["deletionTimestamp"].is_string());
    let more = json!({"metadata": {"finalizers": ["x.io/a", "x.io/b", "x.io/c"]}});
    assert_eq!(refusal(&server.patch(&path, &more, MERGE).await).0, 422, "nobody else may hold it");
    server.patch(&path, &json!({"metadata": {"finalizers": ["x.io/b"]}}), MERGE).await;
    assert_eq!(server.get(&path).await.0, 200);
    let (code, _) = server.patch(&path, &json!({"metadata": {"finalizers": null}}), MERGE).await;
    assert_eq!(code, 200);
    assert_eq!(server.get(&path).await.0, 404);
}

#[tokio::test]
async fn the_node_of_a_pod_is_waited_for_when_no_finalizer_is_left() {
    let server = Server::start();
    server.post(PODS, &pod("p", Some("n"))).await;
    let path = format!("{PODS}/p");
    server.patch(&path, &json!({"metadata": {"finalizers": ["x.io/a"]}}), MERGE).await;
    server.delete(&path).await;
    server.patch(&path, &json!({"metadata": {"finalizers": null}}), MERGE).await;
    assert_eq!(server.get(&path).await.0, 200);
    server.delete(&format!("{path}?gracePeriodSeconds=0")).await;
    assert_eq!(server.get(&path).await.0, 404);
}

#[tokio::test]
async fn a_second_deletion_changes_nothing() {
    let server = Server::start();
    server.post(PODS, &pod("p", Some("n"))).await;
    let path = format!("{PODS}/p");
    server.patch(&path, &json!({"metadata": {"finalizers": ["x.io/a"]}}), MERGE).await;
    let (_, first) = server.delete(&format!("{path}?gracePeriodSeconds=0")).await;
    let (_, second) = server.delete(&format!("{path}?gracePeriodSeconds=0")).await;
    assert_eq!(version(&first), version(&second));
}

#[tokio::test]
async fn many_are_deleted_by_a_selector() {
    let server = Server::start();
    for (name, label) in [("a", "1"), ("b", "2"), ("c", "1")] {
        server.make(name, &json!({"l": label})).await;
    }
    let (code, deleted) = server.delete(&format!("{MAPS}?labelSelector=l%3D1")).await;
    assert_eq!((code, names(&deleted)), (200, vec!["a", "c"]));
    assert_eq!(names(&server.get(MAPS).await.1), ["b"]);
}
