//! What the agent of one node asks of the API server of a large cluster: bytes that it lists at its start, and bytes that it is told when
//! Pods of other nodes change. Beside it, what a watch of all Pods in full would have cost: the way of others.

use std::{fs, process::Stdio, time::Duration};

use danm_api::ApiGroup;
use sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use testkit::{Figure, Running, eventually, objects};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, tcp::OwnedWriteHalf},
    process::Command,
    time::sleep,
};

use crate::meter::Meter;

const NODES: usize = 5_000;
const PODS: usize = 150_000;
const NAMESPACES: usize = 300;
/// As many Pods of all nodes change.
const CHANGES: usize = 1_000;

/// Beside what is known of a Pod here, managed fields and conditions are some kilobytes in a real cluster.
const METADATA: usize = 1_200;
const REST: usize = 3_000;

/// Measures.
pub fn measure() -> Vec<Figure> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(run())
}

async fn run() -> Vec<Figure> {
    let sandbox = Sandbox::start(Options { record: false, ..Options::default() }).expect("a loopback");
    sandbox.load((0..NAMESPACES).map(namespace)).expect("it takes them");
    sandbox.load((0..PODS).map(|number| pod(number, "1"))).expect("it takes them");
    sandbox.load((0..PODS).map(endpoint)).expect("it takes them");
    sandbox.load((0..NAMESPACES).map(policy)).expect("it takes them");
    let server = sandbox.url().rsplit_once('/').expect("http://").1.to_owned();
    let [agent, others] = [Meter::before(server.clone()).await, Meter::before(server.clone()).await];
    let folder = tempfile::tempdir().expect("a folder");
    let kubeconfig = folder.path().join("kubeconfig");
    fs::write(&kubeconfig, sandbox.kubeconfig().replace(&server, &agent.address)).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_danm-policer"));
    command.args(["agent", "--dry-run", "--node-name", "node-0", "--admin-listen", "127.0.0.1:0"]);
    command.arg("--kubeconfig").arg(&kubeconfig).env_clear().kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let running = Running::start(command).await;
    eventually("it is ready", async || running.ask("/ready").await.0 == 200).await;
    let listed = settled(&agent).await;
    let _watch = list_and_watch(&others.address, sandbox.revision()).await;
    let listed_by_others = settled(&others).await;

    sandbox.load((0..CHANGES).map(|number| pod(number * (PODS / CHANGES), "2"))).expect("it takes them");
    let told = settled(&agent).await - listed;
    let told_to_others = settled(&others).await - listed_by_others;
    let megabytes = |bytes: u64| format!("{:.0} MB", bytes as f64 / 1e6);
    let each = |bytes: u64| format!("{:.0} bytes each", bytes as f64 / CHANGES as f64);
    let figure = |what: String, value: String| Figure { what, value, bar: None };
    vec![
        figure(
            format!("one agent of {NODES} nodes with {PODS} Pods and as many endpoints lists"),
            megabytes(listed),
        ),
        figure("  all Pods in full, and nothing else".to_owned(), megabytes(listed_by_others)),
        figure(
            format!("it is told of {CHANGES} Pods, most of other nodes, whose status changes"),
            each(told),
        ),
        figure("  who watches all Pods in full".to_owned(), each(told_to_others)),
    ]
}

/// Bytes, once no more come.
async fn settled(meter: &Meter) -> u64 {
    let mut before = meter.bytes();
    loop {
        sleep(Duration::from_secs(2)).await;
        let now = meter.bytes();
        if now == before {
            return now;
        }
        before = now;
    }
}

/// Lists all Pods in full, and watches what changes after this revision.
async fn list_and_watch(server: &str, revision: u64) -> OwnedWriteHalf {
    let ask = async |path: &str| {
        let mut stream = TcpStream::connect(server).await.expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        stream
    };
    let mut list = ask("/api/v1/pods").await;
    let mut bytes = Vec::new();
    list.read_to_end(&mut bytes).await.expect("a list");
    let start = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a body");
    assert!(bytes.len() > start + PODS, "all Pods are listed");
    let (mut told, asking) =
        ask(&format!("/api/v1/pods?watch=true&resourceVersion={revision}")).await.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut told, &mut tokio::io::sink()).await });
    asking
}

fn namespace_of(number: usize) -> String {
    format!("tenant-{}", number % NAMESPACES)
}

fn name(number: usize) -> String {
    format!("worker-{number}-7d9c5b9f6d-x2k4p")
}

fn namespace(number: usize) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": namespace_of(number), "labels": {"kubernetes.io/metadata.name": namespace_of(number)},
    }})
}

/// A Pod whose status has this to say.
fn pod(number: usize, status: &str) -> Value {
    let mut pod = objects::pod(&namespace_of(number), &name(number), &format!("node-{}", number % NODES));
    pod["metadata"]["labels"] =
        json!({"app": format!("app-{}", number % 7), "pod-template-hash": "7d9c5b9f6d"});
    pod["metadata"]["annotations"] = json!({"beside": "x".repeat(METADATA)});
    pod["spec"]["containers"][0]["env"] = json!([{"name": "BESIDE", "value": "x".repeat(REST)}]);
    pod["status"]["message"] = json!(status);
    pod
}

fn endpoint(number: usize) -> Value {
    let (namespace, name) = (namespace_of(number), name(number));
    let mut endpoint = objects::endpoint(ApiGroup::DanmIo, &namespace, &name, &name, "lan");
    endpoint["spec"]["Interface"]["Address"] =
        json!(format!("10.{}.{}.{}/8", number >> 16, (number >> 8) & 255, number & 255));
    endpoint["spec"]["Host"] = json!(format!("node-{}", number % NODES));
    endpoint
}

fn policy(number: usize) -> Value {
    json!({"apiVersion": "danm.io/v1", "kind": "DanmNetworkPolicy",
           "metadata": {"namespace": namespace_of(number), "name": "same-app"},
           "spec": {"podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "app-1"}}}]}]}})
}
