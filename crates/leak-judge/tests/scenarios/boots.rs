//! Machines that are started anew: what was made in an earlier boot is nobody's.

use danm_api::Change;
use leak_judge::{AddressAction, Brake, Observation, Reason, Verdict};
use serde_json::Value;
use testkit::objects::{self, booted, with};

use crate::cluster::{Cluster, GRACE, WINDOW, ep, net, pod};

fn node(ready: &str, boot: &str, heartbeat: u32) -> Value {
    booted(objects::node("node-a", ready), boot, heartbeat)
}

/// An endpoint of the sandbox of this name.
fn in_sandbox(endpoint: Value, sandbox: &str) -> Value {
    with(endpoint, "/spec/CID", sandbox)
}

/// A cluster in which an endpoint was made while its machine was in its first boot.
fn before_reboot() -> Cluster {
    let mut cluster = Cluster::new();
    cluster.apply(node("True", "first", 1));
    cluster.apply(net("n", &[]));
    cluster.apply(net("n", &[5, 6]));
    cluster.apply(in_sandbox(ep("old", "p", "10.0.0.5/24"), "one"));
    cluster
}

/// Scenarios 16 and 18.
#[test]
fn a_pod_that_is_gone_with_its_boot_needs_no_other_witness() {
    let mut cluster = before_reboot();
    cluster.apply(node("True", "second", 2));
    cluster.look_and_wait(GRACE);
    let round = cluster.round();
    round.releases("old", &[("10.0.0.5", AddressAction::Free)]);
    let finding = round.plan.networks[0].endpoints[0].finding;
    assert_eq!(finding.reason, Reason::NodeRebooted);
    assert!(!Brake::concerns(finding), "it goes at once");
}

/// Scenario 12 and I9: a machine that was started anew has not kept the sandbox, whether or not it answers now.
#[test]
fn a_sandbox_does_not_outlive_a_boot_of_a_node_that_is_not_ready() {
    let mut cluster = before_reboot();
    cluster.apply(node("True", "first", 2));
    cluster.apply(node("Unknown", "first", 2));
    cluster.settle().spares("old", Verdict::Unknown, Reason::NodeNotReady);
    cluster.apply(node("False", "second", 3));
    cluster.look_and_wait(GRACE);
    let round = cluster.round();
    round.releases("old", &[("10.0.0.5", AddressAction::Free)]);
    assert_eq!(round.row("old").reason, Reason::NodeRebooted);
}

/// Scenario 12: that a machine is called silent tells of no boot: it may have been started anew by then, and its endpoints
/// be faster than its kubelet.
#[test]
fn silence_is_no_sign_of_life_of_the_boot_before() {
    let mut cluster = before_reboot();
    cluster.apply(node("Unknown", "first", 1));
    cluster.apply(node("Unknown", "second", 2));
    cluster.settle().spares("old", Verdict::Unknown, Reason::NodeNotReady);
}

/// Scenario 12: an endpoint may be made before its kubelet tells of the boot that it was made in.
#[test]
fn an_endpoint_that_the_boot_before_did_not_outlive_is_held_while_its_node_does_not_answer() {
    let mut cluster = before_reboot();
    cluster.apply(node("Unknown", "second", 2));
    cluster.settle().spares("old", Verdict::Unknown, Reason::NodeNotReady);
}

/// Scenarios 10 and 47: heartbeats come and go within one boot.
#[test]
fn a_node_that_comes_back_in_the_same_boot_proves_nothing() {
    let mut cluster = before_reboot();
    cluster.apply(node("Unknown", "first", 1));
    cluster.apply(node("Unknown", "first", 9));
    cluster.settle().spares("old", Verdict::Unknown, Reason::NodeNotReady);
}

/// Scenario 16: after a power loss nobody remembers; what was stored does.
#[test]
fn a_cleaner_that_was_away_during_the_reboot_knows_by_what_was_stored() {
    let mut before = before_reboot();
    before.apply(node("True", "first", 2));
    let stored = before.world.nodes().boots().to_store();

    let mut after = before_reboot();
    after.observe(Observation::Nodes(Change::Reset(Vec::new())));
    after.apply(node("Unknown", "second", 3));
    after.settle().spares("old", Verdict::Unknown, Reason::NodeNotReady);
    after.observe(Observation::BootsStored(stored));
    after.look_and_wait(GRACE);
    let round = after.round();
    round.releases("old", &[("10.0.0.5", AddressAction::Free)]);
    assert_eq!(round.row("old").reason, Reason::NodeRebooted);
}

