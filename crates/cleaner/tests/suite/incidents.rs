//! What happens to clusters in their worst hours, one incident a test: the controller acts, and the state of the
//! cluster is what counts. Rows that are shapes rather than incidents are in `shapes.rs`.

use danm_api::{ApiGroup, DanmKind, NetworkKind};
use serde_json::{Value, json};
use testkit::{AllocBits, BitIndex, Cluster, objects};

use crate::{
    program::clean,
    running::{Running, eventually},
};

const GROUP: ApiGroup = ApiGroup::DanmK8sIo;

fn named(name: &str, set: &[u32]) -> Value {
    objects::with_bits(objects::network(GROUP, NetworkKind::DanmNet, "ran", name), set)
}

fn network(set: &[u32]) -> Value {
    named("n", set)
}

fn endpoint(name: &str, pod: &str, address: &str) -> Value {
    let endpoint = objects::endpoint(GROUP, "ran", name, pod, "n");
    objects::with(endpoint, "/spec/Interface/Address", format!("{address}/24"))
}

fn pod(name: &str) -> Value {
    objects::pod("ran", name, "node-a")
}

async fn bits(cluster: &Cluster) -> Vec<u32> {
    let network = cluster.get(&network(&[])).await.expect("it is there");
    objects::set_bits(network["spec"]["Options"]["alloc"].as_str().expect("an array"))
}

async fn set(cluster: &Cluster, bits: &[u32]) {
    cluster.patch(&network(&[]), &json!({"spec": {"Options": {"alloc": objects::alloc(bits)}}})).await;
}

async fn ready(cluster: &mut Cluster, node: &str) {
    cluster.create([objects::node("node-a", node), network(&[5, 6])]).await;
}

/// A controller that needs no Lease: whoever held one before is no matter here.
async fn start(cluster: &Cluster, arguments: &[&str]) -> Running {
    let arguments = [&["--leader-elect", "false"], arguments].concat();
    let cleaner = Running::start(&cluster.kubeconfig(), &arguments).await;
    cleaner.idle().await;
    cleaner
}

/// Scenario 10.
#[tokio::test]
async fn pods_on_a_node_that_does_not_answer_keep_their_addresses() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    ready(&mut cluster, "True").await;
    cluster.create([pod("p5"), endpoint("ep5", "p5", "10.0.0.5")]).await;
    cluster.create([objects::node("node-b", "True")]).await;
    let _cleaner = start(&cluster, &[]).await;
    set_ready(&cluster, "node-a", "Unknown").await;

    let canary_host = objects::with(endpoint("canary", "gone", ""), "/spec/Host", "node-b");
    cluster.create([objects::with(canary_host, "/spec/Interface/Address", "none")]).await;
    eventually("others go", async || cluster.names(DanmKind::DanmEp).await == ["ep5"]).await;
    assert_eq!(bits(&cluster).await, [5, 6]);
}

async fn set_ready(cluster: &Cluster, node: &str, ready: &str) {
    let status = json!({"status": objects::node(node, ready)["status"]});
    let path = format!("/api/v1/nodes/{node}/status");
    cluster.send(http::Method::PATCH, &path, Some(&status)).await.expect("it is taken");
}

/// Scenario 12.
#[tokio::test]
async fn a_pod_that_was_force_deleted_on_a_lost_node_keeps_its_address_until_the_node_is_back() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    ready(&mut cluster, "Unknown").await;
    cluster.create([objects::node("node-b", "True"), pod("p5"), endpoint("ep5", "p5", "10.0.0.5")]).await;
    let cleaner = start(&cluster, &[]).await;
    cluster.delete(&pod("p5")).await;
    let held = "danm_cleaner_doubtful_endpoints{verdict=\"unknown\",reason=\"node-not-ready\"}";
    eventually("it is held", async || cleaner.metric(held).await == Some(1.0)).await;
    assert_eq!(bits(&cluster).await, [5, 6]);

    set_ready(&cluster, "node-a", "True").await;
    eventually("it is free", async || bits(&cluster).await == [6]).await;
}

