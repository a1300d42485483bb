//! What was seen, how often, and what a faulty sight must not lead to.

use std::time::Duration;

use danm_api::{Change, NetworkKind};
use leak_judge::{
    AddressAction::{AlreadyFree, Free},
    Brake, Limit, Observation, Reason, Source, Verdict, judge,
};
use serde_json::Value;
use testkit::objects;

use crate::cluster::{Cluster, GRACE, GROUP, WINDOW, ep, net, pod, read};

const BRAKE: Brake = Brake { limit: Limit::Percent(50), min: 100 };

/// Number of releases a round would make on the absence of Pods alone, and whether they are believed.
fn braked(cluster: &mut Cluster) -> (usize, bool) {
    let round = cluster.round();
    let endpoints = round.plan.networks.iter().flat_map(|network| &network.endpoints);
    let concerned = endpoints.filter(|endpoint| Brake::concerns(endpoint.finding)).count();
    (concerned, BRAKE.trips(cluster.world.endpoints().len(), concerned))
}

fn crowded() -> Cluster {
    let mut cluster = Cluster::new();
    let set: Vec<u32> = (1..=200).collect();
    cluster.apply(net("n", &set));
    for number in set {
        let name = format!("p{number}");
        cluster.apply(pod(&name));
        cluster.apply(ep(&format!("e{number}"), &name, &format!("10.0.0.{number}/24")));
    }
    cluster
}

#[test]
fn one_observation_is_none() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("e", "gone", "10.0.0.5/24"));
    cluster.wait(WINDOW * 10);
    cluster.round().spares("e", Verdict::Unknown, Reason::FirstObservation);
    cluster.wait(GRACE - Duration::from_millis(1));
    cluster.round().spares("e", Verdict::Unknown, Reason::FirstObservation);
    cluster.wait(Duration::from_millis(1));
    cluster.round().releases("e", &[("10.0.0.5", Free)]);
}

/// Scenario 4: the watch delivered nothing for a while; the read that confirms a verdict finds the Pod.
#[test]
fn a_pod_found_by_a_fresh_read_was_never_gone() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("e", "young", "10.0.0.5/24"));
    cluster.look_and_wait(GRACE + WINDOW);
    cluster.observe(Observation::Pods(Change::Read(vec![read(pod("young"))])));
    cluster.round().spares("e", Verdict::Live, Reason::PodExists);
}

/// Scenario 5.
#[test]
fn nothing_is_judged_before_every_pod_node_and_endpoint_was_listed() {
    let essential = [Source::Pods, Source::Nodes, Source::endpoints(GROUP)];
    for missing in essential {
        let mut cluster = Cluster::unsynced();
        for group in danm_api::ApiGroup::ALL {
            let networks = NetworkKind::ALL.map(|kind| Source::networks(group, kind));
            networks.into_iter().for_each(|source| cluster.list_nothing(source));
            cluster.list_nothing(Source::endpoints(group));
        }
        cluster.list_nothing(Source::Nodes);
        cluster.list_nothing(Source::Pods);
        cluster.apply(net("n", &[5]));
        cluster.apply(ep("e", "gone", "10.0.0.5/24"));
        cluster.observe(Observation::Unavailable(missing, "500 Internal Server Error".to_owned()));
        let round = cluster.settle();
        assert_eq!(round.rows().count(), 0, "judged without {missing}");
        assert!(round.plan.networks.is_empty());
    }
}

/// Scenario 64, as far as judging goes.
#[test]
fn networks_of_a_kind_that_cannot_be_read_hold_their_endpoints_only() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("readable", "gone", "10.0.0.5/24"));
    let forbidden = Source::networks(GROUP, NetworkKind::TenantNetwork);
    cluster.observe(Observation::Unavailable(forbidden, "forbidden".to_owned()));
    cluster.apply(objects::with(ep("unreadable", "gone", "10.0.0.5/24"), "/spec/apiType", "TenantNetwork"));
    let round = cluster.settle();
    round.releases("readable", &[("10.0.0.5", Free)]);
    round.spares("unreadable", Verdict::Dangling, Reason::NetworkUnreadable);
}