/// Scenario 7: versions that are older than what was seen before are of another history.
#[test]
fn boots_are_forgotten_when_the_data_store_goes_back() {
    let mut cluster = before_reboot();
    cluster.apply(node("True", "first", 2));
    cluster.apply(node("True", "second", 3));
    let restored = with(node("Unknown", "second", 3), "/metadata/resourceVersion", "7");
    cluster.observe(Observation::Nodes(Change::Reset(vec![crate::cluster::read(restored)])));
    cluster.settle().spares("old", Verdict::Unknown, Reason::NodeNotReady);
}

/// Scenario 15.
#[test]
fn what_is_left_of_the_sandbox_before_the_boot_is_released_and_the_new_one_is_not() {
    let mut cluster = before_reboot();
    cluster.apply(pod("p"));
    cluster.apply(node("True", "first", 2));
    cluster.apply(node("True", "second", 3));
    cluster.settle().spares("old", Verdict::Live, Reason::PodExists);
    cluster.apply(in_sandbox(ep("new", "p", "10.0.0.6/24"), "two"));
    cluster.look_and_wait(GRACE);
    let round = cluster.round();
    round.releases("old", &[("10.0.0.5", AddressAction::Free)]);
    assert_eq!(round.row("old").reason, Reason::SandboxReplaced);
    round.spares("new", Verdict::Live, Reason::PodExists);
    assert_eq!(round.set_bits("n"), Some(vec![0, 6, 255]));
}

/// Scenario 15, found by the simulation: the request that makes the endpoint of an earlier sandbox may be under way for a
/// minute, so that it comes after that of a later one.
#[test]
fn an_endpoint_that_comes_late_may_be_of_an_earlier_sandbox() {
    let late = |after: std::time::Duration| {
        let mut cluster = before_reboot();
        cluster.apply(pod("p"));
        cluster.apply(node("True", "second", 2));
        cluster.wait(after);
        cluster.apply(in_sandbox(ep("new", "p", "10.0.0.6/24"), "two"));
        cluster.look_and_wait(GRACE);
        cluster
    };
    let second = std::time::Duration::from_secs(1);
    late(WINDOW * 3 - second).round().spares("old", Verdict::Live, Reason::PodExists);
    late(WINDOW * 3).round().releases("old", &[("10.0.0.5", AddressAction::Free)]);
}

/// Scenario 15: an edit gives an old endpoint a new version.
#[test]
fn an_edited_endpoint_of_an_old_sandbox_does_not_make_the_new_one_old() {
    let mut before = before_reboot();
    before.apply(node("True", "first", 2));
    let stored = before.world.nodes().boots().to_store();
    let aged = |name: &str, address: &str, sandbox: &str, created: &str| {
        with(in_sandbox(ep(name, "p", address), sandbox), "/metadata/creationTimestamp", created)
    };
    for edited_created in ["2026-11-01T10:30:00Z", "2026-11-01T11:00:00Z"] {
        let mut after = Cluster::new();
        after.apply(net("n", &[5, 6]));
        after.apply(pod("p"));
        after.apply(aged("new", "10.0.0.6/24", "two", "2026-11-01T11:00:00Z"));
        after.apply(aged("old", "10.0.0.5/24", "one", edited_created));
        after.apply(node("True", "second", 3));
        after.observe(Observation::BootsStored(stored.clone()));
        after.settle().spares("new", Verdict::Live, Reason::PodExists);
    }
}

/// Scenarios 2 and 15: the same static address in both sandboxes.
#[test]
fn an_address_that_the_new_sandbox_has_too_stays() {
    let mut cluster = before_reboot();
    cluster.apply(pod("p"));
    cluster.apply(node("True", "first", 2));
    cluster.apply(node("True", "second", 3));
    cluster.apply(in_sandbox(ep("new", "p", "10.0.0.5/24"), "two"));
    let round = cluster.settle();
    round.releases("old", &[("10.0.0.5", AddressAction::Refuse)]);
    round.spares("new", Verdict::Live, Reason::PodExists);
}

/// Scenario 15: without a boot in between, with the same sandbox, on another interface, on another machine.
#[test]
fn two_endpoints_of_a_living_pod_are_both_alive_unless_one_is_of_an_earlier_boot() {
    let new = || in_sandbox(ep("new", "p", "10.0.0.6/24"), "two");
    let cases = [
        ("first", new()),
        ("second", in_sandbox(new(), "one")),
        ("second", in_sandbox(new(), "")),
        ("second", with(new(), "/spec/Interface/Name", "eth2")),
        ("second", with(new(), "/spec/Host", "node-b")),
        ("second", with(new(), "/metadata/namespace", "hostile")),
        ("second", with(new(), "/spec/Pod", "another")),
    ];
    for (boot, new) in cases {
        let mut cluster = before_reboot();
        cluster.apply(pod("p"));
        cluster.apply(node("True", boot, 2));
        cluster.apply(new);
        cluster.settle().spares("old", Verdict::Live, Reason::PodExists);
        cluster.round().spares("new", Verdict::Live, Reason::PodExists);
    }
}