/// Scenario 12: an operator says that the machine is shut down.
#[tokio::test]
async fn the_addresses_of_a_node_that_is_out_of_service_go_at_once() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    ready(&mut cluster, "Unknown").await;
    cluster.create([endpoint("ep5", "gone", "10.0.0.5")]).await;
    let cleaner = start(&cluster, &["--max-release", "0", "--max-release-min", "0"]).await;
    let held = "danm_cleaner_doubtful_endpoints{verdict=\"unknown\",reason=\"node-not-ready\"}";
    eventually("it is held", async || cleaner.metric(held).await == Some(1.0)).await;

    let taint =
        json!([{"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}]);
    cluster.patch(&objects::node("node-a", "Unknown"), &json!({"spec": {"taints": taint}})).await;
    eventually("it is free, whatever the brake", async || bits(&cluster).await == [6]).await;
}

/// Scenario 21: the address is another's already, whose endpoint is not there yet.
#[tokio::test]
async fn an_address_that_was_given_to_another_meanwhile_stays_the_others() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    ready(&mut cluster, "True").await;
    cluster.create([pod("p5"), endpoint("ep5", "p5", "10.0.0.5")]).await;
    let _cleaner = start(&cluster, &[]).await;
    set(&cluster, &[6]).await;
    set(&cluster, &[5, 6]).await;
    cluster.delete(&pod("p5")).await;

    eventually("the endpoint is gone", async || cluster.names(DanmKind::DanmEp).await.is_empty()).await;
    assert_eq!(bits(&cluster).await, [5, 6]);
}

/// Scenario 23.
#[tokio::test]
async fn an_address_that_a_dying_cni_freed_and_gave_to_another_stays_with_the_other() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    ready(&mut cluster, "True").await;
    cluster.create([pod("p5"), endpoint("ep5", "p5", "10.0.0.5"), pod("q5")]).await;
    let _cleaner = start(&cluster, &[]).await;
    set(&cluster, &[6]).await;
    set(&cluster, &[5, 6]).await;
    cluster.create([endpoint("other", "q5", "10.0.0.5")]).await;
    cluster.delete(&pod("p5")).await;

    eventually("the old is gone", async || cluster.names(DanmKind::DanmEp).await == ["other"]).await;
    assert_eq!(bits(&cluster).await, [5, 6]);
}

/// Scenario 24.
#[tokio::test]
async fn an_endpoint_whose_release_is_recorded_is_only_deleted() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.create([objects::node("node-a", "True"), endpoint("ep5", "gone", "10.0.0.5")]).await;
    let uid = cluster.uid_of(&objects::uid("danm.k8s.io/DanmEp/ran/ep5")).expect("it was created").to_owned();
    // It was freed, and the address is another's by now.
    cluster
        .create([objects::with(network(&[5]), "/metadata/annotations/danm.io~1cleaner-released", uid)])
        .await;

    clean(&cluster.kubeconfig(), &[]).await.ends_with(0);

    assert_eq!(cluster.names(DanmKind::DanmEp).await, Vec::<String>::new());
    assert_eq!(bits(&cluster).await, [5]);
}

/// Scenario 30.
#[tokio::test]
async fn endpoints_of_a_network_that_is_deleted_go_with_it() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    ready(&mut cluster, "True").await;
    cluster.create([pod("p6"), endpoint("ep5", "gone", "10.0.0.5"), endpoint("ep6", "p6", "10.0.0.6")]).await;
    cluster.delete(&network(&[])).await;
    let _cleaner = start(&cluster, &[]).await;
    eventually("the dead one is gone", async || cluster.names(DanmKind::DanmEp).await == ["ep6"]).await;
}

/// Scenarios 31 and 32: another network under the same name, and another subnet.
#[tokio::test]
async fn in_a_network_that_was_made_anew_no_bit_is_touched() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.create([objects::node("node-a", "True"), network(&[5])]).await;
    cluster.create([endpoint("ep5", "gone", "10.0.0.5")]).await;
    // Creation times are in whole seconds: it is made anew until it is the younger one.
    let created = async |object: &Value| {
        let object = cluster.get(object).await.expect("it is there");
        object["metadata"]["creationTimestamp"].as_str().expect("a time").to_owned()
    };
    let endpoint_created = created(&endpoint("ep5", "gone", "10.0.0.5")).await;
    while created(&network(&[])).await <= endpoint_created {
        cluster.delete(&network(&[])).await;
        cluster.create_at_once([network(&[5, 6])]).await;
    }
    cluster.create([endpoint("outside", "gone", "192.168.1.5")]).await;

    clean(&cluster.kubeconfig(), &["--override-brake"]).await.ends_with(0);

    assert_eq!(cluster.names(DanmKind::DanmEp).await, Vec::<String>::new());
    assert_eq!(bits(&cluster).await, [5, 6]);
}

