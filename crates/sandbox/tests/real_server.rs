//! The sandbox beside the real kube-apiserver: the same requests get the same refusals and the same events. Without
//! a control plane this is skipped, and says so; with `CI` set it fails.

#![expect(clippy::unwrap_used, reason = "a test that has not what it needs has failed")]

use http::{Method, Request};
use http_body_util::BodyExt;
use kube::{Client, Config, client::Body};
use sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use testkit::Cluster;

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const PATCH: &str = "application/json-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APIS: &str = "/apis/danm.io/v1/namespaces/default";
const CORE: &str = "/api/v1/namespaces/default";

/// The two servers.
struct Both {
    real: Client,
    ours: Client,
}

impl Both {
    /// Sends a request to both, and says what differs.
    async fn send(&self, method: &Method, path: &str, body: &Value, content_type: &str) {
        self.send_each(method, [path, path], body, content_type).await;
    }

    /// The same where the two call something differently: the real one first.
    async fn send_each(&self, method: &Method, paths: [&str; 2], body: &Value, content_type: &str) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut answers = Vec::new();
        for (client, path) in [&self.real, &self.ours].into_iter().zip(paths) {
            let request = Request::builder().method(method).uri(path).header("Content-Type", content_type);
            let request = request.body(Body::from(body.clone().into_bytes())).unwrap();
            let response = client.send(request).await.unwrap();
            let code = response.status().as_u16();
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            let lines = String::from_utf8_lossy(&bytes).into_owned();
            let values = serde_json::Deserializer::from_str(&lines).into_iter::<Value>();
            let values: Vec<Value> = values.map_while(Result::ok).map(essence).collect();
            answers.push((code, values));
        }
        assert_eq!(answers[1], answers[0], "{method} {paths:?} {body}: ours is left, the real one is right");
    }

    async fn post(&self, path: &str, object: Value) {
        self.send(&Method::POST, path, &object, JSON).await;
    }

    async fn put(&self, path: &str, object: Value) {
        self.send(&Method::PUT, path, &object, JSON).await;
    }

    async fn patch(&self, path: &str, patch: Value, content_type: &str) {
        self.send(&Method::PATCH, path, &patch, content_type).await;
    }

    async fn delete(&self, path: &str, options: Value) {
        self.send(&Method::DELETE, path, &options, JSON).await;
    }

    async fn get(&self, path: &str) {
        self.send(&Method::GET, path, &Value::Null, JSON).await;
    }

    async fn get_each(&self, paths: [String; 2]) {
        self.send_each(&Method::GET, [&paths[0], &paths[1]], &Value::Null, JSON).await;
    }
}

/// What has to be the same of an answer: all, but for what each server gives anew, and what it adds by itself.
fn essence(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            for own in ["managedFields", "spec", "status", "conditions", "storageVersionHash"] {
                // The `status` of a failure is a word, and all its own.
                fields.retain(|name, value| name != own || value.is_string());
            }
            for (name, value) in fields.iter_mut() {
                let is_given = matches!(
                    name.as_str(),
                    "uid" | "resourceVersion" | "creationTimestamp" | "deletionTimestamp" | "continue"
                );
                *value = if is_given { json!("given") } else { essence(value.take()) };
            }
            // An empty token is none.
            fields.retain(|name, _| name != "continue");
            value
        }
        Value::Array(items) => items.iter_mut().map(|item| essence(item.take())).collect(),
        Value::String(text) => json!(masked(text)),
        _ => value,
    }
}

