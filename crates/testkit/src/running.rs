//! A program that runs until it is told to stop, what it logs, and what its admin page shows. Which program, and with which
//! arguments, is the test's to say.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, ChildStderr, Command},
    sync::watch,
    time::timeout,
};

use crate::{PATIENCE, eventually};

/// What a program logs before the address of its admin page.
const ADMIN: &str = "admin server listens on http://";

/// A program. It is killed when this is dropped.
pub struct Running {
    child: Child,
    log: Arc<Mutex<String>>,
    address: String,
}

impl Running {
    /// Starts a command whose standard error is piped and who is killed on drop, and waits until it serves its admin page.
    ///
    /// # Panics
    /// If it does not.
    pub async fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("the program was built");
        let log = Arc::new(Mutex::new(String::new()));
        let (found, mut address) = watch::channel(None);
        tokio::spawn(copy(child.stderr.take().expect("it is piped"), Arc::clone(&log), found));
        let address = timeout(PATIENCE, address.wait_for(Option::is_some)).await;
        let address = address.ok().and_then(|found| found.ok()?.clone());
        let address = address.unwrap_or_else(|| panic!("no admin page: {}", text_of(&log)));
        Self { child, log, address }
    }

    /// The number of its process.
    ///
    /// # Panics
    /// If it does not run.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        text_of(&self.log)
    }

    /// Asks its admin page: the status code and the body.
    ///
    /// # Panics
    /// If it does not answer.
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
    ///
    /// # Panics
    /// If it does not say.
    pub async fn state(&self) -> Value {
        serde_json::from_str(&self.ask("/debug/state.json").await.1).expect("JSON")
    }

    /// The value of a metric, labels and all.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let (_, text) = self.ask("/metrics").await;
        let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        lines.find(|(metric, _)| *metric == name)?.1.parse().ok()
    }

    /// Waits until it is ready.
    pub async fn ready(&self) {
        eventually("it is ready", async || self.ask("/ready").await.0 == 200).await;
    }

    /// Kills it, without a word and without waiting for anything: as a Node that loses power.
    ///
    /// # Panics
    /// If it does not run.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it runs");
    }

    /// Tells it to stop with a signal such as `TERM`, and waits for that: how long it took, and whether it called that success.
    ///
    /// # Panics
    /// If it goes on.
    pub async fn stop(mut self, signal: &str) -> (Duration, bool) {
        let begun = Instant::now();
        let pid = self.child.id().expect("it runs").to_string();
        let kill = Command::new("kill").args([&format!("-{signal}"), &pid]).status().await;
        assert!(kill.expect("there is a kill").success());
        let status = timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("it ran");
        (begun.elapsed(), status.success())
    }
}

/// Copies a log, and tells the address of the admin page when it comes by.
async fn copy(stderr: ChildStderr, log: Arc<Mutex<String>>, found: watch::Sender<Option<String>>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some((_, address)) = line.split_once(ADMIN) {
            found.send_replace(Some(address.trim().to_owned()));
        }
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_str(&line);
        log.push('\n');
    }
}

fn text_of(log: &Mutex<String>) -> String {
    log.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
