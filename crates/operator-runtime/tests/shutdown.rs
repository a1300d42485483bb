//! Signals, sent to a process of its own: this very binary, as somebody who never ends in order.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that has not what it needs has failed")]

use std::{process::Stdio, time::Duration};

use operator_runtime::{ShutdownSignal, shutdown_signal};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

const AS_CHILD: &str = "SHUTDOWN_TEST_CHILD";

/// Not a test where it is not started by one.
#[tokio::test]
async fn child() {
    if std::env::var_os(AS_CHILD).is_none() {
        return;
    }
    let signal = shutdown_signal().unwrap();
    println!("\nlistening");
    println!("\n{:?}", signal.await);
    std::future::pending().await
}

async fn start() -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env(AS_CHILD, "1");
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    until(&mut lines, "listening").await;
    (child, lines)
}

async fn until(lines: &mut Lines<BufReader<ChildStdout>>, expected: &str) {
    while lines.next_line().await.unwrap().expect("the child has ended") != expected {}
}

async fn send(child: &Child, signal: &str) {
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-s", signal, &id]).status().await.unwrap().success());
}

#[tokio::test]
async fn the_first_signal_is_told_and_the_second_ends_the_process() {
    let cases = [
        (("TERM", ShutdownSignal::Terminate), ("TERM", 143)),
        (("INT", ShutdownSignal::Interrupt), ("INT", 130)),
        (("TERM", ShutdownSignal::Terminate), ("INT", 130)),
    ];
    for ((first, told), (second, code)) in cases {
        let (mut child, mut lines) = start().await;
        send(&child, first).await;
        until(&mut lines, &format!("{told:?}")).await;
        send(&child, second).await;
        let end = timeout(Duration::from_secs(60), child.wait()).await.expect("it ends").unwrap();
        assert_eq!(end.code(), Some(code), "{first}, {second}");
    }
}
