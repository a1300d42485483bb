//! Who an endpoint belongs to: uids decide, names never do alone.

use danm_api::Change;
use leak_judge::{AddressAction::Free, Observation, Reason, Verdict};
use serde_json::json;
use testkit::objects::{self, uid, with};

use crate::cluster::{Cluster, GRACE, GROUP, WINDOW, ep, net, pod, read};

/// A Pod of a given name under another uid than the builder gives it.
fn reborn(name: &str) -> serde_json::Value {
    with(pod(name), "/metadata/uid", uid("reborn"))
}

/// Scenario 1.
#[test]
fn of_a_pod_made_anew_under_its_name_only_the_old_endpoint_goes() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5, 6]));
    cluster.apply(ep("old", "sts-0", "10.0.0.5/24"));
    cluster.apply(reborn("sts-0"));
    cluster.apply(with(ep("new", "sts-0", "10.0.0.6/24"), "/spec/PodUID", uid("reborn")));
    let round = cluster.settle();
    round.releases("old", &[("10.0.0.5", Free)]);
    round.spares("new", Verdict::Live, Reason::PodExists);
    assert_eq!(round.set_bits("n"), Some(vec![0, 6, 255]));
}

/// Scenario 3.
#[test]
fn the_old_endpoint_goes_while_its_successor_still_waits_for_the_address() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[]));
    cluster.apply(pod("sts-0"));
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("old", "sts-0", "10.0.0.5/24"));
    cluster.wait(WINDOW);
    cluster.delete(pod("sts-0"));
    cluster.apply(reborn("sts-0"));
    cluster.look_and_wait(GRACE);
    cluster.round().releases("old", &[("10.0.0.5", Free)]);
}

/// Scenario 41.
#[test]
fn an_endpoint_without_uid_lives_as_long_as_a_pod_of_its_name() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5, 6]));
    cluster.apply(pod("a"));
    cluster.apply(with(ep("living", "a", "10.0.0.5/24"), "/spec/PodUID", ""));
    cluster.apply(with(ep("gone", "b", "10.0.0.6/24"), "/spec/PodUID", ""));
    cluster.look_and_wait(GRACE);
    let young = cluster.round();
    young.spares("living", Verdict::Live, Reason::SameNamePod);
    young.spares("gone", Verdict::Unknown, Reason::FirstObservation);
    cluster.wait(WINDOW);
    let old = cluster.round();
    old.spares("living", Verdict::Live, Reason::SameNamePod);
    old.releases("gone", &[("10.0.0.6", Free)]);
}

/// Scenario 41.
#[test]
fn endpoints_without_uid_are_judged_each_on_its_own() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5, 6]));
    cluster.apply(pod("a"));
    for (name, of, address) in [("one", "b", "10.0.0.5"), ("two", "a", "10.0.0.6")] {
        cluster.apply(with(ep(name, of, address), "/spec/PodUID", json!(null)));
    }
    let round = cluster.settle();
    round.releases("one", &[("10.0.0.5", Free)]);
    round.spares("two", Verdict::Live, Reason::SameNamePod);
}

/// Scenario 42.
#[test]
fn a_mirror_pod_that_came_back_under_another_uid_keeps_its_endpoint() {
    let mut cluster = Cluster::new();
    let mirror =
        with(reborn("proxy-node-a"), "/metadata/annotations", json!({"kubernetes.io/config.mirror": "1"}));
    cluster.apply(net("n", &[5]));
    cluster.apply(mirror);
    cluster.apply(ep("static", "proxy-node-a", "10.0.0.5/24"));
    cluster.settle().spares("static", Verdict::Live, Reason::MirrorPod);
}

/// Scenario 42: between the two there is no mirror at all.
#[test]
fn a_pod_named_like_a_static_one_is_not_dead_because_its_mirror_is_missing() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("static", "proxy-node-a", "10.0.0.5/24"));
    cluster.settle().spares("static", Verdict::Unknown, Reason::StaticPod);
}

#[test]
fn a_pod_that_lives_under_another_name_keeps_an_endpoint_whose_pod_field_was_edited() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(pod("a"));
    let edited = with(ep("edited", "a", "10.0.0.5/24"), "/spec/Pod", "nobody");
    cluster.apply(edited);
    cluster.settle().spares("edited", Verdict::Live, Reason::PodExists);
}

/// Scenario 40.
#[test]
fn an_address_that_is_alive_in_the_other_group_is_not_released() {
    let mut cluster = Cluster::new();
    let other = danm_api::ApiGroup::DanmIo;
    cluster.apply(net("n", &[5]));
    cluster.apply(with_group(net("n", &[5]), other));
    cluster.apply(pod("living"));
    cluster.apply(ep("old", "gone", "10.0.0.5/24"));
    cluster.apply(with_group(ep("migrated", "living", "10.0.0.5/24"), other));
    let round = cluster.settle();
    round.releases("old", &[("10.0.0.5", leak_judge::AddressAction::Refuse)]);
    round.spares("migrated", Verdict::Live, Reason::PodExists);
    assert_eq!(round.set_bits("n"), None);
}

/// Scenario 40.
#[test]
fn both_copies_of_a_dead_endpoint_are_released_each_in_its_own_group() {
    let mut cluster = Cluster::new();
    let other = danm_api::ApiGroup::DanmIo;
    cluster.apply(net("n", &[5, 7]));
    cluster.apply(with_group(net("n", &[5, 8]), other));
    cluster.apply(ep("old", "gone", "10.0.0.5/24"));
    cluster.apply(with_group(ep("migrated", "gone", "10.0.0.5/24"), other));
    let round = cluster.settle();
    round.releases("old", &[("10.0.0.5", Free)]);
    round.releases("migrated", &[("10.0.0.5", Free)]);
    let writes: Vec<String> = round.plan.networks.iter().map(|plan| plan.network.to_string()).collect();
    assert_eq!(writes, ["DanmNet.danm.k8s.io ran/n", "DanmNet.danm.io ran/n"]);
}

