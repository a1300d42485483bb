//! Runs `showalloc` as people and scripts do, under either of its names, and reads what it says.

use std::{path::Path, process::Stdio, time::Duration};

use futures::{StreamExt, stream};
use serde_json::Value;
use testkit::Cluster;
use tokio::{process::Command, time::timeout};

/// How long anything may take that takes no time worth mentioning.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Programs that run at the same time.
const AT_ONCE: usize = 6;

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// The program with these arguments.
pub fn program(arguments: &[&str]) -> Command {
    command(Path::new(env!("CARGO_BIN_EXE_showalloc")), arguments)
}

/// A command that knows nothing of whoever runs the tests: no terminal, no locale, no kubeconfig.
pub fn command(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

/// Runs a command to its end, which comes.
pub async fn run(mut command: Command) -> Run {
    let output = timeout(PATIENCE, command.output()).await.unwrap_or_else(|_| panic!("{command:?} goes on"));
    let output = output.expect("the program was built");
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

/// Asks a cluster, with these arguments besides the way to it.
pub async fn ask(cluster: &Cluster, arguments: &str) -> Run {
    run(asking(cluster, arguments)).await
}

/// Asks a cluster several things at once: most of the time is spent waiting.
pub async fn ask_all(cluster: &Cluster, commands: &[impl AsRef<str>]) -> Vec<Run> {
    let runs = stream::iter(commands).map(|command| ask(cluster, command.as_ref()));
    runs.buffered(AT_ONCE).collect().await
}

/// The command that asks it.
pub fn asking(cluster: &Cluster, arguments: &str) -> Command {
    let mut command = program(&arguments.split_whitespace().collect::<Vec<_>>());
    command.arg("--kubeconfig").arg(cluster.kubeconfig());
    command
}

impl Run {
    /// The output of a run that went well and had nothing to say besides.
    pub fn clean(self) -> String {
        assert_eq!((self.code, &*self.err), (Some(0), ""), "{self:#?}");
        self.out
    }

    /// The only sentence on standard error of a run that ended with that code.
    pub fn sentence(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:#?}");
        let sentence = self.err.strip_suffix('\n').filter(|text| !text.contains('\n'));
        sentence.unwrap_or_else(|| panic!("no sentence, or several: {self:#?}"))
    }

    /// What is wrong, in a sentence and with nothing besides.
    pub fn error(&self) -> &str {
        assert_eq!(self.out, "", "{self:#?}");
        assert!(!self.err.contains("panicked"), "{self:#?}");
        let sentence = self.sentence(2).strip_prefix("error: ");
        sentence.unwrap_or_else(|| panic!("no error: {self:#?}"))
    }
}

/// Output that is a JSON document.
pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("no JSON: {error}\n{text}"))
}
