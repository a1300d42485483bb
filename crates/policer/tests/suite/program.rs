//! Runs `danm-policer` as people and scripts do, and reads what it says.

use std::{path::PathBuf, process::Stdio, time::Duration};

use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// A file of objects that these tests share, or one with a path of its own.
pub fn objects(file: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/objects").join(file);
    path.display().to_string()
}

/// The program with these arguments. It knows nothing of whoever runs the tests: no terminal, no locale, no kubeconfig.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_danm-policer"));
    command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

/// Runs it with arguments that have no spaces.
pub async fn run(arguments: &str) -> Run {
    finish(program(&arguments.split_whitespace().collect::<Vec<_>>()), "").await
}

/// Runs it on a file of objects.
pub async fn run_on(file: &str, arguments: &str) -> Run {
    run(&format!("{arguments} --objects {}", objects(file))).await
}

/// Runs a command to its end, with a text to read.
pub async fn finish(mut command: Command, input: &str) -> Run {
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the program was built");
    let mut stdin = child.stdin.take().expect("it is piped");
    // Whoever does not read it is not interested.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output =
        timeout(PATIENCE, child.wait_with_output()).await.unwrap_or_else(|_| panic!("{command:?} goes on"));
    let output = output.expect("it ran");
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

impl Run {
    /// The output of a run that went well, and what it had to say besides.
    pub fn told(self) -> (String, Vec<String>) {
        assert_eq!(self.code, Some(0), "{self:#?}");
        (self.out, self.err.lines().map(str::to_owned).collect())
    }

    /// The output of a run that went well and had nothing to say besides.
    pub fn clean(self) -> String {
        assert_eq!((self.code, &*self.err), (Some(0), ""), "{self:#?}");
        self.out
    }

    /// What is wrong, in a sentence and with nothing on standard output.
    pub fn error(&self) -> &str {
        assert_eq!((self.code, &*self.out), (Some(2), ""), "{self:#?}");
        let last = self.err.lines().last().unwrap_or_default();
        let sentence = last.strip_prefix("error: ").filter(|_| !self.err.contains("panicked"));
        sentence.unwrap_or_else(|| panic!("no error: {self:#?}"))
    }
}
