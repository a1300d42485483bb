//! Whether an address is still the dead endpoint's own.

use std::time::Duration;

use danm_api::{Change::Apply, NetworkKind::DanmNet};
use leak_judge::{
    AddressAction::{AlreadyFree, Free, Refuse},
    EndpointId, Observation, RELEASED_ANNOTATION, Reason, Uid, Verdict,
};
use serde_json::json;
use testkit::objects::{uid, with};

use crate::cluster::{Cluster, GRACE, GROUP, WINDOW, ep, net, pod};

/// Scenario 2.
#[test]
fn the_bit_of_an_address_that_the_successor_took_over_stays_set() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("e1", "sts-0", "10.0.0.5/24"));
    cluster.apply(with(pod("sts-0"), "/metadata/uid", uid("new")));
    cluster.apply(with(ep("e2", "sts-0", "10.0.0.5/24"), "/spec/PodUID", uid("new")));
    let round = cluster.settle();
    round.releases("e1", &[("10.0.0.5", Refuse)]);
    round.spares("e2", Verdict::Live, Reason::PodExists);
    assert_eq!(round.set_bits("n"), None);
}

/// Scenario 21: another Pod's ADD has set the bit, its endpoint is not there yet.
#[test]
fn a_bit_that_was_set_anew_is_not_the_old_endpoints() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("old", "gone", "10.0.0.5/24"));
    cluster.look_and_wait(WINDOW);
    cluster.apply(net("n", &[]));
    cluster.apply(net("n", &[5]));
    cluster.wait(WINDOW * 10);
    let round = cluster.round();
    round.releases("old", &[("10.0.0.5", Refuse)]);
    assert_eq!(round.set_bits("n"), None);
}

/// Scenario 21: the same when the bit was set before we looked, so that nobody knows whose it is.
#[test]
fn a_bit_whose_history_is_unknown_has_to_be_seen_for_the_whole_window() {
    let mut cluster = Cluster::new();
    cluster.list(vec![net("n", &[5])]);
    cluster.list(vec![ep("old", "gone", "10.0.0.5/24")]);
    cluster.look_and_wait(WINDOW - Duration::from_secs(1));
    cluster.round().spares("old", Verdict::Dangling, Reason::OwnershipWindow);
    cluster.apply(pod("young"));
    cluster.apply(ep("new", "young", "10.0.0.5/24"));
    cluster.wait(Duration::from_secs(1));
    cluster.round().releases("old", &[("10.0.0.5", Refuse)]);
}

/// Scenario 21: the endpoint was in the list, and the bit rose between the lists of networks and endpoints. Whose
/// the rise was cannot be told, so the window counts from it.
#[test]
fn a_rise_before_an_endpoint_was_listed_starts_the_window() {
    let mut cluster = Cluster::new();
    cluster.list(vec![net("n", &[])]);
    cluster.wait(WINDOW);
    cluster.apply(net("n", &[5]));
    cluster.list(vec![ep("old", "gone", "10.0.0.5/24")]);
    cluster.look_and_wait(GRACE);
    cluster.round().spares("old", Verdict::Dangling, Reason::OwnershipWindow);
    cluster.wait(WINDOW);
    cluster.round().releases("old", &[("10.0.0.5", Free)]);
}

#[test]
fn an_address_whose_whole_history_was_seen_needs_no_window() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[]));
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("e", "gone", "10.0.0.5/24"));
    cluster.look_and_wait(GRACE);
    cluster.round().releases("e", &[("10.0.0.5", Free)]);
}

/// Watches of different kinds are not ordered against each other: versions are.
#[test]
fn an_endpoint_that_is_told_before_the_bit_it_set_still_owns_it() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[]));
    let bit_set = with(net("n", &[5]), "/metadata/resourceVersion", "2000");
    let endpoint = with(ep("e", "gone", "10.0.0.5/24"), "/metadata/resourceVersion", "2001");
    cluster.observe(Observation::Endpoints(GROUP, Apply(crate::cluster::read(endpoint))));
    cluster.observe(Observation::Networks(GROUP, DanmNet, Apply(crate::cluster::read(bit_set))));
    cluster.look_and_wait(GRACE);
    cluster.round().releases("e", &[("10.0.0.5", Free)]);
}

/// Scenario 23.
#[test]
fn an_address_that_a_dying_cni_freed_and_gave_to_another_stays_with_the_other() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("stale", "gone", "10.0.0.5/24"));
    cluster.apply(net("n", &[]));
    cluster.look_and_wait(GRACE);
    cluster.round().releases("stale", &[("10.0.0.5", AlreadyFree)]);
    cluster.apply(net("n", &[5]));
    cluster.apply(pod("young"));
    cluster.apply(ep("new", "young", "10.0.0.5/24"));
    cluster.round().releases("stale", &[("10.0.0.5", Refuse)]);
}

