//! The commands about Calico's addresses where those are in an etcd: the program is told as calicoctl is.

use serde_json::{Value, json};
use testkit::{Cluster, Etcd, objects};

use crate::{
    access::fails_with,
    calico_books::{attribute, block, container, handle, pod_with, run_with},
    program::Run,
};

const BLOCKS: &str = "/calico/ipam/v2/assignment/ipv4/block/";
const HANDLES: &str = "/calico/ipam/v2/handle/";
const POOL: &str = "/calico/resources/v3/projectcalico.org/ippools/pool4";

async fn run(cluster: &Cluster, etcd: &Etcd, arguments: &[&str]) -> Run {
    run_with(cluster.kubeconfig(), arguments, &[("ETCD_ENDPOINTS", etcd.url())]).await
}

/// An etcd in which Pods have the first addresses of a block, each by its handle.
async fn filled(pods: &[(&str, u8)]) -> Option<Etcd> {
    let etcd = Etcd::start().await.ok()?;
    let pool = json!({"metadata": {"name": "pool4"}, "spec": {"cidr": "10.77.0.0/24", "blockSize": 29}});
    etcd.put(POOL, &pool.to_string()).await;
    let held: Vec<(usize, Value)> = pods
        .iter()
        .enumerate()
        .map(|(place, (pod, number))| (place, attribute(pod, &handle(*number))))
        .collect();
    etcd.put(&format!("{BLOCKS}10.77.0.0-29"), &block("10.77.0.0/29", &held)["spec"].to_string()).await;
    for (_, number) in pods {
        let counts = json!({"block": {"10.77.0.0/29": 1}, "deleted": false});
        etcd.put(&format!("{HANDLES}{}", handle(*number)), &counts.to_string()).await;
    }
    Some(etcd)
}

#[tokio::test]
async fn a_leak_is_found_and_goes_back() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let Some(etcd) = filled(&[("du-0", 1), ("gone", 2)]).await else { return };
    cluster.create([pod_with("du-0", "10.77.0.0")]).await;

    let found = run(&cluster, &etcd, &["check", "-o", "json", "--exit-code"]).await;
    found.ends_with(1);
    let check: Value = serde_json::from_str(&found.out).expect("JSON");
    assert_eq!(check["datastore"], json!({"type": "etcd", "locked": false}));
    assert_eq!(check["findings"].as_array().map(Vec::len), Some(1), "{check}");
    assert_eq!(check["findings"][0]["kind"], "leaked");
    assert_eq!(check["findings"][0]["address"], "10.77.0.1");

    let dry = ["release", "10.77.0.1", "--cid", &container(2), "--dry-run"];
    run(&cluster, &etcd, &dry).await.ends_with(0);
    assert!(etcd.get(&format!("{HANDLES}{}", handle(2))).await.is_some(), "nothing is written");
    run(&cluster, &etcd, &dry[..4]).await.ends_with(0);
    assert!(etcd.get(&format!("{HANDLES}{}", handle(2))).await.is_none());
    let refused = run(&cluster, &etcd, &["release", "10.77.0.0", "--handle", &handle(1)]).await;
    fails_with(&refused, &["Pod ran/du-0 uses it"]);
    run(&cluster, &etcd, &["check", "--exit-code"]).await.ends_with(0);
}

#[tokio::test]
async fn a_block_that_cannot_be_read_is_named_by_its_key_and_hides_no_address() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let Some(etcd) = filled(&[]).await else { return };
    let key = format!("{BLOCKS}10.77.0.8-29");
    let mut broken = block("10.77.0.8/29", &[])["spec"].clone();
    broken["allocations"] = json!([null]);
    etcd.put(&key, &broken.to_string()).await;
    cluster.create([pod_with("du-0", "10.77.0.9")]).await;

    let run = run(&cluster, &etcd, &["check", "-o", "json"]).await;

    run.ends_with(0);
    let check: Value = serde_json::from_str(&run.out).expect("JSON");
    let findings = check["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), 1, "{check}");
    assert_eq!(findings[0]["kind"], "invalid-block");
    assert!(findings[0]["detail"].as_str().expect("a text").starts_with(&key), "{check}");
}

/// It would call free what this cluster's Pods hold.
#[tokio::test]
async fn an_etcd_of_another_cluster_is_not_believed() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let Some(etcd) = filled(&[("elsewhere", 1)]).await else { return };
    let nodes = "/calico/resources/v3/projectcalico.org/nodes";
    let node = |name: &str| {
        let references = json!([{"nodeName": name, "orchestrator": "k8s"}]);
        json!({"metadata": {"name": "host-1"}, "spec": {"orchRefs": references}}).to_string()
    };
    etcd.put(&format!("{nodes}/host-1"), &node("node-of-another")).await;
    cluster.create([objects::node("node-a", "True")]).await;

    fails_with(&run(&cluster, &etcd, &["check"]).await, &["knows 0 of this cluster's 1 Nodes"]);

    etcd.put(&format!("{nodes}/host-1"), &node("node-a")).await;
    run(&cluster, &etcd, &["check"]).await.ends_with(0);
}
