//! Creating and replacing: names, versions, what the server sets, and what it refuses.

use http::Method;
use serde_json::json;

use crate::api_client::{MAPS, Server, pod, refusal, version};

#[tokio::test]
async fn the_server_sets_uid_time_version_and_generation() {
    let server = Server::start();
    let object = json!({
        "metadata": {"name": "p", "uid": "mine", "creationTimestamp": "2000-01-01T00:00:00Z"},
        "spec": {"containers": []},
        "status": {"phase": "Running"},
    });
    let (code, created) = server.post("/api/v1/namespaces/default/pods", &object).await;
    assert_eq!(code, 201);
    assert_ne!(created["metadata"]["uid"], "mine");
    assert_ne!(created["metadata"]["creationTimestamp"], "2000-01-01T00:00:00Z");
    assert_eq!(created["metadata"]["generation"], 1);
    assert_eq!(created["status"]["phase"], "Pending", "status has a path of its own");
    assert_eq!((&created["kind"], &created["apiVersion"]), (&json!("Pod"), &json!("v1")));
}

#[tokio::test]
async fn versions_grow_across_kinds() {
    let server = Server::start();
    let first = server.make("a", &json!({})).await;
    let (_, second) = server.post("/api/v1/namespaces/default/pods", &pod("a", None)).await;
    let number = |object| version(object).parse::<u64>().unwrap();
    assert!(number(&second) > number(&first));
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let server = Server::start();
    server.make("a", &json!({})).await;
    let again = server.post(MAPS, &json!({"metadata": {"name": "a"}})).await;
    assert_eq!(refusal(&again), (409, "AlreadyExists", "configmaps \"a\" already exists"));
    assert_eq!(again.1["details"], json!({"name": "a", "kind": "configmaps"}));
}

#[tokio::test]
async fn a_generated_name_begins_as_asked() {
    let server = Server::start();
    let (code, created) = server.post(MAPS, &json!({"metadata": {"generateName": "x-"}})).await;
    let name = created["metadata"]["name"].as_str().unwrap();
    assert_eq!((code, name.len()), (201, 7));
    assert!(name.starts_with("x-"));
}

#[tokio::test]
async fn a_put_of_an_old_version_is_a_conflict() {
    let server = Server::start();
    let mut object = server.make("a", &json!({})).await;
    object["data"] = json!({"k": "2"});
    let (code, changed) = server.put(&format!("{MAPS}/a"), &object).await;
    assert_eq!((code, &changed["data"]["k"]), (200, &json!("2")));
    let late = server.put(&format!("{MAPS}/a"), &object).await;
    let expected = "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your \
        changes to the latest version and try again";
    assert_eq!(refusal(&late), (409, "Conflict", expected));
}

#[tokio::test]
async fn a_put_without_version_is_taken_by_built_in_kinds_only() {
    let server = Server::start();
    server.make("a", &json!({})).await;
    let (code, _) = server.put(&format!("{MAPS}/a"), &json!({"metadata": {"name": "a"}})).await;
    assert_eq!(code, 200);
    let leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
    server.post(leases, &json!({"metadata": {"name": "a"}})).await;
    let refused = server.put(&format!("{leases}/a"), &json!({"metadata": {"name": "a"}})).await;
    assert_eq!(refusal(&refused).0, 422);
    let (code, _) = server.put(&format!("{leases}/b"), &json!({"metadata": {"name": "b"}})).await;
    assert_eq!(code, 201, "a lease is made by a PUT");
}

#[tokio::test]
async fn a_put_of_another_uid_is_a_conflict() {
    let server = Server::start();
    server.make("a", &json!({})).await;
    let other = server.put(&format!("{MAPS}/a"), &json!({"metadata": {"name": "a", "uid": "x"}})).await;
    assert_eq!(refusal(&other).0, 409);
}

#[tokio::test]
async fn a_write_that_changes_nothing_makes_no_version() {
    let server = Server::start();
    let object = server.make("a", &json!({})).await;
    let (code, same) = server.put(&format!("{MAPS}/a"), &object).await;
    assert_eq!((code, version(&same)), (200, version(&object)));
}

