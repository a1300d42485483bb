//! A real program beside this one that goes on until it is ended, and what its admin page says.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use super::program::program;

/// How long it may take to start, or to see what happened.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program that runs. It is killed when this is dropped.
pub(super) struct Running {
    name: &'static str,
    child: Child,
    command_line: String,
    admin: SocketAddr,
    log: PathBuf,
}

impl Running {
    /// Starts the one of this name that was built with this program. What it logs goes to a file in this folder.
    pub(super) fn start(name: &'static str, arguments: &[String], folder: &Path) -> anyhow::Result<Self> {
        let admin = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr());
        let admin = admin.context("there is no free port on the loopback")?;
        let log = folder.join(name).with_extension("log");
        let arguments: Vec<String> =
            arguments.iter().cloned().chain([format!("--admin-listen={admin}")]).collect();
        let child = Command::new(program(name)?)
            .args(&arguments)
            .stdin(Stdio::null())
            .stderr(File::create(&log).with_context(|| format!("cannot write {}", log.display()))?)
            // Ctrl-C is for us: we end it in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, child, command_line: format!("{name} {}", arguments.join(" ")), admin, log })
    }

    /// How it was called.
    pub(super) fn command_line(&self) -> &str {
        &self.command_line
    }

    /// Waits until its state shows something.
    pub(super) async fn until<T>(&self, what: &str, see: impl Fn(&Value) -> Option<T>) -> anyhow::Result<T> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(seen) = self.state().await.and_then(|state| see(&state)) {
                return Ok(seen);
            }
            sleep(Duration::from_millis(50)).await;
        }
        bail!("{} did not get so far within {PATIENCE:?}: {what}{}", self.name, self.last_words())
    }

    /// Waits until it says that it is ready.
    pub(super) async fn ready(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut why = String::new();
        while begun.elapsed() < PATIENCE {
            match self.ask("/ready").await {
                Some((head, _)) if head.starts_with("HTTP/1.1 200 ") => return Ok(()),
                answer => why = answer.map(|(_, body)| body).unwrap_or_default(),
            }
            sleep(Duration::from_millis(50)).await;
        }
        bail!("{} is not ready within {PATIENCE:?}: {why}{}", self.name, self.last_words())
    }

    /// Ends it in order.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let name = self.name;
        if let Some(pid) = self.child.id() {
            let kill = Command::new("kill").arg(pid.to_string()).status().await;
            kill.with_context(|| format!("cannot stop {name}"))?;
        }
        let ended = timeout(PATIENCE, self.child.wait()).await;
        let ended = ended.with_context(|| format!("{name} does not end"))??;
        ensure!(ended.success(), "{name} ended with {ended}{}", self.last_words());
        Ok(())
    }

    async fn state(&self) -> Option<Value> {
        serde_json::from_str(&self.ask("/debug/state.json").await?.1).ok()
    }

    /// The head and the body of what the admin page answers.
    async fn ask(&self, path: &str) -> Option<(String, String)> {
        let mut stream = TcpStream::connect(self.admin).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.to_owned(), body.to_owned()))
    }

    /// The end of its log, for whoever wants to know what went wrong.
    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().next_back().map(|line| format!("; its last words: {line}")).unwrap_or_default()
    }
}
