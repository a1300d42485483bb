//! The real program, measured from outside: its CPU time and its memory until the last line that it has to print. It is
//! told to go on following changes, so that it is still there to be looked at.

use std::{fs, path::Path, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

/// What a run cost.
pub struct Cost {
    /// CPU time in milliseconds.
    pub cpu: f64,
    /// Memory at its largest, in MB.
    pub peak: f64,
}

/// Runs the program until it has printed so many lines.
pub async fn cost(kubeconfig: &Path, arguments: &[&str], lines: usize) -> Cost {
    let mut child = Command::new(env!("CARGO_BIN_EXE_showalloc"))
        .args(arguments)
        .arg("--watch")
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it was built");
    let mut printed = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    for line in 0..lines {
        let read = printed.next_line().await.expect("text");
        assert!(read.is_some(), "it ended after {line} of {lines} lines");
    }
    let pid = child.id().expect("it runs");
    let cost = Cost { cpu: cpu_milliseconds(pid), peak: peak_megabytes(pid) };
    child.kill().await.expect("it runs");
    cost
}

/// Of all its threads.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn cpu_milliseconds(pid: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let nanoseconds: u64 = threads
        .map(|thread| {
            let stat = fs::read_to_string(thread.expect("readable").path().join("schedstat"));
            let stat = stat.expect("a Linux kernel with schedstat");
            let spent = stat.split(' ').next().and_then(|field| field.parse::<u64>().ok());
            spent.expect("nanoseconds on a CPU come first")
        })
        .sum();
    nanoseconds as f64 / 1e6
}

fn peak_megabytes(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the kernel tells");
    let kilobytes: f64 =
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number");
    kilobytes * 1024.0 / 1e6
}
