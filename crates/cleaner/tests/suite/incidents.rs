//! What happens to clusters in their worst hours, one incident a test: the controller acts, and the state of the
//! cluster is what counts. Rows that are shapes rather than incidents are in `shapes.rs`.

use danm_api::{ApiGroup, DanmKind, NetworkKind};
use serde_json::{Value, json};
use testkit::{AllocBits, BitIndex, Cluster, objects};

use crate::{
    network::{GROUP, bits, endpoint, network, pod, set},
    program::clean,
    running::{Running, eventually},
};

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

/// What is counted as not alive, by verdict and reason.
fn doubtful(verdict: &str, reason: &str) -> String {
    format!("danm_cleaner_doubtful_endpoints{{verdict=\"{verdict}\",reason=\"{reason}\"}}")
}

/// A kubelet tells that its machine was started anew.
async fn set_boot(cluster: &Cluster, ready: &str, boot: &str) {
    let status = json!({"status": objects::booted(objects::node("node-a", ready), boot, 9)["status"]});
    cluster
        .send(http::Method::PATCH, "/api/v1/nodes/node-a/status", Some(&status))
        .await
        .expect("it is taken");
}

/// Scenario 16: the power fails, every Cleaner's too; Pods are replaced, and more endpoints than the brake lets pass are
/// dead. That the machine was started anew since is known from what the Cleaners before have stored.
#[tokio::test]
async fn after_a_power_loss_boots_open_the_brake() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    forget_boots(&cluster).await;
    cluster.create([objects::booted(objects::node("node-a", "True"), "first", 1), network(&[5, 6])]).await;
    cluster.create([pod("p5"), pod("p6")]).await;
    cluster.create([endpoint("ep5", "p5", "10.0.0.5"), endpoint("ep6", "p6", "10.0.0.6")]).await;
    let brake = ["--max-release", "0", "--max-release-min", "0", "--audit-interval", "1s"];
    let before = start(&cluster, &brake).await;
    eventually("the boot is stored", async || boots(&cluster).await.is_some()).await;
    drop(before);

    cluster.delete(&pod("p5")).await;
    let after = start(&cluster, &brake).await;
    eventually("the brake holds", async || after.metric("danm_cleaner_brake").await == Some(1.0)).await;
    drop(after);
    assert_eq!(bits(&cluster).await, [5, 6], "the machine was not started anew");

    set_boot(&cluster, "True", "second").await;
    let _after = start(&cluster, &brake).await;
    eventually("it is free", async || bits(&cluster).await == [6]).await;
    eventually("what lives stays", async || cluster.names(DanmKind::DanmEp).await == ["ep6"]).await;
}

/// What is stored about boots, by which tests are told apart.
async fn boots(cluster: &Cluster) -> Option<Value> {
    cluster.send(http::Method::GET, BOOTS, None).await.ok()
}

const BOOTS: &str = "/api/v1/namespaces/kube-system/configmaps/danm-cleaner-boots";

async fn forget_boots(cluster: &Cluster) {
    // One of an earlier test may be there.
    let _ = cluster.send(http::Method::DELETE, BOOTS, None).await;
}

/// Scenario 16: where nothing was stored nothing is believed, and the brake holds.
#[tokio::test]
async fn after_a_power_loss_without_memory_the_brake_holds() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    forget_boots(&cluster).await;
    cluster.create([objects::booted(objects::node("node-a", "True"), "second", 1), network(&[5])]).await;
    cluster.create([endpoint("ep5", "gone", "10.0.0.5")]).await;
    let cleaner = start(&cluster, &["--max-release", "0", "--max-release-min", "0"]).await;
    eventually("the brake holds", async || cleaner.metric("danm_cleaner_brake").await == Some(1.0)).await;
    assert_eq!(bits(&cluster).await, [5]);
}

/// Scenario 15: the same Pods, new sandboxes; an endpoint of an old one was left behind.
#[tokio::test]
async fn what_is_left_of_a_sandbox_that_did_not_outlive_a_reboot_goes() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    forget_boots(&cluster).await;
    cluster.create([objects::booted(objects::node("node-a", "True"), "first", 1), network(&[5, 6])]).await;
    let in_sandbox = |name: &str, address: &str, sandbox: &str| {
        objects::with(endpoint(name, "p", address), "/spec/CID", sandbox)
    };
    cluster.create([pod("p"), in_sandbox("old", "10.0.0.5", "one")]).await;
    let _cleaner = start(&cluster, &[]).await;
    set_boot(&cluster, "True", "second").await;
    cluster.create([in_sandbox("new", "10.0.0.6", "two")]).await;

    eventually("the old one is gone", async || cluster.names(DanmKind::DanmEp).await == ["new"]).await;
    assert_eq!(bits(&cluster).await, [6]);
}

