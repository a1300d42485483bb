//! How a pass goes about its work: what it asks, in which order, how often, and what it waits for.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use danm_api::{ApiGroup, DanmKind, NetworkKind};
use serde_json::{Value, json};
use testkit::{Cluster, Gate, objects};
use tokio::{io::AsyncReadExt, task::JoinHandle};

use crate::{
    network::{GROUP, network},
    program::{clean, program, run},
    shapes,
};

fn dead(number: usize) -> Value {
    let name = format!("dead-{number}");
    let address = format!("10.0.0.{}/24", number % 256);
    objects::with(objects::endpoint(GROUP, "ran", &name, "gone", "n"), "/spec/Interface/Address", address)
}

/// Scenario 6.
#[tokio::test]
async fn no_read_is_served_from_a_cache() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    shapes::fill(&mut cluster).await;
    let gate = Gate::open(cluster.client(), usize::MAX).await.expect("a port");

    clean(&gate.kubeconfig(), &["--override-brake", "--ownership-window", "1s"]).await.ends_with(0);

    let requests = gate.requests();
    let lists = requests.iter().filter(|request| request.contains("/danmeps?")).count();
    assert!(lists >= 4, "two groups are listed, and listed again after the window: {requests:#?}");
    // Where Calico's pools are stale, its blocks are looked through instead.
    let mut judged = requests.iter().filter(|request| !request.contains("/ippools?"));
    let cached = judged.find(|request| request.contains("resourceVersion="));
    assert_eq!(cached, None, "an uncached read names no version");
}

#[tokio::test]
async fn each_network_is_written_once_and_before_its_endpoints_are_deleted() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    shapes::fill(&mut cluster).await;
    // Of those that are left the Pods have to be asked for, all at once; these would be ripe a little earlier.
    for name in ["job-done", "lost-node", "no-uid-dead"] {
        cluster.delete(&objects::endpoint(ApiGroup::DanmK8sIo, "ran", name, name, "n")).await;
    }
    let gate = Gate::open(cluster.client(), usize::MAX).await.expect("a port");

    clean(&gate.kubeconfig(), &["--override-brake"]).await.ends_with(0);

    let requests = gate.requests();
    let mut writes: Vec<&String> = requests.iter().filter(|request| request.starts_with("PATCH")).collect();
    let total = writes.len();
    writes.dedup();
    writes.sort();
    assert_eq!((writes.len(), total), (shapes::BITS.len(), shapes::BITS.len()), "{writes:#?}");
    let position = |start: &str, end: &str| {
        let is_it = |request: &String| {
            request.starts_with(start) && request.split('?').next().unwrap_or("").ends_with(end)
        };
        requests.iter().position(is_it).unwrap_or_else(|| panic!("no {start} {end} in {requests:#?}"))
    };
    assert!(position("PATCH", "/danmnets/n") < position("DELETE", "/danmeps/dead"));
    assert!(position("PATCH", "/danmnets/dual") < position("DELETE", "/danmeps/dual-stack"));
}

#[tokio::test]
async fn nothing_is_written_but_what_was_judged() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let endpoint = dead(7);
    cluster.create([objects::node("node-a", "True"), network(&[7]), endpoint.clone()]).await;
    let metadata = cluster.get(&endpoint).await.expect("it was made")["metadata"].clone();
    let version =
        cluster.get(&network(&[])).await.expect("it was made")["metadata"]["resourceVersion"].clone();
    let gate = Gate::open(cluster.client(), usize::MAX).await.expect("a port");

    clean(&gate.kubeconfig(), &[]).await.ends_with(0);

    let requests = gate.requests();
    let body = |method: &str| -> Value {
        let mut writes = requests.iter().filter(|request| request.starts_with(method));
        let write = writes.next().unwrap_or_else(|| panic!("no {method} in {requests:#?}"));
        assert_eq!(writes.next(), None);
        serde_json::from_str(&write[write.find('{').expect("a body")..]).expect("JSON")
    };
    assert_eq!(
        body("PATCH"),
        json!({
            "metadata": {"resourceVersion": version, "annotations": {"danm.io/cleaner-released": metadata["uid"]}},
            "spec": {"Options": {"alloc": objects::alloc(&[])}},
        })
    );
    let preconditions = json!({"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]});
    assert_eq!(body("DELETE")["preconditions"], preconditions);
}

/// Scenario 26: DANM writes the same network 200 times a second. Each attempt was once a version behind, for ever:
/// events waited unread while the answer to a write was waited for.
#[tokio::test]
async fn a_network_that_others_write_all_the_time_is_cleaned_all_the_same() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    shapes::fill(&mut cluster).await;
    let busy = objects::network(GROUP, NetworkKind::DanmNet, "ran", "n");
    let writer = write_for_ever(&cluster, &busy);

    let run = clean(&cluster.kubeconfig(), &["--override-brake"]).await;

    assert!(!writer.is_finished(), "it wrote to the end");
    writer.abort();
    run.ends_with(0);
    assert_eq!(run.lines().join("\n"), shapes::REPORT);
    assert_eq!(shapes::bits_of(&cluster).await, shapes::bits_without_the_dead());
}

