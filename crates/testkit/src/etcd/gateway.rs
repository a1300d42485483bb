//! The way into an etcd for a test: its calls as JSON over HTTP, which need none of the code that is tested.

use anyhow::{Context, Result, ensure};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// The way in.
pub struct Gateway {
    /// `HOST:PORT`.
    host: String,
    token: Option<String>,
}

// === impl Gateway ===

impl Gateway {
    pub fn new(host: String) -> Self {
        Self { host, token: None }
    }

    /// As this user from now on.
    pub async fn enter(&mut self, name: &str, password: &str) -> Result<()> {
        let question = json!({"name": name, "password": password});
        let answer = self.ask("auth/authenticate", &question).await?;
        self.token = Some(answer["token"].as_str().context("there is no token")?.to_owned());
        Ok(())
    }

    /// Asks something, such as `kv/range`.
    pub async fn ask(&self, path: &str, question: &Value) -> Result<Value> {
        let text = self.send(Method::POST, &format!("/v3/{path}"), question.to_string()).await?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Reads what is not JSON.
    pub async fn read(&self, path: &str) -> Result<String> {
        self.send(Method::GET, path, String::new()).await
    }

    async fn send(&self, method: Method, path: &str, body: String) -> Result<String> {
        let stream = TcpStream::connect(&self.host).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the answer.
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", &self.host);
        if let Some(token) = &self.token {
            request = request.header("authorization", token);
        }
        let answer = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
        let status = answer.status();
        let text = answer.into_body().collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&text).into_owned();
        ensure!(status.is_success(), "{status}: {text}");
        Ok(text)
    }
}
