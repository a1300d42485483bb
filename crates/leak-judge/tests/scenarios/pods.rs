//! Life and death of Pods and of the machines under them.

use leak_judge::{AddressAction::Free, Brake, Reason, Verdict};
use serde_json::{Value, json};
use testkit::objects::{self, with};

use crate::cluster::{Cluster, GRACE, WINDOW, ep, net, pod};

/// A cluster in which one endpoint of `host` is left of a Pod that is gone, and these are the Nodes.
fn left_behind(host: &str, nodes: &[Value]) -> Cluster {
    let mut cluster = Cluster::new();
    nodes.iter().for_each(|node| cluster.apply(node.clone()));
    cluster.apply(net("n", &[5]));
    cluster.apply(with(ep("e", "gone", "10.0.0.5/24"), "/spec/Host", host));
    cluster
}

/// Scenario 10.
#[test]
fn a_node_that_does_not_answer_changes_nothing_for_pods_that_are_there() {
    let mut cluster = left_behind("node-b", &[objects::node("node-b", "Unknown")]);
    cluster.apply(objects::pod("ran", "gone", "node-b"));
    cluster.settle().spares("e", Verdict::Live, Reason::PodExists);
}

/// Scenario 12.
#[test]
fn a_pod_deleted_by_force_is_held_while_its_node_does_not_answer() {
    for status in ["Unknown", "False"] {
        let mut cluster = left_behind("node-b", &[objects::node("node-b", status)]);
        cluster.settle().spares("e", Verdict::Unknown, Reason::NodeNotReady);
        cluster.apply(objects::node("node-b", "True"));
        cluster.look_and_wait(GRACE - std::time::Duration::from_secs(1));
        cluster.round().spares("e", Verdict::Unknown, Reason::FirstObservation);
        cluster.wait(std::time::Duration::from_secs(1));
        cluster.round().releases("e", &[("10.0.0.5", Free)]);
    }
}

/// Scenario 12: a kubelet that has just come back gets the grace to stop what it should not run.
#[test]
fn a_node_that_flaps_starts_the_grace_again() {
    let mut cluster = left_behind("node-b", &[objects::node("node-b", "True")]);
    cluster.look_and_wait(GRACE + WINDOW);
    cluster.apply(objects::node("node-b", "Unknown"));
    cluster.apply(objects::node("node-b", "True"));
    cluster.round().spares("e", Verdict::Unknown, Reason::FirstObservation);
    cluster.wait(GRACE);
    cluster.round().releases("e", &[("10.0.0.5", Free)]);
}

/// Scenarios 12 and 17, as far as Nodes are known: the machine is no Node any more.
#[test]
fn a_pod_that_is_gone_with_its_node_is_dangling() {
    let mut cluster = left_behind("node-b", &[]);
    let round = cluster.settle();
    round.releases("e", &[("10.0.0.5", Free)]);
    assert_eq!(round.row("e").reason, Reason::NodeGone);
}

/// Scenario 19.
#[test]
fn a_host_that_may_be_another_name_of_a_node_is_unknown_not_gone() {
    for (host, node) in [("node-b.example.com", "node-b"), ("node-b", "node-b.example.com")] {
        let mut cluster = left_behind(host, &[objects::node(node, "Unknown")]);
        cluster.settle().spares("e", Verdict::Unknown, Reason::HostUnknown);
    }
}

/// Scenario 19.
#[test]
fn a_host_is_mapped_by_its_label_before_its_name() {
    let labelled =
        with(objects::node("worker-7", "True"), "/metadata/labels/kubernetes.io~1hostname", "ip-10-1-1-7");
    let mut cluster = left_behind("ip-10-1-1-7", std::slice::from_ref(&labelled));
    cluster.settle().releases("e", &[("10.0.0.5", Free)]);

    let two =
        [labelled.clone(), with(with(labelled, "/metadata/name", "worker-8"), "/metadata/uid", "other")];
    left_behind("ip-10-1-1-7", &two).settle().spares("e", Verdict::Unknown, Reason::HostUnknown);
}

/// Scenario 19: a Node that no endpoint names may call itself anything.
#[test]
fn an_unknown_host_may_be_a_silent_node_that_no_endpoint_names() {
    let mut cluster = left_behind("ip-10-1-1-7", &[objects::node("worker-7", "Unknown")]);
    cluster.settle().spares("e", Verdict::Unknown, Reason::HostUnknown);
    // Anybody may write a name into an endpoint.
    cluster.apply(with(ep("claims", "no-such-pod", ""), "/spec/Host", "worker-7"));
    cluster.settle().spares("e", Verdict::Unknown, Reason::HostUnknown);
    let mut known = left_behind("ip-10-1-1-7", &[objects::node("worker-7", "Unknown")]);
    known.apply(objects::pod("ran", "other", "worker-7"));
    known.apply(with(ep("known", "other", ""), "/spec/Host", "worker-7"));
    known.settle().releases("e", &[("10.0.0.5", Free)]);
}

