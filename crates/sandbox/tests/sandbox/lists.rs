//! Lists: selectors, chunks, versions.

use serde_json::{Value, json};

use crate::api_client::{MAPS, MERGE, Server, names, pod, refusal, version};

async fn five(server: &Server) {
    for name in ["a", "b", "c", "d", "e"] {
        server.make(name, &json!({"l": name})).await;
    }
}

fn next(list: &Value) -> &str {
    list["metadata"]["continue"].as_str().unwrap_or("")
}

#[tokio::test]
async fn lists_are_in_order_and_carry_the_version_of_the_last_write() {
    let server = Server::start();
    for name in ["b", "a"] {
        server.make(name, &json!({})).await;
    }
    let (code, list) = server.get(MAPS).await;
    assert_eq!((code, names(&list)), (200, vec!["a", "b"]));
    assert_eq!((&list["kind"], &list["apiVersion"]), (&json!("ConfigMapList"), &json!("v1")));
    assert_eq!(version(&list), server.sandbox.revision().to_string());
    assert!(list["items"][0]["kind"].is_null(), "items of built-in kinds do not say what they are");
}

#[tokio::test]
async fn labels_select() {
    let server = Server::start();
    five(&server).await;
    let cases = [
        ("l%3Da", vec!["a"]),
        ("l%21%3Da,l%21%3Db", vec!["c", "d", "e"]),
        ("l+in+(a,b)", vec!["a", "b"]),
        ("l+notin+(a,b,c)", vec!["d", "e"]),
        ("l", vec!["a", "b", "c", "d", "e"]),
        ("!l", vec![]),
    ];
    for (selector, expected) in cases {
        let (_, list) = server.get(&format!("{MAPS}?labelSelector={selector}")).await;
        assert_eq!(names(&list), expected, "{selector}");
    }
    assert_eq!(refusal(&server.get(&format!("{MAPS}?labelSelector=a%3D%3D%3D")).await).0, 400);
}

#[tokio::test]
async fn fields_select_and_unknown_ones_are_refused() {
    let server = Server::start();
    let pods = "/api/v1/namespaces/default/pods";
    server.post(pods, &pod("p", Some("n1"))).await;
    server.post(pods, &pod("q", Some("n2"))).await;
    server.patch(&format!("{pods}/q/status"), &json!({"status": {"phase": "Running"}}), MERGE).await;
    let cases = [
        ("spec.nodeName%3Dn1", vec!["p"]),
        ("status.phase%3DRunning", vec!["q"]),
        ("status.phase%21%3DRunning,metadata.namespace%3Ddefault", vec!["p"]),
        ("metadata.name%3Dq", vec!["q"]),
        ("spec.nodeName%21%3Dn1,spec.nodeName%21%3D", vec!["q"]),
        ("spec.hostNetwork%3Dfalse,spec.host%3Dn1", vec!["p"]),
        ("spec.hostNetwork%3Dtrue", vec![]),
    ];
    for (selector, expected) in cases {
        let (_, list) = server.get(&format!("/api/v1/pods?fieldSelector={selector}")).await;
        assert_eq!(names(&list), expected, "{selector}");
    }
    for selector in ["spec.x%3Dy", "spec.nodeName%3Da%3Db", "spec.nodeName"] {
        let answer = server.get(&format!("/api/v1/pods?fieldSelector={selector}")).await;
        assert_eq!(refusal(&answer).0, 400, "{selector}");
    }
    assert_eq!(refusal(&server.get("/apis/danm.io/v1/danmeps?fieldSelector=spec.Pod%3Dy").await).0, 400);
}

#[tokio::test]
async fn chunks_show_one_version_whatever_happens_meanwhile() {
    let server = Server::start();
    five(&server).await;
    let (_, first) = server.get(&format!("{MAPS}?limit=2")).await;
    assert_eq!((names(&first), &first["metadata"]["remainingItemCount"]), (vec!["a", "b"], &json!(3)));
    server.delete(&format!("{MAPS}/d")).await;
    server.make("bb", &json!({})).await;
    let (_, second) = server.get(&format!("{MAPS}?limit=2&continue={}", next(&first))).await;
    assert_eq!(names(&second), ["c", "d"]);
    assert_eq!(version(&second), version(&first));
    let (_, third) = server.get(&format!("{MAPS}?limit=2&continue={}", next(&second))).await;
    assert_eq!((names(&third), next(&third)), (vec!["e"], ""));
    assert!(third["metadata"]["remainingItemCount"].is_null());
}