/// Scenario 7: everything is listed anew, with versions that went back.
#[test]
fn after_a_relist_an_address_has_to_be_seen_for_the_whole_window_again() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("e", "gone", "10.0.0.5/24"));
    cluster.look_and_wait(GRACE + WINDOW);
    let restored = |object: Value| objects::with(object, "/metadata/resourceVersion", "7");
    let network = Change::Reset(vec![read(restored(net("n", &[5])))]);
    cluster.observe(Observation::Networks(GROUP, NetworkKind::DanmNet, network));
    cluster.observe(Observation::Endpoints(
        GROUP,
        Change::Reset(vec![read(restored(ep("e", "gone", "10.0.0.5/24")))]),
    ));
    cluster.round().spares("e", Verdict::Dangling, Reason::OwnershipWindow);
    cluster.wait(WINDOW);
    let round = cluster.round();
    round.releases("e", &[("10.0.0.5", Free)]);
    let write = round.plan.networks[0].write.as_ref().unwrap().merge_patch();
    assert_eq!(write["metadata"]["resourceVersion"], "7");
}

/// Scenario 7: endpoints that the restored data store does not know are not judged from memory.
#[test]
fn a_relist_forgets_what_it_does_not_list() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("e", "gone", "10.0.0.5/24"));
    cluster.observe(Observation::Endpoints(GROUP, Change::Reset(vec![])));
    assert_eq!(cluster.world.endpoints().len(), 0);
    cluster.observe(Observation::Networks(GROUP, NetworkKind::DanmNet, Change::Reset(vec![])));
    assert_eq!(cluster.settle().rows().count(), 0);
}

/// Scenario 8.
#[test]
fn a_pod_list_that_comes_back_empty_trips_the_brake() {
    let mut cluster = crowded();
    cluster.look_and_wait(WINDOW);
    assert_eq!(braked(&mut cluster), (0, false));
    cluster.observe(Observation::Pods(Change::Reset(vec![])));
    cluster.look_and_wait(GRACE);
    assert_eq!(braked(&mut cluster), (200, true));
}

/// Scenario 9: a list that ended early never becomes a reset; the same holds for one that restarts.
#[test]
fn a_list_that_was_not_completed_changes_nothing() {
    let mut cluster = crowded();
    cluster.look_and_wait(WINDOW + GRACE);
    cluster.observe(Observation::Pods(Change::Read(vec![read(pod("p1"))])));
    assert_eq!(braked(&mut cluster), (0, false));
}

/// Scenario 20.
#[test]
fn a_pod_that_shows_up_before_the_second_observation_saves_its_endpoint() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("e", "young", "10.0.0.5/24"));
    cluster.look_and_wait(GRACE / 2);
    cluster.apply(pod("young"));
    cluster.look_and_wait(GRACE);
    cluster.delete(pod("young"));
    cluster.round().spares("e", Verdict::Unknown, Reason::FirstObservation);
}

/// Scenario 48, as far as judging goes: a delete that arrives late, with the last known state.
#[test]
fn a_late_delete_of_an_earlier_pod_does_not_take_its_successor_away() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    let successor = objects::with(pod("sts-0"), "/metadata/uid", objects::uid("successor"));
    cluster.apply(successor);
    cluster.apply(objects::with(ep("e", "sts-0", "10.0.0.5/24"), "/spec/PodUID", objects::uid("successor")));
    cluster.delete(pod("sts-0"));
    cluster.settle().spares("e", Verdict::Live, Reason::PodExists);
}

fn at_version<T: serde::de::DeserializeOwned>(object: Value, version: &str) -> T {
    read(objects::with(object, "/metadata/resourceVersion", version))
}

/// The event was under way while the endpoint was read.
#[test]
fn a_late_event_does_not_undo_what_a_fresher_read_showed_of_an_endpoint() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5, 6]));
    let fresh = at_version(ep("e", "gone", "10.0.0.6/24"), "2002");
    cluster.observe(Observation::Endpoints(GROUP, Change::Read(vec![fresh])));
    let late = at_version(ep("e", "gone", "10.0.0.5/24"), "2001");
    cluster.observe(Observation::Endpoints(GROUP, Change::Apply(late)));
    cluster.settle().releases("e", &[("10.0.0.6", Free)]);
}

