//! Runs `danm-cleaner`, and reads from its log when it did what.

use std::{path::Path, process::Stdio};

use jiff::Timestamp;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// The program with these arguments, its log on a pipe.
pub fn program(kubeconfig: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_danm-cleaner"));
    command.arg("--kubeconfig").arg(kubeconfig).args(arguments).env_clear().env("NO_COLOR", "1");
    command.env("RUST_LOG", "info,cleaner=debug,kube=error,hyper=error,tower=error");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Reads the log to its end, line by line.
pub async fn follow(child: &mut Child, mut line: impl FnMut(&str)) {
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    while let Ok(Some(text)) = lines.next_line().await {
        line(&text);
    }
}

/// When a line was logged.
pub fn time_of(line: &str) -> Option<Timestamp> {
    line.split(' ').next()?.parse().ok()
}
