//! A real etcd by itself: for tests of programs that keep their objects in one. It has a plain door for the test, and for the
//! program that is tested the door that the test is about.

mod certificates;
mod gateway;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ChildStdin,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::gateway::Gateway;
use crate::{
    Process, Unavailable,
    control_plane::{available, command, free_ports, sweeper},
};

/// A slow machine under load needs some seconds.
const START: Duration = Duration::from_secs(60);

/// Puts in a transaction: an etcd takes 128.
const PUTS: usize = 100;

/// The user that may do everything.
const ROOT: &str = "root";

/// A running etcd. It ends with this value.
pub struct Etcd {
    _process: Process,
    folder: TempDir,
    /// Where the test puts and reads.
    gateway: Gateway,
    /// Where programs are let in.
    url: String,
    _sweeper: ChildStdin,
}

/// A value, and the revision at which it was changed last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The value.
    pub value: String,
    /// The revision.
    pub revision: i64,
}

// === impl Etcd ===

impl Etcd {
    /// One that lets everybody in.
    ///
    /// # Errors
    /// If its binary is not there. With `CI` set that panics.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start() -> Result<Self, Unavailable> {
        Self::run_or_say(false).await
    }

    /// One that lets in those with a certificate of its authority alone, and proves itself by one of the same.
    ///
    /// # Errors
    /// If its binary is not there. With `CI` set that panics.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start_with_tls() -> Result<Self, Unavailable> {
        Self::run_or_say(true).await
    }

    /// Where programs are let in.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A file of its folder: `ca.pem`, `client.pem` and `client.key`, where it asks for them, and `other-ca.pem`, of an
    /// authority that it knows nothing of.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Lets in nobody but this user from now on, who may read and write below a prefix, which ends in a slash.
    ///
    /// # Panics
    /// If it refuses.
    pub async fn enable_users(&mut self, name: &str, password: &str, prefix: &str) {
        let end = format!("{}0", prefix.trim_end_matches('/'));
        let permission = json!({"permType": "READWRITE", "key": STANDARD.encode(prefix), "range_end": STANDARD.encode(end)});
        let calls = [
            ("auth/user/add", json!({"name": ROOT, "password": ROOT})),
            ("auth/user/grant", json!({"user": ROOT, "role": ROOT})),
            ("auth/user/add", json!({"name": name, "password": password})),
            ("auth/role/add", json!({"name": "programs"})),
            ("auth/role/grant", json!({"name": "programs", "perm": permission})),
            ("auth/user/grant", json!({"user": name, "role": "programs"})),
            ("auth/enable", json!({})),
        ];
        for (path, question) in calls {
            self.gateway.ask(path, &question).await.unwrap_or_else(|error| panic!("{path}: {error:#}"));
        }
        self.gateway.enter(ROOT, ROOT).await.expect("the root is let in");
    }

    /// Changes what a user may do, by which all tokens become old.
    ///
    /// # Panics
    /// If it refuses.
    pub async fn change_password(&self, name: &str, password: &str) {
        let question = json!({"name": name, "password": password});
        self.gateway.ask("auth/user/changepw", &question).await.expect("it is changed");
    }

    /// Writes values, some at a time.
    ///
    /// # Panics
    /// If it refuses.
    pub async fn put_all<'a>(&self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let puts = pairs.into_iter().map(|(key, value)| {
            json!({"requestPut": {"key": STANDARD.encode(key), "value": STANDARD.encode(value)}})
        });
        let puts: Vec<Value> = puts.collect();
        for some in puts.chunks(PUTS) {
            self.gateway.ask("kv/txn", &json!({"success": some})).await.expect("they are written");
        }
    }

    /// Writes a value.
    ///
    /// # Panics
    /// If it refuses.
    pub async fn put(&self, key: &str, value: &str) {
        self.put_all([(key, value)]).await;
    }

    /// Writes a value if its key was changed last at this revision. Gives whether it was.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn put_if(&self, key: &str, revision: i64, value: &str) -> bool {
        let key = STANDARD.encode(key);
        let question = json!({
            "compare": [{"target": "MOD", "key": key, "modRevision": revision.to_string()}],
            "success": [{"requestPut": {"key": key, "value": STANDARD.encode(value)}}],
        });
        let answer = self.gateway.ask("kv/txn", &question).await.expect("it answers");
        answer["succeeded"] == json!(true)
    }

    /// Removes a value, if it is there.
    ///
    /// # Panics
    /// If it refuses.
    pub async fn delete(&self, key: &str) {
        let question = json!({"key": STANDARD.encode(key)});
        self.gateway.ask("kv/deleterange", &question).await.expect("it is gone");
    }

    /// Removes everything.
    ///
    /// # Panics
    /// If it refuses.
    pub async fn wipe(&self) {
        let all = STANDARD.encode([0]);
        self.gateway
            .ask("kv/deleterange", &json!({"key": all, "range_end": all}))
            .await
            .expect("it is empty");
    }

    /// A value.
    pub async fn get(&self, key: &str) -> Option<Pair> {
        self.below(key).await.remove(key)
    }

    /// All values of keys that begin with a text, by their keys.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn below(&self, prefix: &str) -> BTreeMap<String, Pair> {
        let question =
            json!({"key": STANDARD.encode(prefix), "range_end": STANDARD.encode(format!("{prefix}~"))});
        let answer = self.gateway.ask("kv/range", &question).await.expect("it answers");
        let pairs = answer["kvs"].as_array().into_iter().flatten();
        pairs.map(pair).collect()
    }

    /// How many calls it has answered that read or wrote keys, this test's among them.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn calls(&self) -> f64 {
        let text = self.gateway.read("/metrics").await.expect("it answers");
        let lines = text.lines().filter(|line| {
            line.starts_with("grpc_server_handled_total{")
                && line.contains("grpc_service=\"etcdserverpb.KV\"")
        });
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    async fn run_or_say(with_tls: bool) -> Result<Self, Unavailable> {
        if let Err(Unavailable(reason)) = available() {
            eprintln!("SKIPPED: {reason}");
            return Err(Unavailable(reason));
        }
        Ok(Self::run(with_tls).await.unwrap_or_else(|error| panic!("no etcd: {error:#}")))
    }

    async fn run(with_tls: bool) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("danm-etcd-").tempdir()?;
        let sweeper = sweeper(folder.path())?;
        let [plain, door, peer] = free_ports()?;
        let plain = format!("127.0.0.1:{plain}");
        let url =
            if with_tls { format!("https://127.0.0.1:{door}") } else { format!("http://127.0.0.1:{door}") };
        certificates::write(folder.path())?;
        let peer = format!("http://127.0.0.1:{peer}");
        let doors = format!("http://{plain},{url}");
        let mut etcd = command("etcd", folder.path())?;
        etcd.arg("--data-dir")
            .arg(folder.path().join("data"))
            .args(["--listen-client-urls", &doors, "--advertise-client-urls", &url])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}"), "--unsafe-no-fsync"]);
        if with_tls {
            etcd.arg("--client-cert-auth").args(tls_options(folder.path()));
        }
        let process = Process::spawn(etcd)?;
        let gateway = Gateway::new(plain);
        let deadline = Instant::now() + START;
        while gateway.ask("kv/range", &json!({"key": STANDARD.encode("a")})).await.is_err() {
            let log = std::fs::read_to_string(folder.path().join("etcd.log")).unwrap_or_default();
            ensure!(Instant::now() < deadline, "it is not ready after {START:?}\n{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { _process: process, folder, gateway, url, _sweeper: sweeper })
    }
}

fn tls_options(folder: &Path) -> [String; 3] {
    [("trusted-ca-file", "ca.pem"), ("cert-file", "server.pem"), ("key-file", "server.key")]
        .map(|(option, file)| format!("--{option}={}", folder.join(file).display()))
}

fn pair(pair: &Value) -> (String, Pair) {
    let text = |name: &str| {
        let bytes = STANDARD.decode(pair[name].as_str().unwrap_or_default()).expect("it is base64");
        String::from_utf8(bytes).expect("it is text")
    };
    let revision = pair["mod_revision"].as_str().and_then(|text| text.parse().ok()).expect("a revision");
    (text("key"), Pair { value: text("value"), revision })
}