#[tokio::test]
async fn the_generation_counts_changes_of_the_specification() {
    let server = Server::start();
    let pods = "/api/v1/namespaces/default/pods";
    server.post(pods, &pod("p", None)).await;
    let merge = crate::api_client::MERGE;
    let (_, labelled) =
        server.patch(&format!("{pods}/p"), &json!({"metadata": {"labels": {"a": "b"}}}), merge).await;
    assert_eq!(labelled["metadata"]["generation"], 1);
    let (_, changed) = server.patch(&format!("{pods}/p"), &json!({"spec": {"nodeName": "n"}}), merge).await;
    assert_eq!(changed["metadata"]["generation"], 2);
    let status = json!({"status": {"phase": "Running"}, "spec": {"nodeName": "other"}});
    let (_, changed) = server.patch(&format!("{pods}/p/status"), &status, merge).await;
    assert_eq!(changed["metadata"]["generation"], 2);
    assert_eq!((&changed["status"]["phase"], &changed["spec"]["nodeName"]), (&json!("Running"), &json!("n")));
    let (_, changed) =
        server.patch(&format!("{pods}/p"), &json!({"status": {"phase": "Failed"}}), merge).await;
    assert_eq!(changed["status"]["phase"], "Running");
}

#[tokio::test]
async fn a_trial_changes_nothing() {
    let server = Server::start();
    let before = server.sandbox.revision();
    let (code, shown) = server.post(&format!("{MAPS}?dryRun=All"), &json!({"metadata": {"name": "a"}})).await;
    assert_eq!((code, &shown["metadata"]["name"]), (201, &json!("a")));
    assert_eq!(server.get(&format!("{MAPS}/a")).await.0, 404);
    assert_eq!(server.sandbox.revision(), before);
    server.make("a", &json!({})).await;
    let before = server.sandbox.revision();
    assert_eq!(server.delete(&format!("{MAPS}/a?dryRun=All")).await.0, 200);
    let patch = json!({"data": {"k": "2"}});
    let (code, shown) = server.patch(&format!("{MAPS}/a?dryRun=All"), &patch, crate::api_client::MERGE).await;
    assert_eq!((code, &shown["data"]["k"]), (200, &json!("2")));
    assert_eq!(server.sandbox.revision(), before);
    assert_eq!(refusal(&server.delete(&format!("{MAPS}/a?dryRun=Some")).await).0, 422);
}

#[tokio::test]
async fn nonsense_is_refused_with_a_status() {
    let server = Server::start();
    server.make("a", &json!({})).await;
    let cases = [
        (Method::POST, MAPS, json!([]), 400),
        (Method::POST, MAPS, json!("text"), 400),
        (Method::POST, MAPS, json!({"metadata": 5}), 400),
        (Method::POST, MAPS, json!({"metadata": {}}), 422),
        (Method::POST, MAPS, json!({"metadata": {"name": "A_b"}}), 422),
        (Method::POST, MAPS, json!({"metadata": {"name": "b", "namespace": "other"}}), 400),
        (Method::POST, MAPS, json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "b"}}), 400),
        (Method::POST, MAPS, json!({"metadata": {"name": "b", "resourceVersion": "5"}}), 500),
        (Method::POST, "/api/v1/configmaps", json!({"metadata": {"name": "b"}}), 405),
        (Method::PUT, MAPS, json!({}), 405),
        (Method::POST, "/api/v1/frobs", json!({}), 404),
    ];
    for (method, path, body, code) in cases {
        let reply = server.send(method, path, Some(&body), "application/json").await;
        assert_eq!(refusal(&reply).0, code, "{path} {body}");
    }
    let path = format!("{MAPS}/a");
    for body in [json!({"metadata": {"name": "b"}}), json!({"metadata": {}})] {
        assert_eq!(refusal(&server.put(&path, &body).await).0, 400, "{body}");
    }
    let text = server.send(Method::POST, MAPS, Some(&json!({})), "text/plain").await;
    assert_eq!(refusal(&text).0, 415);
}