/// The answer to our own write overtakes the events of the writes before it.
#[test]
fn a_late_event_does_not_bring_back_the_bits_that_a_write_cleared() {
    let mut cluster = Cluster::new();
    let written = at_version(net("n", &[]), "2002");
    cluster.observe(Observation::Networks(GROUP, NetworkKind::DanmNet, Change::Apply(written)));
    let late = at_version(net("n", &[5]), "2001");
    cluster.observe(Observation::Networks(GROUP, NetworkKind::DanmNet, Change::Apply(late)));
    cluster.apply(ep("e", "gone", "10.0.0.5/24"));
    cluster.settle().releases("e", &[("10.0.0.5", AlreadyFree)]);
}

#[test]
fn an_empty_world_is_judged_as_nothing() {
    let rules = leak_judge::Rules { grace: GRACE, ownership_window: WINDOW, ..leak_judge::Rules::default() };
    let audit = judge(
        &leak_judge::World::default(),
        &leak_judge::Suspects::default(),
        &rules,
        leak_judge::Moment::START,
    );
    assert!(audit.judgements.is_empty());
}

#[test]
fn an_old_read_does_not_make_a_node_ready_again() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("e", "gone", "10.0.0.5/24"));
    let read_before = at_version(objects::node("node-a", "True"), "900");
    cluster.apply(objects::node("node-a", "Unknown"));
    cluster.observe(Observation::Nodes(Change::Read(vec![read_before])));
    cluster.settle().spares("e", Verdict::Unknown, Reason::NodeNotReady);
}

#[test]
fn a_late_event_of_an_earlier_pod_does_not_hide_its_successor() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    let successor = objects::with(pod("du-0"), "/metadata/uid", objects::uid("successor"));
    let successors = objects::with(ep("e", "du-0", "10.0.0.5/24"), "/spec/PodUID", objects::uid("successor"));
    cluster.apply(successors);
    cluster.observe(Observation::Pods(Change::Read(vec![at_version(successor, "5000")])));
    cluster.observe(Observation::Pods(Change::Apply(at_version(pod("du-0"), "4000"))));
    cluster.settle().spares("e", Verdict::Live, Reason::PodExists);
}

#[test]
fn an_old_read_does_not_bring_back_a_pod_that_was_seen_to_go() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("e", "du-0", "10.0.0.5/24"));
    cluster.apply(pod("du-0"));
    cluster.delete(pod("du-0"));
    cluster.observe(Observation::Pods(Change::Read(vec![at_version(pod("du-0"), "900")])));
    cluster.settle().releases("e", &[("10.0.0.5", Free)]);
}

#[test]
fn a_late_delete_of_an_earlier_endpoint_does_not_take_its_successor_away() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(objects::with(ep("e", "gone", "10.0.0.5/24"), "/metadata/uid", objects::uid("successor")));
    cluster.delete(ep("e", "gone", "10.0.0.5/24"));
    cluster.settle().releases("e", &[("10.0.0.5", Free)]);
}

/// A list that breaks off begins anew; what was malformed before is not gone meanwhile.
#[test]
fn while_a_list_comes_in_nothing_is_taken_to_be_gone() {
    let mut cluster = Cluster::new();
    let malformed = objects::with(net("n", &[5]), "/spec/Options/cidr", "10.0.0.0/99");
    cluster.apply(malformed);
    cluster.apply(ep("e", "gone", "10.0.0.5/24"));
    cluster.apply(ep("other", "du-0", "10.0.0.6/24"));
    cluster.apply(pod("du-0"));
    cluster.observe(Observation::Networks(GROUP, NetworkKind::DanmNet, Change::ListBegins));
    cluster.observe(Observation::Pods(Change::ListBegins));
    cluster.observe(Observation::Endpoints(GROUP, Change::ListBegins));
    let round = cluster.settle();
    round.spares("e", Verdict::Dangling, Reason::NetworkUnreadable);
    round.spares("other", Verdict::Live, Reason::PodExists);
    cluster.observe(Observation::Pods(Change::ListEnds));
    cluster.observe(Observation::Networks(GROUP, NetworkKind::DanmNet, Change::ListEnds));
    cluster.settle().releases("other", &[("10.0.0.6", AlreadyFree)]);
}

