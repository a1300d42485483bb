//! What operators look at, over HTTP: is it alive, is it ready, its metrics, its state. What there is to see is
//! the program's to say, through [`Inspect`]; what is asked and how it is answered, `admin/answer.rs`'s.
//!
//! A client that is slow or hostile costs one of few connections for a few seconds and holds up nobody: when all
//! are taken the oldest gives way, so that a probe always gets through.

mod answer;

use std::{collections::VecDeque, convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use serde_json::Value;
use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinHandle},
    time::{sleep, timeout},
};

use self::answer::answer;

/// What a program tells of itself. Asked at each request, from several threads: answers are to be quick.
pub trait Inspect: Send + Sync + 'static {
    /// Why it cannot do its work, a line a reason. Nothing means ready.
    fn ready(&self) -> Vec<String>;

    /// What it knows, for people who look for the cause of something.
    fn state(&self) -> Value;

    /// Why only a restart can help, if that is so.
    fn stalled(&self) -> Option<String> {
        None
    }
}

/// Why there is no admin server.
#[derive(Debug, Error)]
#[error("cannot listen on {listen}: {reason}; choose another address with --admin-listen")]
pub struct AdminError {
    /// The address.
    pub listen: SocketAddr,
    /// What is wrong.
    pub reason: io::Error,
}

/// A running admin server. It ends with this value.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

/// Connections at the same time.
const CONNECTIONS: usize = 64;

/// How long a request may take to arrive.
const REQUEST: Duration = Duration::from_secs(5);

/// How long a connection may last, with the time it takes a client to read.
const CONNECTION: Duration = Duration::from_secs(30);

/// Room for what a client says: there is not much to ask for. The least that hyper takes.
const BUFFER: usize = 8 * 1024;

/// How long to wait where no connection can be accepted, for want of files mostly.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens, and answers from then on.
pub async fn serve(
    listen: SocketAddr,
    program: Arc<dyn Inspect>,
    metrics: Arc<Registry>,
) -> Result<Admin, AdminError> {
    let failed = |reason| AdminError { listen, reason };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    tracing::info!("admin server listens on http://{address}");
    Ok(Admin { address, accepting: tokio::spawn(accept(listener, program, metrics)) })
}

// === impl Admin ===

impl Admin {
    /// Where it listens: the port that was given, or one that was free.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Connections under way, the oldest first. They end with this value.
#[derive(Debug, Default)]
struct Connections(VecDeque<AbortHandle>);

// === impl Connections ===

impl Connections {
    /// Makes room for one more.
    fn admit(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        self.0.retain(|connection| !connection.is_finished());
        if self.0.len() >= CONNECTIONS
            && let Some(oldest) = self.0.pop_front()
        {
            oldest.abort();
        }
        self.0.push_back(tokio::spawn(connection).abort_handle());
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

async fn accept(listener: TcpListener, program: Arc<dyn Inspect>, metrics: Arc<Registry>) {
    let mut connections = Connections::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.admit(converse(stream, Arc::clone(&program), Arc::clone(&metrics)));
            }
            Err(error) => {
                tracing::debug!("cannot accept a connection: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

/// One request, one answer: probes and scrapes are rare, and a connection that is kept is one more to bound.
async fn converse(stream: TcpStream, program: Arc<dyn Inspect>, metrics: Arc<Registry>) {
    let service = service_fn(|request| {
        let answer = answer(request.method(), request.uri().path(), &*program, &metrics);
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .max_buf_size(BUFFER)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A client that breaks off, or is broken off, is no news.
    let _ = timeout(CONNECTION, connection).await;
}
