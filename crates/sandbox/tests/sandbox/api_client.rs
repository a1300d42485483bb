//! A sandbox and a plain client for it. What is asked is each test's business.

use std::{pin::Pin, time::Duration};

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use kube::{Client, Config, client::Body};
use sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use tokio::time::timeout;

/// Nothing here takes so long; a test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub const MERGE: &str = "application/merge-patch+json";
pub const JSON_PATCH: &str = "application/json-patch+json";
pub const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// A sandbox of its own for each test.
pub struct Server {
    pub sandbox: Sandbox,
    pub client: Client,
}

/// A code and what came with it.
pub type Reply = (u16, Value);

impl Server {
    pub fn start() -> Self {
        Self::with(Options::default())
    }

    pub fn with(options: Options) -> Self {
        let sandbox = Sandbox::start(options).unwrap();
        let mut config = Config::new(sandbox.url().parse().unwrap());
        // What is refused is to be seen.
        config.default_retry = false;
        let client = Client::try_from(config).unwrap();
        Self { sandbox, client }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None, "application/json").await
    }

    pub async fn get_as(&self, path: &str, accept: &str) -> Reply {
        let request = Request::get(path).header("Accept", accept).body(Body::empty()).unwrap();
        read(self.client.send(request).await.unwrap()).await
    }

    pub async fn post(&self, path: &str, object: &Value) -> Reply {
        self.send(Method::POST, path, Some(object), "application/json").await
    }

    pub async fn put(&self, path: &str, object: &Value) -> Reply {
        self.send(Method::PUT, path, Some(object), "application/json").await
    }

    pub async fn patch(&self, path: &str, patch: &Value, content_type: &str) -> Reply {
        self.send(Method::PATCH, path, Some(patch), content_type).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None, "application/json").await
    }

    pub async fn delete_with(&self, path: &str, options: &Value) -> Reply {
        self.send(Method::DELETE, path, Some(options), "application/json").await
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>, content_type: &str) -> Reply {
        self.try_send(method, path, body, content_type).await.unwrap()
    }

    /// As `send`, where the connection may break.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        content_type: &str,
    ) -> kube::Result<Reply> {
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string().into_bytes()));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Content-Type", content_type)
            .body(body)
            .unwrap();
        let response = timeout(PATIENCE, self.client.send(request)).await.expect("an answer");
        Ok(read(response?).await)
    }

    pub async fn watch(&self, path: &str) -> Lines {
        self.watch_as(path, "application/json").await
    }

    pub async fn watch_as(&self, path: &str, accept: &str) -> Lines {
        let request = Request::get(path).header("Accept", accept).body(Body::empty()).unwrap();
        let response = self.client.send(request).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        Lines { body: Box::pin(response.into_body()), text: Vec::new() }
    }

    /// Creates a `ConfigMap` in the default namespace.
    pub async fn make(&self, name: &str, labels: &Value) -> Value {
        let object = json!({"metadata": {"name": name, "labels": labels}, "data": {"k": "v"}});
        let (code, created) = self.post(MAPS, &object).await;
        assert_eq!(code, 201, "{created}");
        created
    }
}

pub const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// The events of a watch.
pub struct Lines {
    body: Pin<Box<Body>>,
    text: Vec<u8>,
}

impl Lines {
    /// The next event; none if the watch is over, and an error if it broke.
    pub async fn try_next(&mut self) -> Result<Option<Value>, String> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                return Ok(Some(serde_json::from_slice(&line).unwrap()));
            }
            match timeout(PATIENCE, self.body.frame()).await.expect("an event or an end") {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    self.text.extend_from_slice(&frame.into_data().unwrap_or_else(|_| Bytes::new()))
                }
                Some(Err(error)) => return Err(error.to_string()),
            }
        }
    }

    pub async fn next(&mut self) -> Option<Value> {
        self.try_next().await.unwrap()
    }

    /// Type and name of the next event.
    pub async fn event(&mut self) -> String {
        let event = self.next().await.expect("an event");
        let name = event["object"]["metadata"]["name"].as_str().unwrap_or("-");
        format!("{} {name}", event["type"].as_str().unwrap())
    }
}

async fn read(response: Response<Body>) -> Reply {
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let text = || json!(String::from_utf8_lossy(&bytes));
    (code, serde_json::from_slice(&bytes).unwrap_or_else(|_| text()))
}

/// Code, reason and message of a refusal.
pub fn refusal(reply: &Reply) -> (u16, &str, &str) {
    let (code, status) = reply;
    assert_eq!(status["kind"], "Status", "{status}");
    assert_eq!(status["code"], *code);
    (*code, status["reason"].as_str().unwrap_or(""), status["message"].as_str().unwrap())
}

/// The names of the items of a list.
pub fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap();
    items.iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
}

pub fn version(object: &Value) -> String {
    object["metadata"]["resourceVersion"].as_str().unwrap().to_owned()
}

pub fn pod(name: &str, node: Option<&str>) -> Value {
    let mut pod = json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    if let Some(node) = node {
        pod["spec"]["nodeName"] = json!(node);
    }
    pod
}
