//! The memory of the program, and what the kernel takes for its rules: all Pods of a node share very many peers.

use std::{fs, process::Stdio, time::Duration};

use sandbox::{Options, Sandbox};
use testkit::{Figure, Running, eventually};
use tokio::{process::Command, time::sleep};

use crate::{node::Node, objects};

const PODS: usize = 250;
const PEERS: usize = 10_000;
/// At most, in MB.
const BAR: f64 = 50.0;
/// What it does at first is over by then.
const SETTLING: Duration = Duration::from_secs(12);
/// For so long it is looked at while nothing happens.
const IDLE: Duration = Duration::from_secs(5);

/// What was measured of the program: MB that it has, and has had at most; seconds of CPU time in a second.
struct Agent {
    resident: f64,
    peak: f64,
    idle: f64,
}

/// Measures.
pub fn measure() -> Vec<Figure> {
    let node = Node::new(PODS);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let before = kernel_memory();
    let agent = runtime.block_on(run(&node));
    let taken = (kernel_memory() - before) * 1024.0;
    vec![
        Figure {
            what: format!("memory of the agent, {PODS} Pods with {PEERS} peers"),
            value: format!("{:.1} MB (peak {:.1} MB)", agent.resident, agent.peak),
            bar: Some((format!("under {BAR} MB"), agent.resident < BAR)),
        },
        Figure {
            what: "  while nothing happens it computes".to_owned(),
            value: format!("{:.1} ms CPU a second", agent.idle * 1e3),
            bar: None,
        },
        Figure {
            what: "  the kernel takes for their rules".to_owned(),
            value: format!("{:.0} MB, {:.0} bytes a peer", taken / 1e6, taken / (PODS * PEERS) as f64),
            bar: None,
        },
    ]
}

/// Runs the program until all Pods have rules, and a little longer.
async fn run(node: &Node) -> Agent {
    let sandbox = Sandbox::start(Options { record: false, ..Options::default() }).expect("a loopback");
    sandbox.load(objects::all(PODS, PEERS)).expect("it takes them");
    let folder = tempfile::tempdir().expect("a folder");
    let kubeconfig = folder.path().join("kubeconfig");
    fs::write(&kubeconfig, sandbox.kubeconfig()).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_danm-policer"));
    command.arg("agent").args(node.arguments()).arg("--kubeconfig").arg(&kubeconfig);
    command.args(["--admin-listen", "127.0.0.1:0"]).env_clear().kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let running = Running::start(command).await;
    eventually("all Pods have rules", async || {
        running.metric("danm_policer_pods{state=\"enforced\"}").await == Some(PODS as f64)
    })
    .await;
    // What it keeps for its next start, it keeps meanwhile.
    sleep(SETTLING).await;
    let before = cpu(running.pid());
    sleep(IDLE).await;
    let idle = (cpu(running.pid()) - before) / IDLE.as_secs_f64();
    let status = format!("/proc/{}/status", running.pid());
    let [resident, peak] = ["VmRSS:", "VmHWM:"].map(|name| kilobytes(&status, name) * 1024.0 / 1e6);
    Agent { resident, peak, idle }
}

/// What the kernel keeps for itself and cannot give back, in kB: rules are there.
fn kernel_memory() -> f64 {
    kilobytes("/proc/meminfo", "SUnreclaim:")
}

fn kilobytes(file: &str, name: &str) -> f64 {
    let text = fs::read_to_string(file).expect("Linux");
    let line = text.lines().find(|line| line.starts_with(name)).expect("the kernel tells");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// What a process has computed, all of its threads, in seconds.
fn cpu(process: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
    let spent = threads.flatten().filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    spent.sum::<f64>() / 1e9
}
