//! Life and death of Pods and of the machines under them.

use leak_judge::{AddressAction::Free, Brake, Reason, Source, Verdict};
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

/// Scenario 12: a kubelet that has just come back gets the time to stop what it should not run: it may take
/// half a minute until it hears of Pods again.
#[test]
fn a_node_that_flaps_starts_the_grace_again() {
    let mut cluster = left_behind("node-b", &[objects::node("node-b", "True")]);
    cluster.look_and_wait(GRACE + WINDOW);
    cluster.apply(objects::node("node-b", "Unknown"));
    cluster.apply(objects::node("node-b", "True"));
    cluster.round().spares("e", Verdict::Unknown, Reason::FirstObservation);
    cluster.wait(WINDOW);
    cluster.round().releases("e", &[("10.0.0.5", Free)]);
}

/// Scenario 12, found by the simulation: while the watch of Nodes said nothing the Node was silent and came back, and
/// its kubelet has just begun to stop what it should not run.
#[test]
fn a_node_that_was_silent_unseen_starts_the_grace_again() {
    let ready = |since: &str| {
        let condition = json!([{"type": "Ready", "status": "True", "lastTransitionTime": since}]);
        with(objects::node("node-b", "True"), "/status/conditions", condition)
    };
    let mut cluster = left_behind("node-b", &[ready("2026-11-01T10:00:00Z")]);
    cluster.look_and_wait(WINDOW);
    cluster.apply(ready("2026-11-01T12:00:00Z"));
    cluster.round().spares("e", Verdict::Unknown, Reason::FirstObservation);
    cluster.look_and_wait(WINDOW);
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

/// A Pod in a phase that has ended, with this restart policy.
fn ended(phase: &str, policy: &str) -> Value {
    with(with(pod("job"), "/status/phase", phase), "/spec/restartPolicy", policy)
}

fn with_ended(pod: Value) -> Cluster {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[]));
    cluster.apply(net("n", &[5]));
    cluster.apply(pod);
    cluster.apply(ep("e", "job", "10.0.0.5/24"));
    cluster
}

/// Scenario 43.
#[test]
fn a_job_that_is_done_gives_its_addresses_back_after_the_grace() {
    for policy in ["Never", "OnFailure"] {
        let mut cluster = with_ended(ended("Succeeded", policy));
        cluster.look_and_wait(GRACE - std::time::Duration::from_secs(1));
        cluster.round().spares("e", Verdict::Unknown, Reason::FirstObservation);
        cluster.wait(std::time::Duration::from_secs(1));
        let round = cluster.round();
        round.releases("e", &[("10.0.0.5", Free)]);
        assert_eq!(round.row("e").reason, Reason::PodFinished);
    }
}

/// Scenario 43.
#[test]
fn a_pod_that_may_be_started_again_keeps_its_addresses() {
    for (phase, policy) in [("Succeeded", "Always"), ("Failed", "Always"), ("Failed", "OnFailure")] {
        with_ended(ended(phase, policy)).settle().spares("e", Verdict::Unknown, Reason::PodFinished);
    }
    let unsaid = with(pod("job"), "/status/phase", "Succeeded");
    with_ended(unsaid).settle().spares("e", Verdict::Unknown, Reason::PodFinished);
}

/// Scenario 44: whoever evicts a Pod may stop its containers afterwards.
#[test]
fn an_evicted_pod_is_watched_for_longer_unless_its_containers_are_known_to_have_stopped() {
    let evicted = with(ended("Failed", "Always"), "/status/reason", "Evicted");
    let mut cluster = with_ended(evicted.clone());
    cluster.look_and_wait(WINDOW - std::time::Duration::from_secs(1));
    cluster.round().spares("e", Verdict::Unknown, Reason::FirstObservation);
    cluster.wait(std::time::Duration::from_secs(1));
    cluster.round().releases("e", &[("10.0.0.5", Free)]);

    let stopped = json!([{"name": "c", "state": {"terminated": {"exitCode": 137}}}]);
    let mut cluster = with_ended(with(evicted.clone(), "/status/containerStatuses", stopped));
    cluster.look_and_wait(GRACE);
    cluster.round().releases("e", &[("10.0.0.5", Free)]);

    let running = json!([{"name": "c", "state": {"running": {}}}]);
    let mut cluster = with_ended(with(evicted, "/status/containerStatuses", running));
    cluster.look_and_wait(GRACE);
    cluster.round().spares("e", Verdict::Unknown, Reason::FirstObservation);
}

/// Scenario 44.
#[test]
fn a_pod_that_has_ended_on_a_node_that_does_not_answer_keeps_its_addresses() {
    let failed = with(ended("Failed", "Never"), "/spec/nodeName", "node-b");
    let mut cluster = left_behind("node-b", &[objects::node("node-b", "Unknown")]);
    cluster.apply(with(with(failed, "/metadata/name", "gone"), "/metadata/uid", objects::uid("ran/gone")));
    cluster.settle().spares("e", Verdict::Unknown, Reason::NodeNotReady);
    cluster.apply(objects::node("node-b", "True"));
    cluster.settle().releases("e", &[("10.0.0.5", Free)]);
}