/// Scenario 19: as all living Pods show, hosts go by the names of their Nodes, or not.
#[test]
fn an_unknown_host_is_no_silent_node_where_hosts_go_by_their_nodes_names() {
    let mut cluster = left_behind("ip-10-1-1-7", &[objects::node("worker-7", "Unknown")]);
    cluster.apply(pod("living"));
    cluster.apply(ep("ordinary", "living", ""));
    let mut exception = left_behind("ip-10-1-1-7", &[objects::node("worker-7", "Unknown")]);
    exception.apply(pod("living"));
    exception.apply(ep("ordinary", "living", ""));
    exception.apply(pod("elsewhere"));
    exception.apply(with(ep("odd", "elsewhere", ""), "/spec/Host", "ip-10-1-1-1"));
    cluster.settle().releases("e", &[("10.0.0.5", Free)]);
    exception.settle().spares("e", Verdict::Unknown, Reason::HostUnknown);
}

/// Scenario 19.
#[test]
fn an_unknown_host_on_which_pods_live_is_no_machine_that_is_gone() {
    let mut cluster = left_behind("ip-10-1-1-7", &[]);
    cluster.apply(pod("living"));
    cluster.apply(with(ep("neighbour", "living", ""), "/spec/Host", "ip-10-1-1-7"));
    cluster.settle().spares("e", Verdict::Unknown, Reason::HostUnknown);
}

#[test]
fn an_endpoint_that_names_no_host_is_unknown() {
    left_behind("", &[]).settle().spares("e", Verdict::Unknown, Reason::HostUnknown);
}

/// Scenario 46.
#[test]
fn a_terminating_pod_holds_its_addresses_until_it_is_gone() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    let terminating = with(pod("a"), "/metadata/deletionTimestamp", "2026-11-01T12:00:00Z");
    cluster.apply(terminating.clone());
    cluster.apply(ep("e", "a", "10.0.0.5/24"));
    cluster.settle().spares("e", Verdict::Live, Reason::PodTerminating);
    cluster.delete(terminating);
    cluster.settle().releases("e", &[("10.0.0.5", Free)]);
}

/// Scenarios 43 and 44 belong to a later time: until then a Pod that has ended is not judged.
#[test]
fn a_pod_that_has_ended_but_is_there_is_not_released() {
    for phase in ["Succeeded", "Failed"] {
        let mut cluster = Cluster::new();
        cluster.apply(net("n", &[5]));
        cluster.apply(with(pod("job"), "/status/phase", phase));
        cluster.apply(ep("e", "job", "10.0.0.5/24"));
        cluster.settle().spares("e", Verdict::Unknown, Reason::PodFinished);
    }
}

/// Scenario 45.
#[test]
fn no_phase_of_a_pod_that_is_there_is_a_proof_of_death() {
    for phase in [json!("Pending"), json!("Unknown"), json!(null)] {
        let mut cluster = Cluster::new();
        cluster.apply(net("n", &[5]));
        cluster.apply(with(pod("a"), "/status/phase", phase));
        cluster.apply(ep("e", "a", "10.0.0.5/24"));
        cluster.settle().spares("e", Verdict::Live, Reason::PodExists);
    }
}

/// Scenario 47: times in objects are other machines' clocks.
#[test]
fn clocks_that_disagree_by_ten_minutes_change_no_verdict() {
    for created in ["2026-11-01T10:50:00Z", "2026-11-01T11:10:00Z", "2030-01-01T00:00:00Z"] {
        let mut cluster = Cluster::new();
        cluster.apply(net("n", &[5, 6]));
        cluster.apply(pod("living"));
        cluster.apply(with(ep("dead", "gone", "10.0.0.5/24"), "/metadata/creationTimestamp", created));
        cluster.apply(with(ep("alive", "living", "10.0.0.6/24"), "/metadata/creationTimestamp", created));
        let round = cluster.settle();
        round.releases("dead", &[("10.0.0.5", Free)]);
        round.spares("alive", Verdict::Live, Reason::PodExists);
    }
}

/// Scenarios 11 and 12: an operator says that the machine is shut down.
#[test]
fn a_node_that_is_out_of_service_runs_nothing_any_more() {
    let mut cluster = left_behind("node-x", &[objects::node("node-x", "Unknown")]);
    cluster.settle().spares("e", Verdict::Unknown, Reason::NodeNotReady);
    let taint = json!([{"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}]);
    cluster.apply(with(objects::node("node-x", "Unknown"), "/spec/taints", taint));
    cluster.look_and_wait(GRACE);
    let round = cluster.round();
    round.releases("e", &[("10.0.0.5", Free)]);
    assert!(!Brake::concerns(round.plan.networks[0].endpoints[0].finding), "it goes at once");
}
