//! Definitions: a kind is served as soon as it is defined, and no longer.

use sandbox::Options;
use serde_json::{Value, json};

use crate::api_client::{MERGE, Server, names, refusal};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const THINGS: &str = "/apis/x.io/v1/things";

fn definition(group: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("things.{group}")},
        "spec": {
            "group": group,
            "scope": "Cluster",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "required": ["spec"],
                    "properties": {"spec": {"type": "object", "properties": {"n": {"type": "integer"}}}},
                }},
            }],
        },
    })
}

fn thing(name: &str) -> Value {
    json!({"apiVersion": "x.io/v1", "kind": "Thing", "metadata": {"name": name}, "spec": {"n": 1}})
}

#[tokio::test]
async fn a_defined_kind_is_served_at_once() {
    let server = Server::start();
    assert_eq!(server.get(THINGS).await.0, 404);
    let (code, made) = server.post(DEFINITIONS, &definition("x.io")).await;
    assert_eq!(code, 201);
    let conditions = made["status"]["conditions"].as_array().unwrap();
    assert!(conditions.iter().all(|condition| condition["status"] == "True"));
    assert_eq!(conditions[1]["type"], "Established");
    assert_eq!(server.post(THINGS, &thing("a")).await.0, 201);
    let (_, list) = server.get(THINGS).await;
    assert_eq!((&list["kind"], &list["items"][0]["kind"]), (&json!("ThingList"), &json!("Thing")));
    assert_eq!(server.get("/apis/x.io/v1").await.1["resources"][0]["name"], "things");
}

#[tokio::test]
async fn a_schema_refuses_what_breaks_it() {
    let server = Server::start();
    server.post(DEFINITIONS, &definition("x.io")).await;
    let without = json!({"apiVersion": "x.io/v1", "kind": "Thing", "metadata": {"name": "a"}});
    let reply = server.post(THINGS, &without).await;
    assert_eq!(refusal(&reply), (422, "Invalid", "Thing.x.io \"a\" is invalid: spec: Required value"));
    server.post(THINGS, &thing("a")).await;
    let reply = server.patch(&format!("{THINGS}/a"), &json!({"spec": {"n": "text"}}), MERGE).await;
    assert_eq!(refusal(&reply).0, 422);
    let other = json!({"apiVersion": "x.io/v1", "kind": "Other", "metadata": {"name": "a"}});
    assert_eq!(refusal(&server.post(THINGS, &other).await).0, 422);
}

#[tokio::test]
async fn an_undefined_kind_takes_its_objects_and_watches_along() {
    let server = Server::start();
    server.post(DEFINITIONS, &definition("x.io")).await;
    server.post(THINGS, &thing("a")).await;
    let mut watch = server.watch(&format!("{THINGS}?watch=1")).await;
    assert_eq!(watch.event().await, "ADDED a");
    assert_eq!(server.delete(&format!("{DEFINITIONS}/things.x.io")).await.0, 200);
    assert_eq!(watch.event().await, "DELETED a");
    assert_eq!(watch.next().await, None);
    for path in [THINGS, "/apis/x.io/v1", "/apis/x.io"] {
        assert_eq!(server.get(path).await.0, 404, "{path}");
    }
    server.post(DEFINITIONS, &definition("x.io")).await;
    assert!(names(&server.get(THINGS).await.1).is_empty(), "nothing comes back");
}

#[tokio::test]
async fn protected_groups_need_approval() {
    let server = Server::start();
    let mut definition = definition("x.k8s.io");
    let reply = server.post(DEFINITIONS, &definition).await;
    assert!(refusal(&reply).2.contains("protected groups must have approval annotation"), "{reply:?}");
    definition["metadata"]["annotations"] = json!({"api-approved.kubernetes.io": "unapproved"});
    assert_eq!(server.post(DEFINITIONS, &definition).await.0, 201);
}

#[tokio::test]
async fn a_changed_definition_changes_what_is_served() {
    let server = Server::start();
    server.post(DEFINITIONS, &definition("x.io")).await;
    server.post(THINGS, &thing("a")).await;
    let version = json!([{"op": "replace", "path": "/spec/versions/0/name", "value": "v2"}]);
    let path = format!("{DEFINITIONS}/things.x.io");
    assert_eq!(server.patch(&path, &version, crate::api_client::JSON_PATCH).await.0, 200);
    assert_eq!(server.get(THINGS).await.0, 404);
    let (_, list) = server.get("/apis/x.io/v2/things").await;
    assert_eq!((names(&list), &list["items"][0]["apiVersion"]), (vec!["a"], &json!("x.io/v2")));
}

#[tokio::test]
async fn a_sandbox_can_be_without_definitions() {
    let server = Server::with(Options { definitions: false, ..Options::default() });
    assert!(names(&server.get(DEFINITIONS).await.1).is_empty());
    assert_eq!(server.get("/apis/danm.io/v1/danmeps").await.0, 404);
}