#[tokio::test]
async fn a_body_of_more_than_three_megabytes_is_too_large() {
    let server = Server::start();
    let large = "x".repeat(3 * 1024 * 1024);
    let reply = server.post(MAPS, &json!({"metadata": {"name": "a"}, "data": {"k": large}})).await;
    assert_eq!(refusal(&reply), (413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728"));
}

#[tokio::test]
async fn a_missing_object_is_told_with_its_kind_and_name() {
    let server = Server::start();
    let reply = server.get("/apis/danm.io/v1/namespaces/default/danmeps/e").await;
    assert_eq!(refusal(&reply), (404, "NotFound", "danmeps.danm.io \"e\" not found"));
    assert_eq!(reply.1["details"], json!({"name": "e", "group": "danm.io", "kind": "danmeps"}));
}

#[tokio::test]
async fn everybody_may_do_everything() {
    let server = Server::start();
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let (code, review) = server.post(path, &json!({"spec": {}})).await;
    assert_eq!((code, &review["status"]["allowed"]), (201, &json!(true)));
}

#[tokio::test]
async fn both_apis_of_events_show_the_same_events() {
    let server = Server::start();
    let event = json!({
        "metadata": {"name": "e"},
        "regarding": {"kind": "Pod", "name": "p"},
        "note": "text",
        "reason": "R",
        "reportingController": "x.io/c",
    });
    let new = "/apis/events.k8s.io/v1/namespaces/default/events";
    let (code, shown) = server.post(new, &event).await;
    assert_eq!((code, &shown["note"]), (201, &json!("text")));
    let (_, list) =
        server.get("/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dp").await;
    assert_eq!(list["items"][0]["message"], "text");
    assert_eq!(list["items"][0]["reportingComponent"], "x.io/c");
    let merge = crate::api_client::MERGE;
    let (_, changed) = server.patch(&format!("{new}/e"), &json!({"note": "more"}), merge).await;
    assert_eq!((&changed["note"], &changed["regarding"]["name"]), (&json!("more"), &json!("p")));
    let (_, list) = server.get(&format!("{new}?fieldSelector=regarding.name%3Dp")).await;
    assert_eq!(list["items"][0]["note"], "more");
}

#[tokio::test]
async fn fields_of_a_wrong_type_are_refused_and_harm_nobody() {
    let server = Server::start();
    server.make("a", &json!({})).await;
    let odd = [json!(5), json!("text"), json!([1]), json!({"a": 1}), json!(true)];
    for field in ["labels", "annotations", "finalizers", "uid", "resourceVersion", "namespace"] {
        for value in &odd {
            let is_text = value.is_string() && ["uid", "resourceVersion", "namespace"].contains(&field);
            if is_text {
                continue;
            }
            let object = json!({"metadata": {"name": "b", field: value}});
            assert_eq!(refusal(&server.post(MAPS, &object).await).0, 400, "{object}");
            let patch = json!({"metadata": {field: value}});
            let reply = server.patch(&format!("{MAPS}/a"), &patch, crate::api_client::MERGE).await;
            // A map merged into nothing may lose its nulls, and nothing more.
            assert_eq!(refusal(&reply).0, 400, "{patch}");
        }
    }
    for value in odd {
        for (kind, field) in
            [("secrets", "data"), ("secrets", "stringData"), ("pods", "status"), ("pods", "spec")]
        {
            let object = json!({"metadata": {"name": "odd"}, field: value});
            let path = format!("/api/v1/namespaces/default/{kind}");
            assert!([201, 409].contains(&server.post(&path, &object).await.0), "{kind} {object}");
            let patch =
                server.patch(&format!("{path}/odd"), &json!({field: value}), crate::api_client::MERGE).await;
            assert_eq!(patch.0, 200, "{kind} {object}");
            let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
            assert_eq!(server.get_as(&path, table).await.0, 200);
        }
    }
    let schema = json!({
        "metadata": {"name": "as.x.io"},
        "spec": {
            "group": "x.io", "scope": "Cluster", "names": {"plural": "as", "kind": "A"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "additionalPrinterColumns": [5, {"jsonPath": "[[["}],
                "schema": {"openAPIV3Schema": "odd"},
            }],
        },
    });
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    assert_eq!(server.post(definitions, &schema).await.0, 201);
    assert_eq!(server.get("/openapi/v3/apis/x.io/v1").await.0, 200);
    let object = json!({"apiVersion": "x.io/v1", "kind": "A", "metadata": {"name": "a"}});
    assert_eq!(server.post("/apis/x.io/v1/as", &object).await.0, 201);
}
