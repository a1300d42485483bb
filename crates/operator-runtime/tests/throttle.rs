//! A throttle in front of a server that has too much to do.

#![expect(clippy::expect_used, reason = "a test that has not what it needs has failed")]

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::join_all;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Error};
use operator_runtime::{ConnectArgs, Throttle, connect};
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const REFUSAL: &str = r#"{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 429,
    "reason": "TooManyRequests", "message": "too many requests", "details": {"retryAfterSeconds": 1}}"#;
const NAMESPACE: &str = r#"{"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "default"}}"#;

/// A server that refuses its first request, asks to be left alone for a second, and counts.
async fn busy() -> (ConnectArgs, NamedTempFile, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback is free");
    let address = listener.local_addr().expect("it is bound");
    let mut file = NamedTempFile::new().expect("there is room");
    write!(
        file,
        "{{apiVersion: v1, kind: Config, current-context: busy, \
         clusters: [{{name: busy, cluster: {{server: 'http://{address}'}}}}], \
         contexts: [{{name: busy, context: {{cluster: busy}}}}]}}"
    )
    .expect("there is room");
    let args = ConnectArgs { kubeconfig: Some(file.path().to_owned()), ..ConnectArgs::default() };
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&counter)));
        }
    });
    (args, file, requests)
}

/// One request a connection.
async fn answer(mut stream: TcpStream, requests: Arc<AtomicUsize>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        request.push(byte);
    }
    let (status, body) = match requests.fetch_add(1, Ordering::SeqCst) {
        0 => ("429 Too Many Requests\r\nRetry-After: 1", REFUSAL),
        _ => ("200 OK", NAMESPACE),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    // Whoever does not want the answer does not get it.
    let _ = stream.write_all((head + body).as_bytes()).await;
}

#[tokio::test]
async fn one_refusal_holds_back_all_that_share_a_throttle() {
    let (args, _file, requests) = busy().await;
    let api: Api<Namespace> = Api::all(connect(&args).await.expect("the file is good"));
    let throttle = Throttle::default();
    let started = Instant::now();
    let refused = throttle.run(api.get("default")).await;
    assert!(matches!(refused, Err(Error::Api(status)) if status.code == 429));
    assert_eq!(requests.load(Ordering::SeqCst), 1);
    let answers = join_all((0..8).map(|_| throttle.run(api.get("default")))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(requests.load(Ordering::SeqCst), 9);
}