/// Scenario 38.
#[tokio::test]
async fn the_smallest_and_the_largest_networks_are_freed_by_the_bit() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.create([objects::node("node-a", "True")]).await;
    let sizes = [(30, 2u32), (31, 1), (32, 0), (9, 1_000_000)];
    for (prefix, bit) in sizes {
        let size = 1u32 << (32 - prefix);
        let mut alloc = AllocBits::clear(size);
        [0, size - 1, bit].into_iter().for_each(|bit| alloc.set(BitIndex(bit)));
        let name = format!("net-{prefix}");
        let network = objects::network(GROUP, NetworkKind::DanmNet, "ran", &name);
        let network = objects::with(network, "/spec/Options/cidr", format!("10.0.0.0/{prefix}"));
        cluster.create([objects::with(network, "/spec/Options/alloc", alloc.encode())]).await;
        let [_, b, c, d] = bit.to_be_bytes();
        let endpoint = endpoint(&format!("ep-{prefix}"), "gone", "");
        let endpoint = objects::with(endpoint, "/spec/NetworkName", name);
        cluster
            .create([objects::with(endpoint, "/spec/Interface/Address", format!("10.{b}.{c}.{d}/{prefix}"))])
            .await;
    }

    clean(&cluster.kubeconfig(), &["--override-brake"]).await.ends_with(0);

    assert_eq!(cluster.names(DanmKind::DanmEp).await, Vec::<String>::new());
    for (prefix, bit) in sizes {
        let size = 1u32 << (32 - prefix);
        let object = objects::network(GROUP, NetworkKind::DanmNet, "ran", &format!("net-{prefix}"));
        let object = cluster.get(&object).await.expect("it is there");
        let alloc = object["spec"]["Options"]["alloc"].as_str().expect("an array");
        let alloc = AllocBits::decode(alloc, size).expect("of its size");
        let is_end = bit == 0 || bit == size - 1;
        assert_eq!(alloc.is_set(BitIndex(bit)), is_end, "/{prefix}: the ends stay, others go");
    }
}

/// Scenario 47: times of objects are hours wrong, in both directions.
#[tokio::test]
async fn clocks_that_are_wrong_change_nothing() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    ready(&mut cluster, "True").await;
    let heartbeat = |time: &str| {
        let condition =
            json!({"type": "Ready", "status": "True", "lastHeartbeatTime": time, "lastTransitionTime": time});
        json!({"status": {"conditions": [condition]}})
    };
    cluster.create([pod("p6"), endpoint("ep6", "p6", "10.0.0.6")]).await;
    let _cleaner = start(&cluster, &[]).await;
    for (round, time) in ["2001-01-01T00:00:00Z", "2099-01-01T00:00:00Z"].into_iter().enumerate() {
        let status = "/api/v1/nodes/node-a/status";
        cluster.send(http::Method::PATCH, status, Some(&heartbeat(time))).await.expect("it is taken");
        cluster.create([endpoint(&format!("dead-{round}"), "gone", "10.0.0.5")]).await;
        eventually("the dead one is gone", async || cluster.names(DanmKind::DanmEp).await == ["ep6"]).await;
        assert_eq!(bits(&cluster).await, [6]);
    }
}

/// Scenario 33.
#[tokio::test]
async fn arrays_that_cannot_be_read_hold_their_endpoints_and_nobody_else() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster
        .create([objects::node("node-a", "True"), network(&[5]), endpoint("sound", "gone", "10.0.0.5")])
        .await;
    let arrays = [("empty", ""), ("noise", "not base64!"), ("short", "gA=="), ("missing", "-")];
    for (name, array) in arrays {
        let object = objects::network(GROUP, NetworkKind::DanmNet, "ran", name);
        let object = objects::with(object, "/spec/Options/cidr", "10.0.0.0/24");
        let object = if array == "-" { object } else { objects::with(object, "/spec/Options/alloc", array) };
        let dead = objects::with(endpoint(name, "gone", "10.0.0.5"), "/spec/NetworkName", name);
        cluster.create([object, dead]).await;
    }

    let run = clean(&cluster.kubeconfig(), &["--override-brake"]).await;

    run.ends_with(0);
    let held = |name: &str| format!("{name} dangling network-unreadable held 10.0.0.5=danm:keep");
    let mut expected: Vec<String> = arrays.iter().map(|(name, _)| held(name)).collect();
    expected.push("sound dangling pod-gone released 10.0.0.5=danm:free".to_owned());
    expected.sort();
    assert_eq!(run.lines(), expected);
}

