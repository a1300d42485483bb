//! The memory of the process that watches as much as the project promises.

use std::{fs, time::Duration};

use danm_api::{ApiGroup, NetworkKind};
use sandbox::{Options, Sandbox};
use serde_json::Value;
use testkit::{AllocBits, BitIndex, Figure, objects};
use tokio::{io::BufReader, time::sleep};

use crate::program::program;

const GROUP: ApiGroup = ApiGroup::DanmIo;
const PODS: usize = 150_000;
const ENDPOINTS_PER_POD: usize = 2;
const NODES: usize = 1_000;
const NAMESPACES: usize = 100;
/// Networks of /20, three a namespace.
const NETWORKS: usize = 300;
/// Addresses in use in each of the two networks that the Pods of a namespace are in.
const IN_USE: usize = PODS / NAMESPACES;
const MEGABYTES: f64 = 300.0;

/// Measures: all that lives is in the sandbox, and the process is up until it has looked at everything.
pub async fn measure() -> Vec<Figure> {
    let sandbox = Sandbox::start(Options { record: false, ..Options::default() }).expect("a loopback");
    let load = |count: usize, object: &dyn Fn(usize) -> Value| {
        sandbox.load((0..count).map(object)).expect("it takes them");
    };
    load(NODES, &|number| objects::node(&format!("node-{number}"), "True"));
    load(NETWORKS, &network);
    load(PODS, &pod);
    load(PODS * ENDPOINTS_PER_POD, &endpoint);
    let folder = tempfile::tempdir().expect("a folder");
    let kubeconfig = folder.path().join("kubeconfig");
    fs::write(&kubeconfig, sandbox.kubeconfig()).expect("written");
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let listen = port.to_string();
    let arguments = ["--dry-run", "--audit-interval", "1s", "--admin-listen", &listen];
    let mut child = program(&kubeconfig, &arguments).spawn().expect("it was built");
    let log = child.stderr.take().expect("it is piped");
    tokio::spawn(async move { tokio::io::copy(&mut BufReader::new(log), &mut tokio::io::sink()).await });
    let expected = PODS * ENDPOINTS_PER_POD;
    while endpoints_seen(&listen).await != Some(expected) {
        sleep(Duration::from_millis(500)).await;
    }
    // Some audits more: what they need counts too.
    sleep(Duration::from_secs(5)).await;
    let pid = child.id().expect("it runs");
    let [resident, peak] = ["VmRSS:", "VmHWM:"].map(|name| megabytes(pid, name));
    child.kill().await.expect("it runs");
    vec![Figure {
        what: format!("resident, {PODS} Pods and {expected} endpoints watched from the sandbox"),
        value: format!("{resident:.0} MB (peak {peak:.0} MB)"),
        bar: Some((format!("{MEGABYTES:.0} MB"), resident < MEGABYTES)),
    }]
}

async fn endpoints_seen(listen: &str) -> Option<usize> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(listen).await.ok()?;
    let request = "GET /debug/state.json HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let state: Value = serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?;
    if state["canJudge"] != true {
        return None;
    }
    usize::try_from(state["endpoints"].as_u64()?).ok()
}

fn megabytes(pid: u32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with(name)).expect("the kernel tells");
    let kilobytes: f64 =
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number");
    kilobytes * 1024.0 / 1e6
}

fn namespace(pod: usize) -> String {
    format!("namespace-{}", pod % NAMESPACES)
}

fn pod_name(pod: usize) -> String {
    format!("workload-{:x}-{pod:05x}", pod % 977)
}

fn pod(number: usize) -> Value {
    objects::pod(&namespace(number), &pod_name(number), &format!("node-{}", number % NODES))
}

fn network(number: usize) -> Value {
    let mut bits = AllocBits::clear(4096);
    let in_use = if number < NAMESPACES * ENDPOINTS_PER_POD { IN_USE } else { 0 };
    let in_use = u32::try_from(in_use).expect("fits");
    (0..=in_use).chain([4095]).for_each(|bit| bits.set(BitIndex(bit)));
    let network = objects::network(GROUP, NetworkKind::DanmNet, &namespace(number), &format!("net-{number}"));
    let network = objects::with(network, "/spec/Options/cidr", "10.0.0.0/20");
    objects::with(network, "/spec/Options/alloc", bits.encode())
}

fn endpoint(number: usize) -> Value {
    let pod = number / ENDPOINTS_PER_POD;
    let network = pod % NAMESPACES + NAMESPACES * (number % ENDPOINTS_PER_POD);
    let bit = 1 + pod / NAMESPACES;
    let name = objects::uid(&format!("endpoint {number}"));
    let endpoint =
        objects::endpoint(GROUP, &namespace(pod), &name, &pod_name(pod), &format!("net-{network}"));
    let endpoint = objects::with(endpoint, "/spec/Host", format!("node-{}", pod % NODES));
    objects::with(endpoint, "/spec/Interface/Address", format!("10.0.{}.{}/20", bit / 256, bit % 256))
}