/// Scenario 12 and I9: the machine was started anew, and does not call itself fit.
#[tokio::test]
async fn a_new_boot_is_proof_also_where_the_node_is_not_ready() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    forget_boots(&cluster).await;
    let node = |ready| objects::booted(objects::node("node-a", ready), "first", 1);
    cluster.create([node("True"), network(&[5]), pod("p5"), endpoint("ep5", "p5", "10.0.0.5")]).await;
    let cleaner = start(&cluster, &[]).await;
    set_boot(&cluster, "Unknown", "first").await;
    cluster.delete(&pod("p5")).await;
    let held = doubtful("unknown", "node-not-ready");
    eventually("it is held", async || cleaner.metric(&held).await == Some(1.0)).await;

    set_boot(&cluster, "False", "second").await;
    eventually("it is free", async || bits(&cluster).await.is_empty()).await;
}

/// Scenarios 10 and 12: time alone, because the operator says so.
#[tokio::test]
async fn a_node_that_is_silent_for_long_enough_is_given_up_if_the_operator_says_so() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    ready(&mut cluster, "Unknown").await;
    cluster.create([pod("p6"), endpoint("ep6", "p6", "10.0.0.6"), endpoint("ep5", "gone", "10.0.0.5")]).await;
    let _cleaner = start(&cluster, &["--unreachable-grace", "300ms"]).await;
    eventually("it is free", async || bits(&cluster).await == [6]).await;
    eventually("a Pod that is there keeps its own", async || {
        cluster.names(DanmKind::DanmEp).await == ["ep6"]
    })
    .await;
}

/// The Lease that the kubelet of node-a renews, as of a certain renewal.
fn node_lease(renewal: u32) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "node-a", "namespace": "kube-node-lease"},
        "spec": {"holderIdentity": "node-a", "renewTime": format!("2026-11-01T12:00:{renewal:02}.000000Z")},
    })
}

const NODE_LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";

async fn with_node_lease(cluster: &Cluster) {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-node-lease"}});
    // The real server has it, and a Lease of an earlier test.
    let _ = cluster.send(http::Method::POST, "/api/v1/namespaces", Some(&namespace)).await;
    let _ = cluster.send(http::Method::DELETE, &format!("{NODE_LEASES}/node-a"), None).await;
    cluster.send(http::Method::POST, NODE_LEASES, Some(&node_lease(0))).await.expect("a Lease");
}

/// Scenario 12: a machine is cut off, and a Pod of it is deleted by force while its Node is still called Ready. Nothing
/// was heard of its kubelet since.
#[tokio::test]
async fn a_kubelet_that_has_not_been_heard_since_the_pod_was_gone_has_stopped_nothing() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    ready(&mut cluster, "True").await;
    with_node_lease(&cluster).await;
    cluster.create([pod("p5"), endpoint("ep5", "p5", "10.0.0.5")]).await;
    let cleaner = start(&cluster, &[]).await;
    cluster.delete(&pod("p5")).await;

    let dead = doubtful("dangling", "pod-gone");
    eventually("it is proved dead but for that", async || cleaner.metric(&dead).await == Some(1.0)).await;
    // Others go meanwhile, which takes as long as this would.
    for canary in 0..3 {
        let name = format!("canary-{canary}");
        let canary = objects::with(endpoint(&name, "gone", ""), "/spec/Host", "no-node-at-all");
        cluster.create([objects::with(canary, "/spec/Interface/Address", "none")]).await;
        eventually("others go", async || cluster.names(DanmKind::DanmEp).await == ["ep5"]).await;
    }
    assert_eq!(bits(&cluster).await, [5, 6]);

    let renewed = json!({"spec": node_lease(10)["spec"]});
    let path = format!("{NODE_LEASES}/node-a");
    cluster.send(http::Method::PATCH, &path, Some(&renewed)).await.expect("it is taken");
    eventually("it is free", async || bits(&cluster).await == [6]).await;
    let _ = cluster.send(http::Method::DELETE, &path, None).await;
}

/// An operator keeps the Cleaner out of a network, then out of a namespace, then lets it.
#[tokio::test]
async fn annotations_say_how_far_the_cleaner_may_go() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    ready(&mut cluster, "True").await;
    let word = |word: &str| json!({"metadata": {"annotations": {"danm.io/cleaner": word}}});
    cluster.patch(&network(&[]), &word("report")).await;
    cluster.create([endpoint("ep5", "gone", "10.0.0.5")]).await;
    let cleaner = start(&cluster, &[]).await;
    let reported = doubtful("dangling", "pod-gone");
    eventually("it is reported", async || cleaner.metric(&reported).await == Some(1.0)).await;
    let namespace = "/api/v1/namespaces/ran";
    cluster.send(http::Method::PATCH, namespace, Some(&word("off"))).await.expect("it is taken");
    let off = doubtful("unknown", "switched-off");
    eventually("it is left alone", async || cleaner.metric(&off).await == Some(1.0)).await;
    assert_eq!(bits(&cluster).await, [5, 6]);

    cluster.send(http::Method::PATCH, namespace, Some(&word("release"))).await.expect("it is taken");
    cluster.patch(&network(&[]), &word("release")).await;
    eventually("it is free", async || bits(&cluster).await == [6]).await;
    let nothing = json!({"metadata": {"annotations": {"danm.io/cleaner": null}}});
    cluster.send(http::Method::PATCH, namespace, Some(&nothing)).await.expect("it is taken");
}