/// A text without uids and versions.
fn masked(text: &str) -> String {
    let is_uid = |word: &str| word.len() == 36 && word.matches('-').count() == 4;
    let words = text.split(' ').map(|word| {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_given = is_uid(bare) || bare.parse::<u64>().is_ok();
        if is_given { word.replace(bare, "given") } else { word.to_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn both_servers_answer_alike() {
    let Ok(cluster) = Cluster::empty().await else { return };
    let sandbox = Sandbox::start(Options::default()).unwrap();
    let ours = Client::try_from(Config::new(sandbox.url().parse().unwrap())).unwrap();
    let both = Both { real: cluster.client(), ours };
    config_maps(&both).await;
    pods(&both).await;
    endpoints(&both).await;
    watches(&both).await;
    others(&both).await;
}

async fn config_maps(both: &Both) {
    let maps = format!("{CORE}/configmaps");
    let a = format!("{maps}/a");
    let map = |metadata: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
    both.post(&maps, map(json!({"name": "a", "labels": {"l": "1"}}))).await;
    for metadata in [
        json!({"name": "a"}),
        json!({}),
        json!({"name": "B_x"}),
        json!({"name": "b", "namespace": "other"}),
        json!({"name": "b", "resourceVersion": "5"}),
    ] {
        both.post(&maps, map(metadata)).await;
    }
    both.post("/api/v1/namespaces/missing/configmaps", map(json!({"name": "a"}))).await;
    for metadata in [
        json!({"name": "a", "resourceVersion": "1"}),
        json!({"name": "a", "resourceVersion": "x"}),
        json!({"name": "a", "uid": "x-y"}),
        json!({"name": "c"}),
        json!({}),
        json!({"name": "a", "labels": {"l": "1"}}),
    ] {
        both.put(&a, map(metadata)).await;
    }
    both.put(&format!("{maps}/none"), map(json!({"name": "none"}))).await;
    for (patch, content_type) in [
        (json!({"metadata": {"resourceVersion": "1"}}), MERGE),
        (json!({"metadata": {"uid": "1"}}), MERGE),
        (json!({"metadata": {"name": "q"}}), MERGE),
        (json!([1]), MERGE),
        (json!({"a": 1}), PATCH),
        (json!([{"op": "test", "path": "/metadata/name", "value": "no"}]), PATCH),
        (json!([{"op": "remove", "path": "/data/none"}]), PATCH),
        (json!([{"op": "frob", "path": "/x"}]), PATCH),
        (json!([{"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}]), PATCH),
        (json!({}), JSON),
        (json!({"metadata": {"finalizers": ["x.io/a"]}}), STRATEGIC),
        (json!({"metadata": {"finalizers": null}}), STRATEGIC),
        (json!({"metadata": {"labels": null}}), MERGE),
    ] {
        both.patch(&a, patch, content_type).await;
    }
    for query in [
        "fieldSelector=data.x%3D1",
        "limit=x",
        "limit=1&resourceVersion=x",
        "resourceVersionMatch=Exact",
        "resourceVersion=0&resourceVersionMatch=Exact",
        "resourceVersion=0&resourceVersionMatch=Frob",
        "sendInitialEvents=true",
        "labelSelector=!l",
    ] {
        both.get(&format!("{maps}?{query}")).await;
    }
    both.delete(&a, json!({"preconditions": {"uid": "abc"}})).await;
    both.delete(&a, json!({"preconditions": {"resourceVersion": "1"}})).await;
    both.delete(&a, json!({"propagationPolicy": "Frob"})).await;
    both.delete(&format!("{a}?dryRun=Some"), Value::Null).await;
    both.delete(&format!("{a}?dryRun=All"), Value::Null).await;
    both.delete(&a, Value::Null).await;
    both.delete(&a, Value::Null).await;
    both.put(&maps, json!({})).await;
    both.post("/api/v1/configmaps", map(json!({"name": "a"}))).await;
}

async fn pods(both: &Both) {
    let pods = format!("{CORE}/pods");
    let pod = |name: &str, node: Value| {
        let containers = json!([{"name": "c", "image": "i"}]);
        json!({"metadata": {"name": name}, "spec": {"nodeName": node, "containers": containers}})
    };
    both.post(&pods, pod("free", Value::Null)).await;
    both.post(&pods, pod("bound", json!("n"))).await;
    both.delete(&format!("{pods}/free"), Value::Null).await;
    both.get(&format!("{pods}/free")).await;
    for query in ["", "?gracePeriodSeconds=10", "?gracePeriodSeconds=100", "", "?gracePeriodSeconds=0"] {
        both.delete(&format!("{pods}/bound{query}"), Value::Null).await;
        both.get(&format!("{pods}/bound")).await;
    }
    both.post(&pods, pod("held", json!("n"))).await;
    let held = format!("{pods}/held");
    both.patch(&held, json!({"metadata": {"finalizers": ["x.io/y"]}}), MERGE).await;
    both.delete(&format!("{held}?gracePeriodSeconds=0"), Value::Null).await;
    both.patch(&held, json!({"metadata": {"finalizers": ["x.io/y", "z.io/q"]}}), MERGE).await;
    both.patch(&held, json!({"metadata": {"finalizers": []}}), MERGE).await;
    both.get(&held).await;
    both.post(&pods, pod("slow", json!("n"))).await;
    let slow = format!("{pods}/slow");
    both.patch(&slow, json!({"metadata": {"finalizers": ["x.io/y"]}}), MERGE).await;
    both.delete(&slow, Value::Null).await;
    both.patch(&slow, json!({"metadata": {"finalizers": null}}), MERGE).await;
    both.get(&slow).await;
    both.delete(&format!("{slow}?gracePeriodSeconds=0"), Value::Null).await;
    both.get(&slow).await;
    fields(both, &pods).await;
}

/// Field selectors of Pods, which `held` and the others left behind are found by or not.
async fn fields(both: &Both, pods: &str) {
    let containers = json!([{"name": "c", "image": "i"}]);
    let on_host = json!({"nodeName": "m", "hostNetwork": true, "containers": containers});
    both.post(pods, json!({"metadata": {"name": "host"}, "spec": on_host})).await;
    both.post(
        pods,
        json!({"metadata": {"name": "own"}, "spec": {"nodeName": "n", "containers": containers}}),
    )
    .await;
    both.post(pods, json!({"metadata": {"name": "free"}, "spec": {"containers": containers}})).await;
    for selector in [
        "spec.frob%3Dx",
        "spec.nodeName%3Dm",
        "spec.host%3Dm",
        "spec.nodeName!%3Dm",
        "spec.nodeName%3D",
        "spec.nodeName!%3D",
        "spec.nodeName!%3D,spec.nodeName!%3Dm,spec.hostNetwork%3Dfalse",
        "spec.hostNetwork%3Dtrue",
        "spec.hostNetwork%3Dfalse",
        "spec.hostNetwork!%3Dtrue",
        "spec.hostNetwork%3D",
        "spec.nodeName!%3Dm,status.phase!%3DSucceeded,status.phase!%3DFailed,spec.hostNetwork%3Dfalse",
        "spec.nodeName%3D%3Dm,metadata.name!%3Down",
        "metadata.namespace%3Ddefault,metadata.name%3Down",
        "metadata.uid%3Dx",
        "status.podIPs%3D10.0.0.1",
        "status.podIPs!%3D10.0.0.1",
        "spec.frob",
        "spec.nodeName%3Da%3Db",
        "spec.nodeName%3Da%5C,b",
        "spec.nodeName%3Da%5Cb",
        "spec.nodeName%3Da%5C",
        ",,",
    ] {
        both.get(&format!("{pods}?fieldSelector={selector}")).await;
    }
    // A Pod that comes to be selected no longer is told of as deleted.
    let watch = format!("{pods}?watch=1&timeoutSeconds=1&resourceVersion=");
    let (real, ours) = (version(&both.real, pods).await, version(&both.ours, pods).await);
    let own = format!("{pods}/own/status");
    both.patch(&own, json!({"status": {"phase": "Running"}}), MERGE).await;
    both.patch(&own, json!({"status": {"phase": "Failed"}}), MERGE).await;
    both.patch(&own, json!({"status": {"phase": "Running"}}), MERGE).await;
    let selector = "fieldSelector=status.phase!%3DFailed,spec.hostNetwork%3Dfalse";
    both.get_each([format!("{watch}{real}&{selector}"), format!("{watch}{ours}&{selector}")]).await;
}

/// The version of a collection.
async fn version(client: &Client, collection: &str) -> String {
    let request = Request::get(collection).body(Vec::new()).unwrap();
    let list: Value = client.request(request).await.unwrap();
    list["metadata"]["resourceVersion"].as_str().unwrap().to_owned()
}

async fn endpoints(both: &Both) {
    let endpoints = format!("{APIS}/danmeps");
    let e = format!("{endpoints}/e");
    let endpoint = |metadata: Value, spec: Value| json!({"apiVersion": "danm.io/v1", "kind": "DanmEp", "metadata": metadata, "spec": spec});
    let spec = json!({"NetworkName": "n"});
    both.post(&endpoints, endpoint(json!({"name": "e"}), spec.clone())).await;
    both.post(&endpoints, endpoint(json!({"name": "e"}), spec.clone())).await;
    both.post(&endpoints, endpoint(json!({"name": "x"}), json!({}))).await;
    both.post(&endpoints, endpoint(json!({"name": "x"}), json!({"NetworkName": 5}))).await;
    both.post(&endpoints, json!({"apiVersion": "danm.io/v1", "kind": "DanmNet", "metadata": {"name": "x"}}))
        .await;
    both.post(&endpoints, json!({"apiVersion": "danm.io/v2", "kind": "DanmEp", "metadata": {"name": "x"}}))
        .await;
    for version in [Value::Null, json!("1"), json!("x")] {
        both.put(&e, endpoint(json!({"name": "e", "resourceVersion": version}), spec.clone())).await;
    }
    both.patch(&e, json!({"metadata": {"resourceVersion": "1"}}), MERGE).await;
    both.patch(&e, json!({"spec": {"Pod": 5}}), MERGE).await;
    both.patch(&e, json!({"spec": {}}), STRATEGIC).await;
    both.patch(&e, json!({"spec": {"Pod": "p"}}), MERGE).await;
    both.patch(&e, json!({"metadata": {"labels": {"a": "b"}}}), MERGE).await;
    both.delete(&e, json!({"preconditions": {"uid": "u"}})).await;
    both.patch(&e, json!({"metadata": {"finalizers": ["a.io/b"]}}), MERGE).await;
    both.delete(&e, Value::Null).await;
    both.delete(&e, Value::Null).await;
    both.patch(&e, json!({"metadata": {"finalizers": null}}), MERGE).await;
    both.get(&e).await;
    both.get(&endpoints).await;
    both.get(&format!("{endpoints}?fieldSelector=spec.Pod%3Dp")).await;
    both.get(&format!("{APIS}/none")).await;
    both.get("/apis/danm.io/v7/danmeps").await;
}

async fn watches(both: &Both) {
    let maps = format!("{CORE}/configmaps");
    both.post(&maps, json!({"metadata": {"name": "w", "labels": {"l": "1"}}})).await;
    let watch = format!("{maps}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dw");
    let rule = "resourceVersionMatch=NotOlderThan";
    for query in [
        String::new(),
        "&resourceVersion=0".to_owned(),
        "&resourceVersion=x".to_owned(),
        "&sendInitialEvents=true".to_owned(),
        format!("&sendInitialEvents=true&{rule}"),
        format!("&{rule}"),
        "&labelSelector=none".to_owned(),
    ] {
        both.get(&format!("{watch}{query}")).await;
    }
    both.delete(&format!("{maps}/w"), Value::Null).await;
}

async fn others(both: &Both) {
    let leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
    let lease = |name: &str| json!({"metadata": {"name": name}, "spec": {"holderIdentity": "x"}});
    both.post(leases, lease("a")).await;
    both.put(&format!("{leases}/a"), lease("a")).await;
    both.put(&format!("{leases}/b"), lease("b")).await;
    both.delete(leases, Value::Null).await;
    both.delete("/api/v1/namespaces/default", Value::Null).await;
    both.post("/api/v1/namespaces", json!({"metadata": {"name": "ending"}})).await;
    let maps = "/api/v1/namespaces/ending/configmaps";
    both.post(maps, json!({"metadata": {"name": "held", "finalizers": ["x.io/y"]}})).await;
    both.delete("/api/v1/namespaces/ending", Value::Null).await;
    both.post(maps, json!({"metadata": {"name": "late"}})).await;
    both.get("/api/v1/frobs").await;
    both.get("/apis/frob.io/v1/frobs").await;
    both.get("/api/v1/nodes?fieldSelector=spec.nodeName%3Dx").await;
}
