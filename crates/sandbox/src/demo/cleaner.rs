//! The real program, beside this one, and what its admin page says.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
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

const NAME: &str = "danm-cleaner";

/// Times made short for a demo. The brake is as it is by default.
const FLAGS: [&str; 4] =
    ["--grace=1s", "--ownership-window=3s", "--audit-interval=5s", "--brake-hold=forever"];

/// How long it may take to start, or to see what happened.
const PATIENCE: Duration = Duration::from_secs(20);

/// A `danm-cleaner` that runs.
pub(super) struct RunningCleaner {
    child: Child,
    command_line: String,
    admin: SocketAddr,
}

impl RunningCleaner {
    /// Starts the one that was built with this program.
    pub(super) fn start(kubeconfig: &Path) -> anyhow::Result<Self> {
        let admin = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr());
        let admin = admin.context("there is no free port on the loopback")?;
        let flags = FLAGS.map(str::to_owned).into_iter();
        let flags: Vec<String> = flags.chain([format!("--admin-listen={admin}")]).collect();
        let child = Command::new(program(NAME)?)
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(&flags)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is for us: we end it in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {NAME}"))?;
        let command_line = format!("{NAME} --kubeconfig {} {}", kubeconfig.display(), flags.join(" "));
        Ok(Self { child, command_line, admin })
    }

    /// How it was called.
    pub(super) fn command_line(&self) -> &str {
        &self.command_line
    }

    /// Waits until it leads and has seen everything.
    pub(super) async fn ready(&self) -> anyhow::Result<()> {
        self.until("it leads", |state| {
            (state["leading"] == true && state["canJudge"] == true && state["endpoints"].as_u64() > Some(0))
                .then_some(())
        })
        .await
    }

    /// Waits until the brake holds, and gives its reason.
    pub(super) async fn brake_holds(&self) -> anyhow::Result<String> {
        self.until("the brake holds", |state| {
            let brake = &state["brake"];
            (brake["state"] == "holds").then(|| brake["why"].as_str().unwrap_or_default().to_owned())
        })
        .await
    }

    /// Ends it in order.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(pid) = self.child.id() {
            Command::new("kill").arg(pid.to_string()).status().await.context("cannot stop it")?;
        }
        let ended = timeout(PATIENCE, self.child.wait()).await.context("danm-cleaner does not end")??;
        ensure!(ended.success(), "danm-cleaner ended with {ended}");
        Ok(())
    }

    async fn until<T>(&self, what: &str, see: impl Fn(&Value) -> Option<T>) -> anyhow::Result<T> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(seen) = self.state().await.and_then(|state| see(&state)) {
                return Ok(seen);
            }
            sleep(Duration::from_millis(50)).await;
        }
        bail!("danm-cleaner did not get so far within {PATIENCE:?}: {what}")
    }

    async fn state(&self) -> Option<Value> {
        let mut stream = TcpStream::connect(self.admin).await.ok()?;
        let request = b"GET /debug/state.json HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }
}