fn with_group(object: serde_json::Value, group: danm_api::ApiGroup) -> serde_json::Value {
    with(object, "/apiVersion", format!("{group}/v1"))
}

/// Scenario 36.
#[test]
fn an_unreadable_address_parks_its_endpoint_and_nobody_else() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5, 6]));
    cluster.apply(ep("good", "gone", "10.0.0.5/24"));
    cluster.apply(ep("bad", "gone-too", "10.0.0.six/24"));
    let round = cluster.settle();
    round.releases("good", &[("10.0.0.5", Free)]);
    round.spares("bad", Verdict::Unknown, Reason::UnreadableAddress);
    assert!(
        round.row("bad").evidence.iter().any(|line| line.contains("10.0.0.six")),
        "{:?}",
        round.row("bad")
    );
}

/// Scenario 36: an endpoint that is parked for one address still claims the other.
#[test]
fn an_unreadable_endpoint_is_still_a_rival() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("good", "gone", "10.0.0.5/24"));
    cluster.apply(with(ep("bad", "gone-too", "10.0.0.5/24"), "/spec/Interface/AddressIPv6", "::zz"));
    let round = cluster.settle();
    round.releases("good", &[("10.0.0.5", leak_judge::AddressAction::Refuse)]);
    round.spares("bad", Verdict::Unknown, Reason::UnreadableAddress);
}

/// Found by the simulation: the confirming list was answered after the watch had told that the endpoint is gone, or
/// mended, and its addresses were nobody's to free from then on.
#[test]
fn a_late_read_does_not_bring_back_what_could_not_be_understood() {
    let spoilt = |version: &str| {
        let bad = with(ep("bad", "gone-too", "10.0.0.5/24"), "/spec/Interface/AddressIPv6", "::zz");
        with(bad, "/metadata/resourceVersion", version)
    };
    for is_mended in [false, true] {
        let mut cluster = Cluster::new();
        cluster.apply(net("n", &[5, 6]));
        cluster.apply(ep("good", "gone", "10.0.0.5/24"));
        cluster.apply(spoilt("1"));
        if is_mended {
            cluster.apply(ep("bad", "gone-too", "10.0.0.6/24"));
        } else {
            cluster.delete(spoilt("1"));
        }
        let late = Change::Read(vec![read(spoilt("1"))]);
        cluster.observe(Observation::Endpoints(GROUP, late));
        cluster.settle().releases("good", &[("10.0.0.5", Free)]);
    }
}

/// Scenario 36.
#[test]
fn spellings_of_one_address_are_one_claim() {
    for spelling in ["10.0.0.5", "010.000.000.005/24", "10.0.0.5/24"] {
        let mut cluster = Cluster::new();
        cluster.apply(net("n", &[5]));
        cluster.apply(pod("living"));
        cluster.apply(ep("dead", "gone", spelling));
        cluster.apply(with(ep("alive", "living", ""), "/spec/Interface/AddressIPv6", "::FFFF:10.0.0.5/96"));
        cluster.settle().releases("dead", &[("10.0.0.5", leak_judge::AddressAction::Refuse)]);
    }
}

#[test]
fn malformed_objects_are_named_once_and_hold_up_nobody() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("good", "gone", "10.0.0.5/24"));
    let malformed = [
        with(ep("odd-spec", "gone", ""), "/spec", "text"),
        with(ep("odd-interface", "gone", ""), "/spec/Interface", json!(["10.0.0.6"])),
        with(ep("odd-kind", "gone", ""), "/spec/apiType", "Service"),
    ];
    for object in &malformed {
        cluster.apply(object.clone());
    }
    let named = cluster.world.newly_parked();
    assert_eq!(named.len(), 3, "{named:?}");
    cluster.apply(malformed[0].clone());
    assert_eq!(cluster.world.newly_parked(), []);

    let round = cluster.settle();
    round.releases("good", &[("10.0.0.5", Free)]);
    for name in ["odd-spec", "odd-interface", "odd-kind"] {
        round.spares(name, Verdict::Unknown, Reason::UnreadableEndpoint);
    }

    cluster.apply(ep("odd-spec", "gone", ""));
    cluster.settle().releases("odd-spec", &[]);
}

#[test]
fn a_malformed_reservation_is_parked_and_a_sound_one_keeps_its_bit() {
    let reserved = |name: &str, address: &str| {
        json!({
            "apiVersion": "danm.io/v1",
            "kind": "ReservedIP",
            "metadata": {"name": name, "namespace": "ran", "uid": uid(name)},
            "spec": {"network": {"name": "t"}, "ips": [{"address": address}]},
        })
    };
    let mut cluster = Cluster::new();
    let tenant =
        objects::network(danm_api::ApiGroup::DanmIo, danm_api::NetworkKind::TenantNetwork, "ran", "t");
    cluster.apply(objects::with_bits(tenant, &[5, 6]));
    cluster.apply(reserved("vip", "10.0.0.5"));
    cluster.apply(reserved("bad", "ten"));
    assert_eq!(cluster.world.newly_parked().len(), 1);
    let orphans: Vec<String> =
        cluster.settle().rows().flat_map(|row| &row.addresses).map(|row| row.address.to_string()).collect();
    assert_eq!(orphans, ["10.0.0.6"]);
}
