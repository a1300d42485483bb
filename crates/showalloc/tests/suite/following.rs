//! `-w`: what changes is shown again, for as long as somebody reads.

use std::time::Duration;

use danm_api::NetworkKind;
use serde_json::{Value, json};
use testkit::{Cluster, objects};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout},
    time::timeout,
};

use crate::{
    pipes::ends_quietly,
    program::{PATIENCE, asking, json},
    town::{endpoint, network, pod},
};

/// A program that goes on. It is killed when this is dropped.
pub struct Follower {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Follower {
    /// Starts one.
    pub fn start(cluster: &Cluster, arguments: &str) -> Self {
        let mut child = asking(cluster, arguments).spawn().expect("the program was built");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { child, lines }
    }

    /// Its next line.
    pub async fn line(&mut self) -> String {
        self.line_within(PATIENCE).await.expect("a line in time")
    }

    /// Its next line, if it says one so soon.
    pub async fn line_within(&mut self, duration: Duration) -> Option<String> {
        let line = timeout(duration, self.lines.next_line()).await.ok()?;
        Some(line.expect("text").expect("it goes on"))
    }

    /// So many of its next lines.
    pub async fn lines(&mut self, count: usize) -> Vec<String> {
        let mut lines = Vec::new();
        while lines.len() < count {
            lines.push(self.line().await);
        }
        lines
    }

    /// Its lines up to one.
    async fn until(&mut self, last: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(&format!("\n{last}\n")) {
            text += &(self.line().await + "\n");
        }
        text
    }

    /// Stops to read, and gives the process.
    fn unread(self) -> Child {
        self.child
    }
}

fn internal(set: &[u32]) -> Value {
    network(NetworkKind::DanmNet, "internal", 0, set)
}

/// Sets these bits and no other.
async fn set(cluster: &Cluster, bits: &[u32]) {
    cluster.patch(&internal(&[]), &json!({"spec": {"Options": {"alloc": objects::alloc(bits)}}})).await;
}

#[tokio::test]
async fn networks_that_change_are_shown_again_in_the_same_columns() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.create([objects::node("node-a", "True"), pod("ran", "web-0"), internal(&[7])]).await;
    cluster.create([network(NetworkKind::DanmNet, "other-network", 1, &[])]).await;
    let mut follower = Follower::start(&cluster, "networks -n ran -w --ascii");
    let before = follower.lines(3).await;
    assert!(before[0].starts_with("NETWORK         KIND "), "{before:#?}");

    set(&cluster, &[7, 8, 9]).await;
    let changed = follower.line().await;
    let column = |name: &str| before[0].find(name).expect("a column") + name.len();
    let number = |row: &str, name: &str| row[..column(name)].rsplit(' ').next().map(str::to_owned);
    let numbers =
        |row: &str| ["SIZE", "USED", "FREE", "LEAKED"].map(|name| number(row, name).unwrap_or_default());
    assert_eq!(numbers(&before[1]), ["256", "1", "253", "1"], "{before:#?}");
    assert!(changed.starts_with("internal        DanmNet "), "{changed}");
    assert_eq!(numbers(&changed), ["256", "3", "251", "3"], "{changed}");

    // A column that was not there: its name is told with those of all others.
    cluster.create([endpoint("web-0", ("ran", "web-0"), "internal", "10.0.0.20/24")]).await;
    let [header, row] = <[String; 2]>::try_from(follower.lines(2).await).expect("two");
    assert!(header.starts_with("NETWORK ") && header.contains(" MISSING "), "{header}");
    assert_eq!(row[..header.find("MISSING").expect("a column") + 7].rsplit(' ').next(), Some("1"), "{row}");

    cluster.create([network(NetworkKind::DanmNet, "new", 2, &[])]).await;
    let new = follower.line().await;
    assert!(new.starts_with("new             DanmNet "), "{new}");
}

#[tokio::test]
async fn where_there_is_no_network_yet_the_first_comes_with_the_names_of_the_columns() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let mut follower = Follower::start(&cluster, "networks -n ran -w");
    assert_eq!(follower.line().await, "no networks in namespace ran");
    cluster.create([internal(&[])]).await;
    let lines = follower.lines(2).await;
    assert!(lines[0].starts_with("NETWORK ") && lines[1].starts_with("internal "), "{lines:#?}");
}