/// Scenario 36.
#[tokio::test]
async fn an_address_is_the_same_however_it_is_spelt() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.create([objects::node("node-a", "True"), network(&[5, 6, 7, 8])]).await;
    for (name, address) in
        [("bare", "10.0.0.5"), ("zeros", "010.000.000.006/24"), ("mapped", "::FFFF:10.0.0.7")]
    {
        let dead = endpoint(name, "gone", "");
        cluster.create([objects::with(dead, "/spec/Interface/Address", address)]).await;
    }
    clean(&cluster.kubeconfig(), &["--override-brake"]).await.ends_with(0);
    assert_eq!(bits(&cluster).await, [8]);
}

/// Scenario 37.
#[tokio::test]
async fn the_ends_of_a_subnet_are_never_freed() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    cluster.create([objects::node("node-a", "True"), network(&[5])]).await;
    cluster.create([endpoint("first", "gone", "10.0.0.0"), endpoint("last", "gone", "10.0.0.255")]).await;
    clean(&cluster.kubeconfig(), &["--override-brake"]).await.ends_with(0);
    let network = cluster.get(&network(&[])).await.expect("it is there");
    assert_eq!(network["spec"]["Options"]["alloc"], objects::alloc(&[5]));
    assert_eq!(cluster.names(DanmKind::DanmEp).await, Vec::<String>::new());
}

/// Scenario 40.
#[tokio::test]
async fn an_address_that_lives_in_one_group_is_kept_in_both() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let other = ApiGroup::DanmIo;
    let network_there =
        objects::with_bits(objects::network(other, NetworkKind::DanmNet, "ran", "n"), &[5, 6]);
    let there = |name: &str, pod: &str, address: &str| {
        let endpoint = objects::endpoint(other, "ran", name, pod, "n");
        objects::with(endpoint, "/spec/Interface/Address", format!("{address}/24"))
    };
    ready(&mut cluster, "True").await;
    cluster.create([network_there.clone(), pod("p5")]).await;
    cluster.create([endpoint("left-behind", "gone", "10.0.0.5"), there("alive", "p5", "10.0.0.5")]).await;
    // Migrated, and dead in both.
    cluster.create([endpoint("dead", "gone", "10.0.0.6"), there("dead", "gone", "10.0.0.6")]).await;

    clean(&cluster.kubeconfig(), &["--override-brake"]).await.ends_with(0);

    assert_eq!(cluster.names(DanmKind::DanmEp).await, ["alive"]);
    let there = cluster.get(&network_there).await.expect("it is there");
    let there = objects::set_bits(there["spec"]["Options"]["alloc"].as_str().expect("an array"));
    assert_eq!((bits(&cluster).await, there), (vec![5], vec![5]));
}

/// Scenario 42.
#[tokio::test]
async fn a_mirror_pod_that_came_back_under_another_uid_keeps_its_address() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    ready(&mut cluster, "True").await;
    let mirror = objects::with(pod("proxy"), "/metadata/annotations/kubernetes.io~1config.mirror", "hash");
    cluster.create([mirror]).await;
    let before = objects::with(endpoint("ep5", "proxy", "10.0.0.5"), "/spec/PodUID", objects::uid("before"));
    cluster.create([before, endpoint("ep6", "gone", "10.0.0.6")]).await;
    clean(&cluster.kubeconfig(), &["--override-brake"]).await.ends_with(0);
    assert_eq!(
        (cluster.names(DanmKind::DanmEp).await, bits(&cluster).await),
        (vec!["ep5".to_owned()], vec![5])
    );
}

/// Scenario 59.
#[tokio::test]
async fn of_two_living_holders_of_an_address_one_may_die() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    ready(&mut cluster, "True").await;
    cluster.create([pod("one"), pod("other")]).await;
    cluster.create([endpoint("ep-one", "one", "10.0.0.5"), endpoint("ep-other", "other", "10.0.0.5")]).await;
    let _cleaner = start(&cluster, &[]).await;
    cluster.delete(&pod("one")).await;
    eventually("one is gone", async || cluster.names(DanmKind::DanmEp).await == ["ep-other"]).await;
    assert_eq!(bits(&cluster).await, [5, 6]);
    cluster.delete(&pod("other")).await;
    eventually("now it is free", async || bits(&cluster).await == [6]).await;
}