/// Scenario 43: a host that is a Ready Node says nothing about the Node that the Pod is bound to.
#[test]
fn a_pod_that_has_ended_on_another_node_than_its_endpoint_names_keeps_its_addresses() {
    let mut cluster = with_ended(with(ended("Succeeded", "Never"), "/spec/nodeName", "node-b"));
    cluster.apply(objects::node("node-b", "Unknown"));
    cluster.settle().spares("e", Verdict::Unknown, Reason::HostUnknown);
}

/// Scenario 43: a kubelet starts a static Pod again, whatever its mirror says.
#[test]
fn a_static_pod_whose_mirror_has_ended_keeps_its_addresses() {
    let mirror = with(ended("Failed", "Never"), "/metadata/annotations/kubernetes.io~1config.mirror", "hash");
    with_ended(mirror).settle().spares("e", Verdict::Unknown, Reason::PodFinished);
}

/// Scenario 17: as long as the control plane waits before it deletes the Pods of a Node that is gone.
#[test]
fn a_pod_that_is_left_of_a_node_that_is_gone_is_dangling_after_the_quarantine() {
    let mut cluster = left_behind("node-b", &[objects::node("node-b", "True")]);
    cluster.apply(objects::pod("ran", "gone", "node-b"));
    cluster.settle().spares("e", Verdict::Live, Reason::PodExists);
    cluster.delete(objects::node("node-b", "True"));
    cluster.look_and_wait(std::time::Duration::from_secs(39));
    cluster.round().spares("e", Verdict::Unknown, Reason::FirstObservation);
    cluster.wait(std::time::Duration::from_secs(1));
    let round = cluster.round();
    round.releases("e", &[("10.0.0.5", Free)]);
    assert_eq!(round.row("e").reason, Reason::PodOrphaned);
}

/// Scenario 17.
#[test]
fn a_node_that_comes_back_within_the_quarantine_saves_its_pods() {
    let mut cluster = left_behind("node-b", &[]);
    cluster.apply(objects::pod("ran", "gone", "node-b"));
    cluster.look_and_wait(std::time::Duration::from_secs(39));
    cluster.apply(objects::node("node-b", "Unknown"));
    cluster.round().spares("e", Verdict::Live, Reason::PodExists);
    cluster.delete(objects::node("node-b", "Unknown"));
    cluster.look_and_wait(std::time::Duration::from_secs(39));
    cluster.round().spares("e", Verdict::Unknown, Reason::FirstObservation);
}

/// Scenarios 10, 11 and 12: time alone proves nothing, unless the operator says that it does.
#[test]
fn a_node_that_is_silent_for_as_long_as_the_operator_says_runs_nothing_any_more() {
    let hour = std::time::Duration::from_secs(3600);
    let mut cluster = left_behind("node-b", &[objects::node("node-b", "Unknown")]);
    cluster.look_and_wait(hour * 24);
    cluster.round().spares("e", Verdict::Unknown, Reason::NodeNotReady);

    let mut cluster = left_behind("node-b", &[objects::node("node-b", "Unknown")]);
    cluster.rules.unreachable_grace = Some(hour);
    cluster.look_and_wait(hour - std::time::Duration::from_secs(1));
    cluster.round().spares("e", Verdict::Unknown, Reason::NodeNotReady);
    cluster.wait(std::time::Duration::from_secs(1));
    let round = cluster.round();
    round.releases("e", &[("10.0.0.5", Free)]);
    let finding = round.plan.networks[0].endpoints[0].finding;
    assert_eq!(finding.reason, Reason::NodeUnreachable);
    assert!(Brake::concerns(finding), "many at once are not believed");
}

/// Scenario 10: a kubelet that says that its machine is unfit does answer, and may run anything.
#[test]
fn a_node_that_calls_itself_unfit_is_not_silent() {
    let hour = std::time::Duration::from_secs(3600);
    let mut cluster = left_behind("node-b", &[objects::node("node-b", "False")]);
    cluster.rules.unreachable_grace = Some(hour);
    cluster.look_and_wait(hour * 2);
    cluster.round().spares("e", Verdict::Unknown, Reason::NodeNotReady);
    cluster.apply(objects::node("node-b", "Unknown"));
    cluster.look_and_wait(hour - std::time::Duration::from_secs(1));
    cluster.round().spares("e", Verdict::Unknown, Reason::NodeNotReady);
}