#[tokio::test]
async fn runs_that_change_are_shown_again_under_their_network() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.create([objects::node("node-a", "True"), pod("ran", "web-0"), internal(&[])]).await;
    let mut follower = Follower::start(&cluster, "show internal -n ran -w --ascii");
    let before = follower.lines(6).await;
    assert_eq!(before[5].trim_end(), "10.0.0.255              broadcast", "{before:#?}");

    set(&cluster, &[1]).await;
    let changed = follower.lines(5).await;
    assert_eq!(changed[..2], ["", "DanmNet ran/internal   10.0.0.0/24   pool 10.0.0.1 - 10.0.0.254"]);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(&changed[3]), "10.0.0.1 leaked no endpoint claims it");
    assert_eq!(words(&changed[4]), "10.0.0.2 - 10.0.0.254 free (253)");

    cluster.create([endpoint("web-0", ("ran", "web-0"), "internal", "10.0.0.1/24")]).await;
    let held = follower.lines(4).await;
    assert!(words(&held[3]).starts_with("10.0.0.1 allocated ran/web-0 eth1 node-a "), "{held:#?}");

    cluster.delete(&pod("ran", "web-0")).await;
    let suspect = follower.lines(4).await;
    assert!(words(&suspect[3]).starts_with("10.0.0.1 leaked ran/web-0 "), "{suspect:#?}");
    assert!(suspect[3].contains("suspect: pod-gone; no Pod ran/web-0 with uid "), "{suspect:#?}");
}

#[tokio::test]
async fn documents_follow_each_other_as_their_format_has_it() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.create([internal(&[]), network(NetworkKind::DanmNet, "other", 1, &[])]).await;
    let mut as_json = Follower::start(&cluster, "networks -n ran -w -o json");
    let mut map_as_json = Follower::start(&cluster, "show internal -n ran -w -o json");
    let mut as_yaml = Follower::start(&cluster, "networks -n ran -w -o yaml");
    let mut map_as_yaml = Follower::start(&cluster, "show internal -n ran -w -o yaml");
    let mut names = Follower::start(&cluster, "networks -n ran -w -o name");
    let mut names_of_maps = Follower::start(&cluster, "show -n ran -w -o name");
    let count = |text: &str| json(text)["items"].as_array().map(Vec::len);
    assert_eq!(count(&as_json.until("}").await), Some(2));
    assert_eq!(json(&map_as_json.until("}").await)["counts"]["leaked"], 0);
    assert!(as_yaml.until("    missing-bit: 0").await.starts_with("apiVersion: "));
    as_yaml.until("    missing-bit: 0").await;
    map_as_yaml.until("- start: \"10.0.0.255\"").await;
    map_as_yaml.lines(4).await;
    assert_eq!(names.lines(2).await, ["danmnet.danm.k8s.io/internal", "danmnet.danm.k8s.io/other"]);
    assert_eq!(names_of_maps.lines(2).await, ["danmnet.danm.k8s.io/internal", "danmnet.danm.k8s.io/other"]);

    set(&cluster, &[7]).await;
    let changed = as_json.until("}").await;
    assert_eq!((count(&changed), &json(&changed)["items"][0]["leaked"]), (Some(1), &json!(1)));
    assert_eq!(json(&map_as_json.until("}").await)["counts"]["leaked"], 1, "the whole map");
    assert_eq!(as_yaml.lines(2).await, ["---", "apiVersion: showalloc.danm.io/v1"]);
    assert_eq!(map_as_yaml.lines(2).await, ["---", "apiVersion: showalloc.danm.io/v1"]);
    assert_eq!(names.line().await, "danmnet.danm.k8s.io/internal");
    assert_eq!(names_of_maps.line().await, "danmnet.danm.k8s.io/internal");
}

#[tokio::test]
async fn a_change_that_nobody_reads_is_the_end_and_a_quiet_one() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.create([internal(&[])]).await;
    let mut followers = ["networks -n ran -w", "show -n ran -w", "show internal -n ran -w -o json"]
        .map(|arguments| (arguments, Follower::start(&cluster, arguments)));
    for (_, follower) in &mut followers {
        follower.lines(2).await;
    }
    let children = followers.map(|(arguments, follower)| (arguments, follower.unread()));

    set(&cluster, &[7]).await;

    for (arguments, child) in children {
        ends_quietly(child, arguments).await;
    }
}