/// Scenarios 4 and 20: the watch of Pods is behind, and never told of a Pod that lives. That it is not in the index is no
/// observation; the first one is that it was asked for and was not there.
#[test]
fn a_pod_that_was_never_seen_is_asked_for_before_its_absence_counts() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[]));
    cluster.apply(net("n", &[5]));
    cluster.apply(ep("e", "unseen", "10.0.0.5/24"));
    let is_unasked = |cluster: &Cluster| cluster.judgement("e").is_unasked;
    assert!(is_unasked(&cluster));
    cluster.wait(GRACE * 10);
    assert!(is_unasked(&cluster));
    assert_eq!(
        cluster.judgement("e").finding.reason,
        Reason::FirstObservation,
        "however long it was not seen"
    );

    cluster.round().spares("e", Verdict::Unknown, Reason::FirstObservation);
    assert!(!is_unasked(&cluster), "it was asked for");
    cluster.look_and_wait(GRACE);
    cluster.round().releases("e", &[("10.0.0.5", Free)]);
}

/// Found by the simulation: what came and went before a list was made is told by nobody, and a read that was answered late
/// showed it for ever.
#[test]
fn a_read_that_overlaps_a_list_counts_as_nothing() {
    let mut cluster = Cluster::new();
    for (source, begins, ends) in [
        (Source::Pods, Observation::Pods(Change::ListBegins), Observation::Pods(Change::ListEnds)),
        (Source::Nodes, Observation::Nodes(Change::ListBegins), Observation::Nodes(Change::ListEnds)),
        (
            Source::endpoints(GROUP),
            Observation::Endpoints(GROUP, Change::ListBegins),
            Observation::Endpoints(GROUP, Change::ListEnds),
        ),
    ] {
        let before = cluster.now();
        cluster.wait(GRACE);
        assert!(!cluster.world.is_overtaken(source, before), "{source}: of earlier lists it knows");
        cluster.observe(begins);
        assert!(cluster.world.is_listing(source));
        assert!(cluster.world.is_overtaken(source, cluster.now()), "{source}: a list is on its way");
        cluster.observe(ends);
        assert!(!cluster.world.is_listing(source));
        assert!(cluster.world.is_overtaken(source, before), "{source}: a list has ended since");
        assert!(!cluster.world.is_overtaken(source, cluster.now()), "{source}: it begins afterwards");
    }
}

/// The confirming read of a Pod whose Node is gone, too, finds it gone: that is no reason to begin the grace anew.
#[test]
fn a_confirmed_absence_does_not_begin_the_grace_anew_where_nothing_rests_on_it() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[]));
    cluster.apply(net("n", &[5]));
    cluster.apply(objects::with(ep("e", "p", "10.0.0.5/24"), "/spec/Host", "lost"));
    cluster.look_and_wait(GRACE);
    cluster.round().releases("e", &[("10.0.0.5", Free)]);
    cluster.observe(Observation::PodAbsent(objects::uid("ran/p").as_str().into()));
    cluster.round().releases("e", &[("10.0.0.5", Free)]);
}

/// Scenario 4: whoever was seen to go needs no asking.
#[test]
fn a_pod_that_was_seen_to_go_is_known_to_be_gone() {
    let mut cluster = Cluster::new();
    cluster.apply(pod("p"));
    cluster.apply(ep("e", "p", "10.0.0.5/24"));
    cluster.delete(pod("p"));
    assert!(!cluster.judgement("e").is_unasked);
    cluster.apply(pod("q"));
    cluster.apply(ep("f", "q", "10.0.0.6/24"));
    cluster.list_nothing(Source::Pods);
    assert!(!cluster.judgement("f").is_unasked, "a complete list is asking, too");
}
