//! The admin server, asked over a socket as probes and scrapers do.

#![expect(clippy::unwrap_used, reason = "a test that has not what it needs has failed")]

use std::{
    io::ErrorKind,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use operator_runtime::{Admin, Inspect, serve};
use prometheus_client::{metrics::counter::Counter, registry::Registry};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

#[derive(Default)]
struct Program {
    is_ready: AtomicBool,
}

impl Inspect for Program {
    fn ready(&self) -> Vec<String> {
        let reasons = ["pods have not been\nlisted".to_owned(), "the Lease cannot be read".to_owned()];
        if self.is_ready.load(Ordering::SeqCst) { Vec::new() } else { reasons.into() }
    }

    fn state(&self) -> Value {
        json!({"networks": 3})
    }
}

async fn start(program: Arc<Program>) -> Admin {
    let mut metrics = Registry::with_prefix("danm");
    let released: Counter = Counter::default();
    released.inc();
    metrics.register("released", "Addresses that were released", released);
    serve(ANY, program, Arc::new(metrics)).await.unwrap()
}

/// Status, headers in lower case, body.
async fn ask(admin: &Admin, method: &str, path: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(admin.address()).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

#[tokio::test]
async fn each_path_has_its_answer() {
    let program = Arc::new(Program::default());
    let admin = start(Arc::clone(&program)).await;

    let (status, _, body) = ask(&admin, "GET", "/live").await;
    assert_eq!((status, body.as_str()), (200, "ok\n"));

    let (status, head, body) = ask(&admin, "GET", "/ready").await;
    assert_eq!((status, body.as_str()), (503, "pods have not been listed\nthe Lease cannot be read\n"));
    assert!(head.contains("content-type: text/plain"), "{head}");
    program.is_ready.store(true, Ordering::SeqCst);
    assert_eq!(ask(&admin, "GET", "/ready?verbose").await.0, 200);

    let (status, head, body) = ask(&admin, "GET", "/metrics").await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(body.contains("danm_released_total 1\n") && body.ends_with("# EOF\n"), "{body}");

    let (status, head, body) = ask(&admin, "GET", "/debug/state.json").await;
    assert!(status == 200 && head.contains("content-type: application/json"), "{head}");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), json!({"networks": 3}));
}

#[tokio::test]
async fn anything_else_is_refused() {
    let admin = start(Arc::default()).await;
    for path in ["/", "/debug", "/live/", "//metrics", "/debug/../live"] {
        assert_eq!(ask(&admin, "GET", path).await.0, 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "HEAD", "NONSENSE"] {
        let (status, head, _) = ask(&admin, method, "/live").await;
        assert!(status == 405 && head.contains("allow: get"), "{method}: {head}");
    }
}

#[tokio::test]
async fn clients_that_say_nothing_hold_up_nobody() {
    let admin = start(Arc::default()).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(admin.address()).await.unwrap());
    }
    assert_eq!(ask(&admin, "GET", "/live").await.0, 200);
    // The oldest had to go, and at once.
    let end = timeout(Duration::from_secs(3), silent[0].read(&mut [0])).await;
    assert!(matches!(end, Ok(Ok(0))), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_end_is_broken_off() {
    let admin = start(Arc::default()).await;
    let mut stream = TcpStream::connect(admin.address()).await.unwrap();
    stream.write_all(b"GET /live HTTP/1.1\r\nHost: ").await.unwrap();
    // Time passes by itself where nobody has anything to do.
    let mut answer = Vec::new();
    let started = Instant::now();
    let end = stream.read_to_end(&mut answer).await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(end.is_ok() || end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

/// Has more to tell than any socket buffers.
struct Talkative;

impl Inspect for Talkative {
    fn ready(&self) -> Vec<String> {
        Vec::new()
    }

    fn state(&self) -> Value {
        json!("x".repeat(64 << 20))
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_broken_off() {
    let admin = serve(ANY, Arc::new(Talkative), Arc::default()).await.unwrap();
    let mut stream = TcpStream::connect(admin.address()).await.unwrap();
    stream.write_all(b"GET /debug/state.json HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    // Longer than any connection lasts, and as long as nobody else has anything to do.
    sleep(Duration::from_secs(120)).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 200") && answer.len() < 64 << 20, "{}", answer.len());
}

#[tokio::test]
async fn a_header_without_end_is_refused() {
    let admin = start(Arc::default()).await;
    let mut stream = TcpStream::connect(admin.address()).await.unwrap();
    stream.write_all(b"GET /live HTTP/1.1\r\nHost: ").await.unwrap();
    let mut sent = 0;
    while stream.write_all(&[b'a'; 1024]).await.is_ok() {
        sent += 1;
        assert!(sent < 1024 * 64, "a megabyte of header after another is taken");
    }
}

#[tokio::test]
async fn an_address_in_use_is_one_clear_error() {
    let admin = start(Arc::default()).await;
    let error = serve(admin.address(), Arc::<Program>::default(), Arc::default()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&format!("cannot listen on {}: ", admin.address())), "{text}");
    assert!(text.contains("in use") && text.contains("--admin-listen"), "{text}");
}

#[tokio::test]
async fn the_server_ends_with_its_value() {
    let admin = start(Arc::default()).await;
    let address = admin.address();
    let mut open = TcpStream::connect(address).await.unwrap();
    drop(admin);
    assert!(matches!(open.read(&mut [0]).await, Ok(0) | Err(_)));
    assert!(TcpStream::connect(address).await.is_err());
}
