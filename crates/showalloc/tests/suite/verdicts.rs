//! What is called a problem, and what is not: cases in which a first look would be wrong.

use danm_api::NetworkKind;
use serde_json::{Value, json};
use testkit::{
    Cluster,
    objects::{self, with},
};

use crate::{
    check::rows,
    program::{ask, ask_all, json},
    town::{NEW, endpoint, in_group, network, pod},
};

fn internal(set: &[u32]) -> Value {
    network(NetworkKind::DanmNet, "internal", 0, set)
}

fn node() -> Value {
    objects::node("node-a", "True")
}

/// The state of an address of a network in `ran`, as each of these arguments shows it.
async fn states(cluster: &Cluster, address: &str, arguments: &[&str]) -> Vec<String> {
    let command = |arguments: &&str| format!("show {arguments} --cidr {address}/32 -o json");
    let commands: Vec<String> = arguments.iter().map(command).collect();
    let mut states = Vec::new();
    for run in ask_all(cluster, &commands).await {
        let shown = json(&run.clean());
        let maps = shown["items"].as_array().cloned().unwrap_or_else(|| vec![shown]);
        let state = |map: &Value| map["runs"][0]["state"].as_str().unwrap_or_default().to_owned();
        states.extend(maps.iter().map(state));
    }
    states
}

async fn problems(cluster: &Cluster, arguments: &str) -> Vec<String> {
    let report = json(&ask(cluster, &format!("check {arguments} -o json")).await.clean());
    let short = rows(&report).into_iter().map(|(class, network, addresses, _, pods)| {
        [class, network, addresses, pods]
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    });
    short.collect()
}

/// DANM clears the bit on the way to deleting the endpoint. With `-n` that was called a missing bit, with `-A` not.
#[tokio::test]
async fn a_pod_on_its_way_out_misses_no_bit_in_whichever_namespace_one_looks() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let leaving = with(pod("ran", "leaving"), "/metadata/finalizers", json!(["danm.io/test"]));
    cluster.create([node(), leaving.clone(), internal(&[])]).await;
    cluster.create([endpoint("leaving", ("ran", "leaving"), "internal", "10.0.0.7/24")]).await;
    let views = ["internal -n ran", "-n ran", "internal -A", "-A"];
    assert_eq!(states(&cluster, "10.0.0.7", &views).await, ["missing-bit"; 4]);

    cluster.delete(&leaving).await;

    assert_eq!(states(&cluster, "10.0.0.7", &views).await, ["free"; 4]);
    for scope in ["-n ran", "-A", "internal -n ran"] {
        assert_eq!(problems(&cluster, scope).await, [""; 0], "{scope}");
    }
}

/// The Cleaner does not count such an address among the orphans either.
#[tokio::test]
async fn an_address_that_an_unreadable_endpoint_names_is_not_called_leaked() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.install_without_schemas().await;
    let odd = endpoint("odd", ("ran", "web-0"), "internal", "10.0.0.7/24");
    cluster.create([node(), internal(&[7, 8]), with(odd, "/spec/apiType", "Service")]).await;

    assert_eq!(states(&cluster, "10.0.0.7", &["internal -n ran"]).await, ["allocated"]);
    let expected = ["leaked-bit danm.k8s.io/ran/internal 10.0.0.8", "unreadable-endpoint //"];
    assert_eq!(problems(&cluster, "-A").await, expected);
}

/// Each group has an array of its own.
#[tokio::test]
async fn a_bit_that_is_missing_in_one_group_is_not_missing_in_the_other() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.create([node(), pod("ran", "web-0"), internal(&[]), in_group(internal(&[]), NEW)]).await;
    cluster.create([endpoint("web-0", ("ran", "web-0"), "internal", "10.0.0.7/24")]).await;

    let expected = ["missing-bit danm.k8s.io/ran/internal 10.0.0.7 web-0"];
    assert_eq!(problems(&cluster, "-A").await, expected);
    assert_eq!(problems(&cluster, "-n ran").await, expected);
}

/// It was told of neither as a leak, for there is none, nor as a suspect, for it holds a bit that is set.
#[tokio::test]
async fn a_suspect_is_told_whose_address_somebody_holds_who_lives() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.create([node(), pod("ran", "web-0"), internal(&[7, 8])]).await;
    cluster
        .create([
            endpoint("web-0", ("ran", "web-0"), "internal", "10.0.0.7/24"),
            endpoint("rival", ("ran", "gone"), "internal", "10.0.0.7/24"),
            endpoint("leak", ("ran", "gone-too"), "internal", "10.0.0.8/24"),
        ])
        .await;

    assert_eq!(states(&cluster, "10.0.0.7", &["-A"]).await, ["allocated"]);
    let expected = [
        "leaked-bit danm.k8s.io/ran/internal 10.0.0.8 gone-too",
        "suspect-endpoint danm.k8s.io/ran/internal gone",
    ];
    assert_eq!(problems(&cluster, "-A").await, expected);
}

#[tokio::test]
async fn endpoints_of_one_pod_are_in_no_conflict_and_those_of_two_are() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.create([node(), pod("ran", "web-0"), pod("ran", "web-1"), internal(&[7, 8])]).await;
    cluster
        .create([
            endpoint("one", ("ran", "web-0"), "internal", "10.0.0.7/24"),
            endpoint("two", ("ran", "web-0"), "internal", "10.0.0.7/24"),
            endpoint("three", ("ran", "web-0"), "internal", "10.0.0.8/24"),
            endpoint("four", ("ran", "web-1"), "internal", "10.0.0.8/24"),
        ])
        .await;

    let expected = ["conflict danm.k8s.io/ran/internal 10.0.0.8 web-1 web-0"];
    assert_eq!(problems(&cluster, "-n ran").await, expected);
}

#[tokio::test]
async fn what_a_reservation_keeps_is_nobodys_leak_on_a_network_of_the_cluster_either() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let core = in_group(network(NetworkKind::ClusterNetwork, "core", 0, &[7, 8]), NEW);
    let reservation = json!({
        "apiVersion": "danm.io/v1",
        "kind": "ReservedIP",
        "metadata": {"name": "kept", "namespace": "tenant"},
        "spec": {"network": {"name": "core", "type": "ClusterNetwork"}, "ips": [{"address": "10.0.0.7"}]},
    });
    cluster.create([core, reservation]).await;

    for scope in ["-A", "-n ran", "core -n ran"] {
        assert_eq!(problems(&cluster, scope).await, ["leaked-bit danm.io//core 10.0.0.8"], "{scope}");
    }
}
