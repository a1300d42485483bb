//! Namespaces: what may be created in them, and how they go.

use serde_json::json;

use crate::api_client::{MERGE, Server, names, pod, refusal};

#[tokio::test]
async fn the_usual_namespaces_are_there() {
    let server = Server::start();
    let (_, list) = server.get("/api/v1/namespaces").await;
    assert_eq!(names(&list), ["default", "kube-node-lease", "kube-public", "kube-system"]);
    assert_eq!(refusal(&server.delete("/api/v1/namespaces/default").await).0, 403);
}

#[tokio::test]
async fn nothing_is_created_in_a_namespace_that_is_missing() {
    let server = Server::start();
    let reply = server.post("/api/v1/namespaces/none/configmaps", &json!({"metadata": {"name": "a"}})).await;
    assert_eq!(refusal(&reply), (404, "NotFound", "namespaces \"none\" not found"));
}

#[tokio::test]
async fn a_namespace_takes_along_what_is_in_it() {
    let server = Server::start();
    server.post("/api/v1/namespaces", &json!({"metadata": {"name": "a"}})).await;
    server.post("/api/v1/namespaces/a/configmaps", &json!({"metadata": {"name": "m"}})).await;
    server.post("/api/v1/namespaces/a/pods", &pod("p", Some("n"))).await;
    let endpoint = json!({
        "apiVersion": "danm.k8s.io/v1", "kind": "DanmEp", "metadata": {"name": "e"}, "spec": {"NetworkName": "n"},
    });
    assert_eq!(server.post("/apis/danm.k8s.io/v1/namespaces/a/danmeps", &endpoint).await.0, 201);
    let mut watch = server.watch("/apis/danm.k8s.io/v1/danmeps?watch=1").await;
    assert_eq!(watch.event().await, "ADDED e");
    let (code, ending) = server.delete("/api/v1/namespaces/a").await;
    assert_eq!((code, &ending["status"]["phase"]), (200, &json!("Terminating")));
    assert_eq!(watch.event().await, "DELETED e");
    for path in ["/api/v1/namespaces/a", "/api/v1/namespaces/a/configmaps/m", "/api/v1/namespaces/a/pods/p"] {
        assert_eq!(server.get(path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn a_namespace_may_have_finalizers_itself() {
    let server = Server::start();
    server.post("/api/v1/namespaces", &json!({"metadata": {"name": "a", "finalizers": ["x.io/y"]}})).await;
    server.delete("/api/v1/namespaces/a").await;
    assert_eq!(server.get("/api/v1/namespaces/a").await.1["status"]["phase"], "Terminating");
    server.patch("/api/v1/namespaces/a", &json!({"metadata": {"finalizers": null}}), MERGE).await;
    assert_eq!(server.get("/api/v1/namespaces/a").await.0, 404);
}

#[tokio::test]
async fn a_namespace_waits_for_finalizers_and_takes_nothing_new() {
    let server = Server::start();
    server.post("/api/v1/namespaces", &json!({"metadata": {"name": "a"}})).await;
    let maps = "/api/v1/namespaces/a/configmaps";
    server.post(maps, &json!({"metadata": {"name": "m", "finalizers": ["x.io/y"]}})).await;
    server.delete("/api/v1/namespaces/a").await;
    assert_eq!(server.get("/api/v1/namespaces/a").await.1["status"]["phase"], "Terminating");
    let reply = server.post(maps, &json!({"metadata": {"name": "late"}})).await;
    let expected = "configmaps \"late\" is forbidden: unable to create new content in namespace a because it is being \
        terminated";
    assert_eq!(refusal(&reply), (403, "Forbidden", expected));
    server.patch(&format!("{maps}/m"), &json!({"metadata": {"finalizers": null}}), MERGE).await;
    assert_eq!(server.get("/api/v1/namespaces/a").await.0, 404);
}