/// Scenario 11: a Pod that is being deleted is there until it is gone, however long its node has been silent.
#[test]
fn a_terminating_pod_of_a_silent_node_is_not_released_by_time() {
    let hour = std::time::Duration::from_secs(3600);
    let mut cluster = left_behind("node-b", &[objects::node("node-b", "Unknown")]);
    cluster.rules.unreachable_grace = Some(hour);
    let terminating =
        with(objects::pod("ran", "gone", "node-b"), "/metadata/deletionTimestamp", "2026-11-01T12:00:00Z");
    cluster.apply(terminating);
    cluster.look_and_wait(hour * 2);
    cluster.round().spares("e", Verdict::Live, Reason::PodTerminating);
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

/// Scenario 12: a Pod that is deleted by force is gone before its containers are.
#[test]
fn the_containers_of_a_pod_deleted_by_force_get_the_time_to_stop_that_it_asked_for() {
    let running = |state: Value| json!([{"name": "c", "state": state}]);
    let cases = [
        (running(json!({"running": {}})), json!(20), 20),
        (running(json!({"running": {}})), json!(null), 30),
        (running(json!({"terminated": {"exitCode": 0}})), json!(20), 5),
        (running(json!({"waiting": {}})), json!(20), 20),
        (running(json!({"running": {}})), json!(-1), 5),
        (json!([]), json!(20), 5),
    ];
    for (statuses, asked, seconds) in cases {
        let seconds = std::time::Duration::from_secs(seconds);
        for is_seen_to_go in [true, false] {
            let mut cluster = Cluster::new();
            let pod = with(pod("p"), "/status/containerStatuses", statuses.clone());
            let pod = with(pod, "/spec/terminationGracePeriodSeconds", asked.clone());
            cluster.apply(net("n", &[]));
            cluster.apply(net("n", &[5]));
            cluster.apply(pod.clone());
            cluster.apply(ep("e", "p", "10.0.0.5/24"));
            if is_seen_to_go {
                cluster.delete(pod);
            } else {
                cluster.list_nothing(Source::Pods);
            }
            cluster.look_and_wait(seconds - std::time::Duration::from_secs(1));
            cluster.round().spares("e", Verdict::Unknown, Reason::FirstObservation);
            cluster.wait(std::time::Duration::from_secs(1));
            cluster.round().releases("e", &[("10.0.0.5", Free)]);
        }
    }
}

/// Scenario 12: a Node is called Ready for a while after its kubelet was heard last.
#[test]
fn a_kubelet_has_to_be_heard_after_the_pod_was_gone() {
    let mut cluster = left_behind("node-a", &[]);
    let first = cluster.now();
    assert_eq!(cluster.judgement("e").heard_since, Some(first));
    cluster.look_and_wait(GRACE);
    assert_eq!(cluster.judgement("e").heard_since, Some(first), "since it was seen dead first");

    let mut cluster = Cluster::new();
    let running = json!([{"name": "c", "state": {"running": {}}}]);
    let pod = with(pod("p"), "/status/containerStatuses", running);
    cluster.apply(pod.clone());
    cluster.apply(ep("e", "p", "10.0.0.5/24"));
    cluster.delete(pod);
    let gone = cluster.now();
    assert_eq!(cluster.judgement("e").heard_since, Some(gone));

    let cluster = left_behind("node-b", &[]);
    assert_eq!(
        cluster.judgement("e").heard_since,
        None,
        "of a machine that is gone there is nothing to be heard"
    );
}

/// Scenario 13: a Node comes back, and its kubelet learns only then that a Pod was deleted by force.
#[test]
fn a_kubelet_that_comes_back_gets_the_time_to_stop_what_was_deleted_meanwhile() {
    for (statuses, seconds) in [(json!([{"name": "c", "state": {"running": {}}}]), 90), (json!([]), 60)] {
        let seconds = std::time::Duration::from_secs(seconds);
        let mut cluster = Cluster::new();
        let pod = with(pod("p"), "/status/containerStatuses", statuses);
        let pod = with(pod, "/spec/terminationGracePeriodSeconds", 90);
        cluster.apply(net("n", &[]));
        cluster.apply(net("n", &[5]));
        cluster.apply(pod.clone());
        cluster.apply(ep("e", "p", "10.0.0.5/24"));
        cluster.apply(objects::node("node-a", "Unknown"));
        cluster.delete(pod);
        cluster.look_and_wait(std::time::Duration::from_secs(600));
        cluster.round().spares("e", Verdict::Unknown, Reason::NodeNotReady);
        cluster.apply(objects::node("node-a", "True"));
        cluster.look_and_wait(seconds - std::time::Duration::from_secs(1));
        cluster.round().spares("e", Verdict::Unknown, Reason::FirstObservation);
        cluster.wait(std::time::Duration::from_secs(1));
        cluster.round().releases("e", &[("10.0.0.5", Free)]);
    }
}

/// Scenario 1: a Pod whose name was taken over before it was seen to go gets its time all the same.
#[test]
fn a_pod_that_was_made_anew_unseen_leaves_its_containers_the_time_to_stop() {
    let mut cluster = Cluster::new();
    let running = json!([{"name": "c", "state": {"running": {}}}]);
    let first = with(pod("p"), "/status/containerStatuses", running);
    cluster.apply(net("n", &[]));
    cluster.apply(net("n", &[5]));
    cluster.apply(first);
    cluster.apply(ep("e", "p", "10.0.0.5/24"));
    cluster.list(vec![with(pod("p"), "/metadata/uid", objects::uid("the second"))]);
    cluster.look_and_wait(std::time::Duration::from_secs(29));
    cluster.round().spares("e", Verdict::Unknown, Reason::FirstObservation);
    cluster.wait(std::time::Duration::from_secs(1));
    cluster.round().releases("e", &[("10.0.0.5", Free)]);
}
