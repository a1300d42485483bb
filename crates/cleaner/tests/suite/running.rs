//! A `danm-cleaner` that runs as a controller, and what it shows of itself.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::Child,
    sync::watch,
};

pub use testkit::{PATIENCE, eventually, within};

use crate::program::program;

/// A controller. It is killed when this is dropped.
pub struct Running {
    child: Child,
    log: Arc<Mutex<String>>,
    address: String,
}

impl Running {
    /// Starts one with a short grace and no window, and waits until it serves its admin page.
    pub async fn start(kubeconfig: &Path, arguments: &[&str]) -> Self {
        let kubeconfig = kubeconfig.to_str().expect("text");
        let common = ["--grace", "100ms", "--ownership-window", "0s", "--admin-listen", "127.0.0.1:0"];
        let arguments = [&common[..], &["--kubeconfig", kubeconfig], arguments].concat();
        let mut child = program(&arguments).spawn().expect("the program was built");
        let log = Arc::new(Mutex::new(String::new()));
        let (found, mut address) = watch::channel(None);
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let copy = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some((_, address)) = line.split_once("admin server listens on http://") {
                    found.send_replace(Some(address.trim().to_owned()));
                }
                let mut log = copy.lock().expect("nobody panics with it");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let address = tokio::time::timeout(PATIENCE, address.wait_for(Option::is_some)).await;
        let address = address.ok().and_then(|found| found.ok()?.clone());
        let address = address.unwrap_or_else(|| panic!("no admin page: {}", log.lock().expect("a log")));
        Self { child, log, address }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("nobody panics with it").clone()
    }

    /// Asks its admin page: the status code and the body.
    pub async fn ask(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).await.expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answered");
        let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
        (code, body)
    }

    /// What it knows.
    pub async fn state(&self) -> Value {
        serde_json::from_str(&self.ask("/debug/state.json").await.1).expect("JSON")
    }

    /// The value of a metric, labels and all.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let (_, text) = self.ask("/metrics").await;
        let line =
            text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(metric, _)| metric == name))?;
        line.rsplit_once(' ').and_then(|(_, value)| value.parse().ok())
    }

    /// Waits until it is ready.
    pub async fn ready(&self) {
        eventually("it is ready", async || self.ask("/ready").await.0 == 200).await;
    }

    /// Waits until it has looked at everything and nothing is left to do.
    pub async fn idle(&self) {
        self.ready().await;
        eventually("it has looked", async || self.metric("danm_cleaner_audits_total").await >= Some(1.0))
            .await;
    }

    /// Kills it, without a word and without waiting for anything: as a Node that loses power.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it runs");
    }

    /// Tells it to stop, and waits for that: how long it took, and whether it called that success.
    pub async fn stop(mut self) -> (Duration, bool) {
        let begun = Instant::now();
        let pid = self.child.id().expect("it runs").to_string();
        let kill = tokio::process::Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(kill.expect("there is a kill").success());
        let status =
            tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("it ran");
        (begun.elapsed(), status.success())
    }
}