#[tokio::test]
async fn an_aged_token_is_410_and_brings_one_that_goes_on() {
    let server = Server::start();
    five(&server).await;
    let (_, first) = server.get(&format!("{MAPS}?limit=2")).await;
    server.make("f", &json!({})).await;
    server.sandbox.forget_history();
    let reply = server.get(&format!("{MAPS}?limit=2&continue={}", next(&first))).await;
    assert_eq!(refusal(&reply).1, "Expired");
    let (code, rest) = server.get(&format!("{MAPS}?limit=9&continue={}", next(&reply.1))).await;
    assert_eq!((code, names(&rest)), (200, vec!["c", "d", "e", "f"]));
    assert_eq!(refusal(&server.get(&format!("{MAPS}?limit=2&continue=frob")).await).0, 400);
}

#[tokio::test]
async fn a_past_version_is_served_exactly_and_a_future_one_is_not() {
    let server = Server::start();
    let a = server.make("a", &json!({})).await;
    server.make("b", &json!({})).await;
    server.delete(&format!("{MAPS}/a")).await;
    let past = version(&a);
    let (_, list) = server.get(&format!("{MAPS}?resourceVersion={past}&resourceVersionMatch=Exact")).await;
    assert_eq!((names(&list), version(&list)), (vec!["a"], past.clone()));
    let (_, list) =
        server.get(&format!("{MAPS}?resourceVersion={past}&resourceVersionMatch=NotOlderThan")).await;
    assert_eq!(names(&list), ["b"]);
    assert_eq!(refusal(&server.get(&format!("{MAPS}?resourceVersion=99999")).await).0, 504);
    server.sandbox.forget_history();
    let reply = server.get(&format!("{MAPS}?resourceVersion={past}&resourceVersionMatch=Exact")).await;
    assert_eq!(refusal(&reply).0, 410);
}

#[tokio::test]
async fn options_that_contradict_each_other_are_refused() {
    let server = Server::start();
    let cases = [
        ("limit=x", 400),
        ("resourceVersion=x", 400),
        ("resourceVersionMatch=Exact", 422),
        ("resourceVersion=0&resourceVersionMatch=Exact", 422),
        ("resourceVersion=5&resourceVersionMatch=Frob", 422),
        ("sendInitialEvents=true", 422),
    ];
    for (query, code) in cases {
        assert_eq!(refusal(&server.get(&format!("{MAPS}?{query}")).await).0, code, "{query}");
    }
}

#[tokio::test]
async fn a_namespace_is_not_its_neighbour() {
    let server = Server::start();
    for namespace in ["a", "a-b"] {
        server.post("/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await;
        let maps = format!("/api/v1/namespaces/{namespace}/configmaps");
        server.post(&maps, &json!({"metadata": {"name": format!("in-{namespace}")}})).await;
    }
    let (_, list) = server.get("/api/v1/namespaces/a/configmaps").await;
    assert_eq!(names(&list), ["in-a"]);
    // As etcd orders its keys: '-' comes before '/'.
    assert_eq!(names(&server.get("/api/v1/configmaps").await.1), ["in-a-b", "in-a"]);
}

#[tokio::test]
async fn a_list_longer_than_a_piece_is_complete() {
    let server = Server::start();
    let filling = "x".repeat(20_000);
    let objects = (0..60).map(|number| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"k": filling},
            "metadata": {"name": format!("m{number:02}"), "namespace": "default"},
        })
    });
    assert_eq!(server.sandbox.load(objects), Ok(60));
    let (_, list) = server.get(MAPS).await;
    assert_eq!((names(&list).len(), list["items"][59]["data"]["k"].as_str()), (60, Some(filling.as_str())));
}