/// Scenario 24.
#[test]
fn an_endpoint_whose_release_is_recorded_is_only_deleted() {
    let mut cluster = Cluster::new();
    let endpoint = ep("e", "gone", "10.0.0.5/24");
    let recorded = format!("{},x", endpoint["metadata"]["uid"].as_str().unwrap());
    cluster.list(vec![with(net("n", &[5]), "/metadata/annotations", json!({RELEASED_ANNOTATION: recorded}))]);
    cluster.list(vec![endpoint]);
    let round = cluster.settle();
    round.releases("e", &[("10.0.0.5", AlreadyFree)]);
    assert_eq!(round.set_bits("n"), None);
}

#[test]
fn a_forged_record_of_release_does_not_kill_the_living() {
    let mut cluster = Cluster::new();
    let endpoint = ep("e", "a", "10.0.0.5/24");
    let recorded = endpoint["metadata"]["uid"].clone();
    cluster.apply(with(net("n", &[5]), "/metadata/annotations", json!({RELEASED_ANNOTATION: recorded})));
    cluster.apply(pod("a"));
    cluster.apply(endpoint);
    cluster.settle().spares("e", Verdict::Live, Reason::PodExists);
}

#[test]
fn a_write_records_the_endpoints_it_frees_and_drops_those_that_are_gone() {
    let mut cluster = Cluster::new();
    let first = ep("e1", "gone", "10.0.0.5/24");
    let still_there = first["metadata"]["uid"].as_str().unwrap().to_owned();
    let before = format!("{},{still_there}", uid("deleted long ago"));
    cluster.apply(with(net("n", &[6]), "/metadata/annotations", json!({RELEASED_ANNOTATION: before})));
    cluster.apply(first);
    let second = ep("e2", "gone", "10.0.0.6/24");
    let freed = second["metadata"]["uid"].as_str().unwrap().to_owned();
    cluster.apply(second);
    let round = cluster.settle();
    let patch = round.plan.networks[0].write.as_ref().unwrap().merge_patch();
    assert_eq!(
        patch["metadata"]["annotations"],
        json!({RELEASED_ANNOTATION: format!("{still_there},{freed}")})
    );
    assert_eq!(patch["spec"], json!({"Options": {"alloc": testkit::objects::alloc(&[])}}));
}

/// Scenario 58.
#[test]
fn an_endpoint_edited_to_name_a_living_pods_address_frees_nothing() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(pod("living"));
    cluster.apply(ep("victim", "living", "10.0.0.5/24"));
    cluster.apply(ep("forged", "nobody", "10.0.0.9/24"));
    cluster.apply(ep("forged", "nobody", "10.0.0.5/24"));
    let round = cluster.settle();
    round.releases("forged", &[("10.0.0.5", Refuse)]);
    assert_eq!(round.set_bits("n"), None);
    assert!(
        round.row("forged").evidence.iter().any(|line| line.contains("victim")),
        "{:?}",
        round.row("forged")
    );
}

/// Scenario 59.
#[test]
fn of_two_holders_of_one_address_the_dead_one_goes_and_the_bit_stays() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(pod("a"));
    cluster.apply(pod("b"));
    cluster.apply(ep("ea", "a", "10.0.0.5/24"));
    cluster.apply(ep("eb", "b", "10.0.0.5/24"));
    cluster.delete(pod("a"));
    let round = cluster.settle();
    round.releases("ea", &[("10.0.0.5", Refuse)]);
    round.spares("eb", Verdict::Live, Reason::PodExists);
}

/// A shareable reservation, and what is left of a duplicate: the bit goes with the last holder.
#[test]
fn the_bit_goes_when_all_its_holders_are_dead() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("ea", "a", "10.0.0.5/24"));
    cluster.apply(ep("eb", "b", "10.0.0.5/24"));
    let round = cluster.settle();
    round.releases("ea", &[("10.0.0.5", Free)]);
    round.releases("eb", &[("10.0.0.5", Free)]);
    assert_eq!(round.set_bits("n"), Some(vec![0, 255]));
}

/// An endpoint that cannot be understood may be anybody's.
#[test]
fn an_address_somewhere_in_a_malformed_endpoint_is_not_given_away() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5, 6]));
    cluster.apply(ep("dead", "gone", "10.0.0.5/24"));
    cluster.apply(ep("other", "gone", "10.0.0.6/24"));
    cluster.apply(pod("living"));
    for (name, pointer, value) in [
        ("odd-kind", "/spec/apiType", "Clusternetwork"),
        ("odd-address", "/spec/Interface/Address", "10.0.0.5 /24"),
    ] {
        let damaged = with(ep(name, "living", "10.0.0.5/24"), pointer, value);
        cluster.apply(damaged.clone());
        let round = cluster.settle();
        round.spares("dead", Verdict::Dangling, Reason::UnreadableEndpoint);
        cluster.delete(damaged);
    }
    let round = cluster.settle();
    round.releases("dead", &[("10.0.0.5", Free)]);
    round.releases("other", &[("10.0.0.6", Free)]);
}

/// It was unreadable before, and the end of a list forgets whatever was unreadable and is not any more.
#[test]
fn an_address_in_a_malformed_endpoint_is_still_known_after_a_list_in_which_it_is_malformed_otherwise() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("dead", "gone", "10.0.0.5/24"));
    cluster.apply(with(ep("odd", "living", "10.0.0.5/24"), "/spec/apiType", "Clusternetwork"));
    let otherwise = with(ep("odd", "living", ""), "/spec/Interface/Address", "10.0.0.5 /24");
    cluster.list(vec![ep("dead", "gone", "10.0.0.5/24"), otherwise]);
    cluster.apply(pod("living"));
    cluster.settle().spares("dead", Verdict::Dangling, Reason::UnreadableEndpoint);
}