fn write_for_ever(cluster: &Cluster, network: &Value) -> JoinHandle<()> {
    let client = cluster.client();
    let path = format!("{}/n", testkit::collection_of(network));
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    tokio::spawn(async move {
        for number in 0_u64.. {
            pace.tick().await;
            let patch = json!({"metadata": {"annotations": {"number": number.to_string()}}}).to_string();
            let request = http::Request::patch(&path).header("Content-Type", "application/merge-patch+json");
            let request = request.body(patch.into_bytes()).expect("a request");
            client.request::<Value>(request).await.expect("it may write");
        }
    })
}

#[tokio::test]
async fn an_address_is_watched_for_the_window_before_it_is_freed() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.create([objects::node("node-a", "True"), network(&[7]), dead(7)]).await;
    let kubeconfig = cluster.kubeconfig();
    let started = Instant::now();

    let run = clean(&kubeconfig, &["--ownership-window", "3s"]).await;

    run.ends_with(0);
    assert_eq!(run.lines(), ["dead-7 dangling pod-gone released 10.0.0.7=danm:free"]);
    assert!(started.elapsed() >= Duration::from_secs(3));
}

/// Scenario 8, with the limits that an operator can set.
#[tokio::test]
async fn the_brake_holds_what_the_absence_of_pods_alone_proves() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let lost = objects::with(dead(4), "/spec/Host", "node-z");
    cluster.create([objects::node("node-a", "True"), network(&[1, 2, 3, 4])]).await;
    cluster.create([dead(1), dead(2), dead(3), lost]).await;
    let kubeconfig = cluster.kubeconfig();

    let run = clean(&kubeconfig, &["--max-release", "2", "--max-release-min", "1"]).await;
    run.ends_with(0);
    assert_eq!(
        run.lines(),
        [
            "dead-1 dangling brake held 10.0.0.1=danm:keep",
            "dead-2 dangling brake held 10.0.0.2=danm:keep",
            "dead-3 dangling brake held 10.0.0.3=danm:keep",
            "dead-4 dangling node-gone released 10.0.0.4=danm:free",
        ]
    );
    assert!(run.log.contains("--override-brake"), "{}", run.log);

    let run = clean(&kubeconfig, &["--max-release", "2", "--max-release-min", "1", "--override-brake"]).await;
    run.ends_with(0);
    assert!(run.rows().iter().all(|row| row["action"] == "released"), "{:#?}", run.lines());
    assert_eq!(cluster.names(DanmKind::DanmEp).await, Vec::<String>::new());
}

#[tokio::test]
async fn thousands_of_dead_endpoints_of_one_network_take_a_write_per_thousand() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let all: Vec<u32> = (1..255).collect();
    cluster.create([objects::node("node-a", "True"), network(&all)]).await;
    cluster.create_at_once((1000..2300).map(dead)).await;
    let gate = Gate::open(cluster.client(), usize::MAX).await.expect("a port");

    let run = clean(&gate.kubeconfig(), &["--override-brake"]).await;

    run.ends_with(0);
    let requests = gate.requests();
    let count = |method: &str| requests.iter().filter(|request| request.starts_with(method)).count();
    assert!((1..=2).contains(&count("PATCH")), "{} writes", count("PATCH"));
    assert_eq!(count("DELETE"), 1300);
    assert_eq!(cluster.names(DanmKind::DanmEp).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_report_in_a_file_leaves_a_summary_on_standard_output() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.create([objects::node("node-a", "True"), network(&[7]), dead(7)]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.json");
    let kubeconfig = cluster.kubeconfig();
    let common = ["--once", "--grace", "50ms", "--ownership-window", "0s", "--kubeconfig"];

    let arguments = [kubeconfig.to_str().expect("text"), "--report", path.to_str().expect("text")];
    let run = run(&[&common[..], &arguments[..]].concat()).await;

    run.ends_with(0);
    assert!(run.out.contains("released       dangling  pod-gone"), "{}", run.out);
    let rows: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("a report")).expect("JSON");
    assert_eq!(rows[0]["name"], "dead-7");
    let files = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(files, 1, "nothing else is left behind");
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_failure() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    shapes::fill(&mut cluster).await;
    let kubeconfig = cluster.kubeconfig();
    let common = ["--once", "--grace", "50ms", "--ownership-window", "0s", "--report", "-", "--kubeconfig"];
    let mut command = program(&[&common[..], &[kubeconfig.to_str().expect("text")]].concat());
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it was built");
    drop(child.stdout.take());

    let mut log = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut log).await.expect("text");
    let status = child.wait().await.expect("it ran");

    assert!(status.success(), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    assert_eq!(cluster.names(DanmKind::DanmEp).await, shapes::survivors());
}
