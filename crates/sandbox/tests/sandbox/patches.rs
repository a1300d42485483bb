//! Patches of three kinds, and the one that is refused.

use serde_json::json;

use crate::api_client::{JSON_PATCH, MAPS, MERGE, STRATEGIC, Server, pod, refusal, version};

const PODS: &str = "/api/v1/namespaces/default/pods";

#[tokio::test]
async fn a_merge_patch_sets_and_removes() {
    let server = Server::start();
    server.make("a", &json!({"x": "1", "y": "2"})).await;
    let patch = json!({"metadata": {"labels": {"x": null, "z": "3"}}, "data": {"k": "new"}});
    let (code, changed) = server.patch(&format!("{MAPS}/a"), &patch, MERGE).await;
    assert_eq!((code, &changed["metadata"]["labels"]), (200, &json!({"y": "2", "z": "3"})));
    assert_eq!(changed["data"], json!({"k": "new"}));
}

#[tokio::test]
async fn a_patch_with_an_old_version_is_a_conflict() {
    let server = Server::start();
    let object = server.make("a", &json!({})).await;
    let path = format!("{MAPS}/a");
    let patch =
        |version: &str, value: &str| json!({"metadata": {"resourceVersion": version}, "data": {"k": value}});
    assert_eq!(server.patch(&path, &patch(&version(&object), "2"), MERGE).await.0, 200);
    let late = server.patch(&path, &patch(&version(&object), "3"), MERGE).await;
    assert_eq!(refusal(&late).1, "Conflict");
    let late = server.patch(&path, &patch(&version(&object), "3"), STRATEGIC).await;
    assert_eq!(refusal(&late).1, "Conflict");
    assert_eq!(server.get(&path).await.1["data"]["k"], "2");
}

#[tokio::test]
async fn a_json_patch_applies_in_full_or_not_at_all() {
    let server = Server::start();
    server.make("a", &json!({})).await;
    let path = format!("{MAPS}/a");
    let add = json!({"op": "add", "path": "/data/new", "value": "1"});
    let test = |value: &str| json!({"op": "test", "path": "/data/k", "value": value});
    let failing = server.patch(&path, &json!([add, test("other")]), JSON_PATCH).await;
    let expected = "the server rejected our request due to an error in our request";
    assert_eq!(refusal(&failing), (422, "Invalid", expected));
    assert_eq!(server.get(&path).await.1["data"], json!({"k": "v"}));
    let (code, changed) = server.patch(&path, &json!([test("v"), add]), JSON_PATCH).await;
    assert_eq!((code, &changed["data"]["new"]), (200, &json!("1")));
}

#[tokio::test]
async fn a_strategic_patch_merges_containers_by_name() {
    let server = Server::start();
    server.post(PODS, &pod("p", None)).await;
    let patch = json!({"spec": {"containers": [{"name": "d", "image": "2"}, {"name": "c", "image": "3"}]}});
    let (code, changed) = server.patch(&format!("{PODS}/p"), &patch, STRATEGIC).await;
    let expected = json!([{"name": "c", "image": "3"}, {"name": "d", "image": "2"}]);
    assert_eq!((code, &changed["spec"]["containers"]), (200, &expected));
}

#[tokio::test]
async fn custom_resources_take_no_strategic_patch_and_nobody_takes_apply() {
    let server = Server::start();
    let nets = "/apis/danm.io/v1/namespaces/default/danmnets";
    let net = json!({
        "apiVersion": "danm.io/v1", "kind": "DanmNet", "metadata": {"name": "n"}, "spec": {"NetworkID": "n"},
    });
    assert_eq!(server.post(nets, &net).await.0, 201);
    let reply = server.patch(&format!("{nets}/n"), &json!({"spec": {}}), STRATEGIC).await;
    assert_eq!(refusal(&reply).0, 415);
    for path in [format!("{nets}/n"), format!("{MAPS}/a")] {
        let reply = server.patch(&path, &json!({}), "application/apply-patch+yaml").await;
        assert_eq!(refusal(&reply).1, "UnsupportedMediaType");
    }
}

#[tokio::test]
async fn a_patch_changes_neither_name_nor_kind_nor_uid() {
    let server = Server::start();
    server.make("a", &json!({})).await;
    let cases = [
        (json!({"metadata": {"name": "b"}}), 400),
        (json!({"metadata": {"namespace": "b"}}), 400),
        (json!({"kind": "Secret"}), 400),
        (json!({"metadata": {"uid": "x"}}), 422),
        (json!([1]), 400),
    ];
    for (patch, code) in cases {
        assert_eq!(refusal(&server.patch(&format!("{MAPS}/a"), &patch, MERGE).await).0, code, "{patch}");
    }
    let missing = server.patch(&format!("{MAPS}/none"), &json!({}), MERGE).await;
    assert_eq!(refusal(&missing).0, 404);
}
