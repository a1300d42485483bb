//! Runs `danm-cleaner` as people do, and reads what it says.

use std::{path::Path, process::Stdio};

use serde_json::Value;
use tokio::process::{Child, Command};

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub log: String,
}

/// The program with these arguments.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_danm-cleaner"));
    command.args(arguments).env_clear().env("NO_COLOR", "1").env("RUST_LOG", "info,kube=error");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs the program to its end.
pub async fn run(arguments: &[&str]) -> Run {
    let output = program(arguments).output().await.expect("the program was built");
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("text"),
        log: String::from_utf8(output.stderr).expect("text"),
    }
}

/// One pass with a short grace and no window, as in a closed test cluster.
pub async fn clean(kubeconfig: &Path, arguments: &[&str]) -> Run {
    run(&pass(kubeconfig, arguments)).await
}

/// Starts such a pass.
pub fn start(kubeconfig: &Path, arguments: &[&str]) -> Child {
    program(&pass(kubeconfig, arguments)).spawn().expect("the program was built")
}

fn pass<'a>(kubeconfig: &'a Path, arguments: &[&'a str]) -> Vec<&'a str> {
    let kubeconfig = kubeconfig.to_str().expect("text");
    let common = ["--once", "--grace", "100ms", "--ownership-window", "0s", "--report", "-"];
    common.into_iter().chain(["--kubeconfig", kubeconfig]).chain(arguments.iter().copied()).collect()
}

impl Run {
    /// The rows of the report on standard output.
    pub fn rows(&self) -> Vec<Value> {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("no report: {error}\n{self:#?}"))
    }

    /// The report in short, a line for each allocation, in order:
    /// `endpoint verdict reason action address=owner:action ...`.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.rows().iter().map(line).collect();
        lines.sort();
        lines
    }

    /// Asserts that it ended as scripts see it.
    pub fn ends_with(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{}", self.log);
    }
}

fn line(row: &Value) -> String {
    let word = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
    let address = |address: &Value| {
        let text = |field: &str| address[field].as_str().unwrap_or_default().to_owned();
        format!(" {}={}:{}", text("address"), text("owner"), text("action"))
    };
    let addresses: String = row["addresses"].as_array().into_iter().flatten().map(address).collect();
    let name = match &*word("name") {
        "" => format!("({} {})", row["network"]["kind"].as_str().unwrap_or_default(), word("reason")),
        name => name.to_owned(),
    };
    format!("{name} {} {} {}{addresses}", word("verdict"), word("reason"), word("action"))
}