/// An endpoint of a sandbox that is named like its address.
fn in_sandbox(name: &str, pod: &str, bit: u32) -> Value {
    objects::with(endpoint(name, pod, &format!("10.0.0.{bit}")), "/spec/CID", format!("sandbox-{bit}"))
}

/// Changes the array as DANM does: conditional on the version that was read, until nobody comes between.
async fn allocate(cluster: &Cluster, change: impl Fn(&mut Vec<u32>)) {
    let path = "/apis/danm.k8s.io/v1/namespaces/ran/danmnets/n";
    loop {
        let read = cluster.get(&network(&[])).await.expect("it is there");
        let mut set = objects::set_bits(read["spec"]["Options"]["alloc"].as_str().expect("an array"));
        change(&mut set);
        let version = &read["metadata"]["resourceVersion"];
        let patch = json!({
            "metadata": {"resourceVersion": version},
            "spec": {"Options": {"alloc": objects::alloc(&set)}},
        });
        if cluster.send(http::Method::PATCH, path, Some(&patch)).await.is_ok() {
            return;
        }
    }
}

/// What DANM does for a new Pod.
async fn cni_add(cluster: &mut Cluster, name: &str, bit: u32) {
    cluster.create([pod(name)]).await;
    allocate(cluster, |set| set.push(bit)).await;
    cluster.create([endpoint(name, name, &format!("10.0.0.{bit}"))]).await;
}

/// What DANM does when a sandbox ends: it finds the endpoints by it, frees their addresses, and deletes them,
/// whatever has become of either meanwhile. Tells how many it found.
async fn cni_del(cluster: &Cluster, bit: u32) -> usize {
    let all = cluster.all(DanmKind::DanmEp).await;
    let found: Vec<&Value> =
        all.iter().filter(|endpoint| endpoint["spec"]["CID"] == format!("sandbox-{bit}")).collect();
    for endpoint in &found {
        allocate(cluster, |set| set.retain(|other| *other != bit)).await;
        let name = endpoint["metadata"]["name"].as_str().expect("a name");
        let path = format!("/apis/danm.k8s.io/v1/namespaces/ran/danmeps/{name}");
        // The Cleaner may have been faster.
        let _ = cluster.send(http::Method::DELETE, &path, None).await;
    }
    found.len()
}

/// Scenario 13: each address that the returning kubelet frees is another's at once, under the Cleaner's hands.
#[tokio::test]
async fn a_node_that_is_back_and_the_cleaner_free_the_same_addresses_at_once() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let lost: Vec<u32> = (10..40).collect();
    cluster.create([objects::node("node-a", "Unknown"), network(&lost)]).await;
    cluster.create(lost.iter().map(|bit| in_sandbox(&format!("lost{bit}"), "gone", *bit))).await;
    let cleaner = start(&cluster, &[]).await;
    let held = doubtful("unknown", "node-not-ready");
    eventually("they are held", async || cleaner.metric(&held).await == Some(30.0)).await;

    set_ready(&cluster, "node-a", "True").await;
    for bit in lost.iter().rev() {
        cni_del(&cluster, *bit).await;
        cni_add(&mut cluster, &format!("new{bit}"), *bit).await;
    }

    let expected: Vec<String> = lost.iter().map(|bit| format!("new{bit}")).collect();
    eventually("the old are gone", async || cluster.names(DanmKind::DanmEp).await == expected).await;
    assert_eq!(bits(&cluster).await, lost, "each is another's by now");
}

/// Scenario 14, where the endpoint is gone as it should be.
#[tokio::test]
async fn the_late_end_of_a_lost_sandbox_takes_no_address_from_its_next_owner() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    ready(&mut cluster, "Unknown").await;
    cluster.create([in_sandbox("ep5", "gone", 5)]).await;
    let _cleaner = start(&cluster, &[]).await;
    let taint = json!([{"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}]);
    cluster.patch(&objects::node("node-a", "Unknown"), &json!({"spec": {"taints": taint}})).await;
    eventually("the endpoint is gone", async || cluster.names(DanmKind::DanmEp).await.is_empty()).await;
    cni_add(&mut cluster, "q", 5).await;

    set_ready(&cluster, "node-a", "True").await;
    assert_eq!(cni_del(&cluster, 5).await, 0, "there is nothing by which to find the address");
    assert_eq!(bits(&cluster).await, [5, 6]);
    assert_eq!(cluster.names(DanmKind::DanmEp).await, ["q"]);
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