/// A read may have shown an endpoint that was made anew under the name before the end of the earlier is told.
#[test]
fn the_end_of_an_earlier_endpoint_does_not_hide_a_malformed_one_of_its_name() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("dead", "gone", "10.0.0.5/24"));
    let earlier = with(ep("odd", "living", "10.0.0.5/24"), "/metadata/uid", "earlier");
    cluster.apply(with(ep("odd", "living", "10.0.0.5/24"), "/spec/apiType", "Clusternetwork"));
    cluster.apply(pod("living"));
    cluster.delete(earlier);
    cluster.settle().spares("dead", Verdict::Dangling, Reason::UnreadableEndpoint);
}

/// Its end may be known from our own delete before it is told.
#[test]
fn the_addresses_of_a_malformed_endpoint_are_forgotten_with_it_however_its_end_is_known() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("dead", "gone", "10.0.0.5/24"));
    let odd = with(ep("odd", "living", "10.0.0.5/24"), "/spec/Interface/Address", "10.0.0.5 /24");
    cluster.apply(odd.clone());
    cluster.apply(pod("living"));
    cluster.settle().spares("dead", Verdict::Dangling, Reason::UnreadableEndpoint);
    let id = EndpointId { group: GROUP, namespace: "ran".into(), name: Uid::from("odd") };
    cluster.observe(Observation::EndpointDeleted(id, Uid::from(&*uid(&format!("{GROUP}/DanmEp/ran/odd")))));
    cluster.delete(odd);
    cluster.settle().releases("dead", &[("10.0.0.5", Free)]);
}

/// Nobody decides by them.
#[test]
fn an_endpoint_of_which_other_fields_are_malformed_is_judged() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(with(ep("dead", "gone", "10.0.0.5/24"), "/spec/netns", 5));
    cluster.settle().releases("dead", &[("10.0.0.5", Free)]);
}

/// Not so fast as the bit of nobody: whoever may write an endpoint could free any address with it.
#[test]
fn an_endpoint_that_comes_long_after_the_bit_did_not_set_it() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.wait(3 * WINDOW);
    cluster.apply(ep("forged", "no-such-pod", "10.0.0.5/24"));
    let round = cluster.settle();
    round.releases("forged", &[("10.0.0.5", Refuse)]);
    assert_eq!(round.set_bits("n"), None);
}

#[test]
fn an_array_that_is_read_anew_after_an_edit_has_to_be_seen_for_the_window_again() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(pod("du-0"));
    cluster.apply(ep("e", "du-0", "10.0.0.5/24"));
    let wrong = with(net("n", &[5]), "/spec/Options/allocation_pool/start", "10.9.0.1");
    cluster.apply(wrong);
    cluster.apply(net("n", &[5]));
    cluster.delete(pod("du-0"));
    cluster.look_and_wait(GRACE);
    cluster.round().spares("e", Verdict::Dangling, Reason::OwnershipWindow);
    cluster.settle().releases("e", &[("10.0.0.5", Free)]);
}

#[test]
fn dead_holders_of_one_address_wait_for_each_other() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("one", "gone", "10.0.0.5/24"));
    cluster.apply(ep("other", "gone", "10.0.0.5/24"));
    cluster.settle();
    let plan = cluster.plan_only("one");
    assert!(plan.networks.is_empty(), "{plan:?}");
    assert_eq!(plan.held[0].reason, Reason::DeadRival);
    cluster.settle().releases("one", &[("10.0.0.5", Free)]);
}

/// The annotations of an object have a limit of their own.
#[test]
fn a_record_that_would_be_refused_is_not_written() {
    let mut cluster = Cluster::new();
    let notes = "x".repeat(256 * 1024 - 50);
    cluster.apply(with(net("n", &[5]), "/metadata/annotations/example.net~1notes", notes));
    cluster.apply(ep("e", "gone", "10.0.0.5/24"));
    let round = cluster.settle();
    round.releases("e", &[("10.0.0.5", Free)]);
    let write = round.plan.networks[0].write.as_ref().expect("a write");
    assert_eq!(write.released, None);
}

/// Scenario 29, judged: what was deleted and is still there waits for somebody's finalizer.
#[test]
fn a_deleted_endpoint_that_is_still_there_is_left_to_its_finalizer() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    let deleted = with(ep("e", "gone", "10.0.0.5/24"), "/metadata/deletionTimestamp", "2026-11-01T12:00:00Z");
    cluster.apply(deleted);
    cluster.settle().releases("e", &[("10.0.0.5", Free)]);
    let record = uid("danm.k8s.io/DanmEp/ran/e");
    cluster.apply(with(net("n", &[]), "/metadata/annotations/danm.io~1cleaner-released", record));
    cluster.settle().spares("e", Verdict::Dangling, Reason::Finalizer);
}
