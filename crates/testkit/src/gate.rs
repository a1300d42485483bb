//! A gate on the way to the API server: it counts requests, and can stop everything at one of them, before or
//! after the server has seen it. So a test meets every state in which a program can be killed.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use kube::{Client, client::Body};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

/// A gate. It is gone when this is dropped.
#[derive(Debug)]
pub struct Gate {
    state: Arc<State>,
    folder: TempDir,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    /// The number of the request whose answer never comes; what comes later is not even heard.
    last: usize,
    passed: AtomicUsize,
    closed: Notify,
    requests: Mutex<Vec<String>>,
}

impl Gate {
    /// Opens a gate to a server, which closes for ever after `last` requests: the last is performed and not
    /// answered. Watches are not counted.
    ///
    /// # Errors
    /// If it cannot listen on the loopback, or write a temporary file.
    pub async fn open(client: Client, last: usize) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let folder = tempfile::tempdir()?;
        let gate = kubeconfig(listener.local_addr()?);
        std::fs::write(folder.path().join("kubeconfig"), gate)?;
        let state = Arc::new(State {
            last,
            passed: AtomicUsize::new(0),
            closed: Notify::new(),
            requests: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, client, Arc::clone(&state)));
        Ok(Self { state, folder, accepting })
    }

    /// A kubeconfig for the way through the gate. Whoever takes it may do everything.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// Waits until it closes.
    pub async fn closed(&self) {
        self.state.closed.notified().await;
    }

    /// The requests so far that are no watches, as `METHOD path?query body`.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl State {
    /// Counts a request. Gives its number.
    fn count(&self, request: &Request<Bytes>) -> usize {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let body = String::from_utf8_lossy(request.body());
        requests.push(format!("{} {} {body}", request.method(), request.uri()));
        self.passed.fetch_add(1, Ordering::SeqCst) + 1
    }
}

async fn accept(listener: TcpListener, client: Client, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (client, state) = (client.clone(), Arc::clone(&state));
        let service = service_fn(move |request| forward(request, client.clone(), Arc::clone(&state)));
        // A connection that breaks off is the other side's affair.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn forward(
    request: Request<Incoming>,
    client: Client,
    state: Arc<State>,
) -> Result<Response<Body>, Infallible> {
    let (mut parts, body) = request.into_parts();
    parts.headers.remove("host");
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let request = Request::from_parts(parts, body);
    let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
    let number = if is_watch { state.passed.load(Ordering::SeqCst) } else { state.count(&request) };
    if number > state.last {
        return std::future::pending().await;
    }
    let is_last = number == state.last && !is_watch;
    let response = pass(request, client).await;
    if is_last {
        state.closed.notify_one();
        return std::future::pending().await;
    }
    Ok(response)
}

async fn pass(request: Request<Bytes>, client: Client) -> Response<Body> {
    match client.send(request.map(Body::from)).await {
        Ok(response) => response,
        Err(error) => {
            let mut response = Response::new(Body::from(error.to_string().into_bytes()));
            *response.status_mut() = http::StatusCode::BAD_GATEWAY;
            response
        }
    }
}

fn kubeconfig(address: SocketAddr) -> String {
    format!(
        "{{apiVersion: v1, kind: Config, current-context: gate, \
         clusters: [{{name: gate, cluster: {{server: 'http://{address}'}}}}], \
         contexts: [{{name: gate, context: {{cluster: gate}}}}]}}\n"
    )
}
