//! What does not agree in the address books of networks: what is found, since when it has to have been seen, and what
//! is never mended.

use std::time::Duration;

use danm_api::{ApiGroup, Change, NetworkKind};
use leak_judge::{
    AddressAction::Free, AddressAction::Refuse, Anomaly, AnomalyKind, MendingRules, Observation, Reason,
    Source, Verdict,
};
use serde_json::{Value, json};
use testkit::objects::{self, uid, with, with_bits};

use crate::cluster::{Cluster, GRACE, GROUP, WINDOW, ep, net, pod, read};

const ORPHAN_GRACE: Duration = Duration::from_secs(900);

const RULES: MendingRules = MendingRules { missing_for: GRACE, orphan_for: Some(ORPHAN_GRACE) };

const SECOND: Duration = Duration::from_secs(1);

fn kinds(found: &[Anomaly]) -> Vec<AnomalyKind> {
    found.iter().map(Anomaly::kind).collect()
}

fn tenant_net(set: &[u32]) -> Value {
    with_bits(objects::network(ApiGroup::DanmIo, NetworkKind::TenantNetwork, "ran", "n"), set)
}

fn reserved(addresses: &Value) -> Value {
    json!({
        "apiVersion": "danm.io/v1",
        "kind": "ReservedIP",
        "metadata": {"name": "r", "namespace": "ran", "uid": uid("r")},
        "spec": {"network": {"name": "n"}, "ips": addresses},
    })
}

/// A network with these bits set, seen for the orphan grace.
fn watched(set: &[u32]) -> Cluster {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", set));
    cluster.inspect();
    cluster.wait(ORPHAN_GRACE);
    cluster
}

// What is found.

#[test]
fn an_address_book_that_agrees_has_no_anomalies() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(pod("p"));
    cluster.apply(ep("e", "p", "10.0.0.5/24"));
    cluster.apply(ep("l2", "p", "none"));
    assert_eq!(cluster.inspect(), []);
    cluster.wait(ORPHAN_GRACE);
    assert!(cluster.mending(&RULES).is_empty());
}

/// Scenario 22.
#[test]
fn set_bits_that_nobody_claims_are_told_as_runs() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5, 6, 7, 9]));
    cluster.apply(pod("p"));
    cluster.apply(ep("e", "p", "10.0.0.6/24"));
    let found: Vec<String> = cluster.inspect().iter().map(Anomaly::to_string).collect();
    assert_eq!(
        found,
        [
            "10.0.0.5 is allocated, and no endpoint claims it",
            "10.0.0.7 is allocated, and no endpoint claims it",
            "10.0.0.9 is allocated, and no endpoint claims it",
        ]
    );
    cluster.apply(net("n", &[5, 7, 8, 9]));
    let found = cluster.inspect();
    assert_eq!(kinds(&found), [AnomalyKind::OrphanBit, AnomalyKind::OrphanBit, AnomalyKind::MissingBit]);
    assert_eq!(
        found[1].to_string(),
        "3 addresses from 10.0.0.7 to 10.0.0.9 are allocated, and no endpoint claims them"
    );
}

/// Scenario 60.
#[test]
fn the_clear_bit_of_a_living_endpoint_is_told() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[]));
    cluster.apply(pod("p"));
    cluster.apply(ep("e", "p", "10.0.0.5/24"));
    assert_eq!(
        cluster.inspect()[0].to_string(),
        "10.0.0.5 is not allocated, though DanmEp.danm.k8s.io ran/e of Pod p holds it"
    );
    let round = cluster.round();
    round.spares("e", Verdict::Live, Reason::MissingBit);
}

/// Scenarios 58 and 59.
#[test]
fn an_address_that_two_living_pods_hold_is_told_until_one_is_gone() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(pod("p"));
    cluster.apply(pod("q"));
    cluster.apply(ep("first", "p", "10.0.0.5/24"));
    cluster.apply(ep("second", "q", "10.0.0.5/24"));
    assert_eq!(kinds(&cluster.inspect()), [AnomalyKind::DuplicateAddress]);
    let round = cluster.round();
    for (name, rival) in [("first", "ran/second of Pod q"), ("second", "ran/first of Pod p")] {
        round.spares(name, Verdict::Live, Reason::DuplicateAddress);
        let evidence = &round.row(name).evidence;
        assert!(evidence.iter().any(|line| line.contains(rival)), "{evidence:?}");
    }

    cluster.delete(pod("p"));
    let round = cluster.settle();
    round.releases("first", &[("10.0.0.5", Refuse)]);
    round.spares("second", Verdict::Live, Reason::PodExists);
    assert_eq!(cluster.inspect(), []);
    assert_eq!(cluster.mended(&RULES), None);
}

#[test]
fn what_one_pod_holds_twice_is_no_duplicate() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(pod("p"));
    cluster.apply(ep("of-this-sandbox", "p", "10.0.0.5/24"));
    cluster.apply(ep("of-the-last-sandbox", "p", "10.0.0.5/24"));
    assert_eq!(cluster.inspect(), []);
}

#[test]
fn an_address_of_a_pod_that_has_ended_is_no_duplicate() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(pod("p"));
    cluster.apply(with(pod("q"), "/status/phase", "Succeeded"));
    cluster.apply(ep("first", "p", "10.0.0.5/24"));
    cluster.apply(ep("second", "q", "10.0.0.5/24"));
    assert_eq!(cluster.inspect(), []);
}

#[test]
fn an_address_that_may_be_shared_is_no_duplicate() {
    for (shareable, found) in [(true, vec![]), (false, vec![AnomalyKind::DuplicateAddress])] {
        let mut cluster = Cluster::new();
        cluster.apply(tenant_net(&[5]));
        cluster.apply(reserved(&json!([{"address": "10.0.0.5", "shareable": shareable}])));
        for name in ["p", "q"] {
            cluster.apply(pod(name));
            let endpoint = with(ep(name, name, "10.0.0.5/24"), "/apiVersion", "danm.io/v1");
            cluster.apply(with(endpoint, "/spec/apiType", "TenantNetwork"));
        }
        assert_eq!(kinds(&cluster.inspect()), found);
    }
}

/// Scenario 40: a network that is in both groups is one.
#[test]
fn what_is_claimed_in_either_group_is_neither_orphan_nor_told_twice() {
    let mut cluster = Cluster::new();
    for group in ApiGroup::ALL {
        cluster.apply(with_bits(objects::network(group, NetworkKind::DanmNet, "ran", "n"), &[5, 6]));
    }
    for name in ["p", "q"] {
        cluster.apply(pod(name));
        cluster.apply(ep(name, name, "10.0.0.5/24"));
    }
    cluster.apply(with(ep("new", "p", "10.0.0.6/24"), "/apiVersion", "danm.io/v1"));
    assert_eq!(kinds(&cluster.inspect()), [AnomalyKind::DuplicateAddress]);
}

#[test]
fn an_address_in_no_subnet_of_its_network_is_told_where_danm_gives_addresses() {
    let cases = [
        ("10.0.1.5/24", "", "ipvlan", true),
        ("", "2001:db8::1:5/64", "ipvlan", false),
        ("", "fd00::5/64", "ipvlan", true),
        ("10.0.1.5/24", "", "flannel", false),
    ];
    for (ipv4, ipv6, network_type, is_outside) in cases {
        let mut cluster = Cluster::new();
        let network = with(net("n", &[]), "/spec/Options/net6", "2001:db8::/64");
        let network = with(network, "/spec/Options/allocation_pool_v6/cidr", "2001:db8::/120");
        cluster.apply(with(network, "/spec/Options/alloc6", objects::alloc(&[])));
        cluster.apply(pod("p"));
        let endpoint = with(ep("e", "p", ipv4), "/spec/Interface/AddressIPv6", ipv6);
        cluster.apply(with(endpoint, "/spec/NetworkType", network_type));
        let found = kinds(&cluster.inspect());
        assert_eq!(found.contains(&AnomalyKind::OutsideNetwork), is_outside, "{ipv4}{ipv6} {network_type}");
    }
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[]));
    cluster.apply(pod("p"));
    cluster.apply(with(ep("e", "p", ""), "/spec/Interface/AddressIPv6", "fd00::5/64"));
    assert_eq!(cluster.inspect(), [], "a network without IPv6 has nothing to say about it");
}

/// Scenario 33.
#[test]
fn an_array_that_does_not_fit_is_told_and_never_mended() {
    let mut cluster = Cluster::new();
    cluster.apply(with(net("n", &[9]), "/spec/Options/cidr", "10.0.0.0/23"));
    cluster.apply(pod("p"));
    cluster.apply(ep("e", "p", "10.0.0.5/24"));
    assert_eq!(kinds(&cluster.inspect()), [AnomalyKind::UnfitArray]);
    let round = cluster.round();
    round.spares("e", Verdict::Live, Reason::PodExists);
    assert!(round.row("e").evidence.iter().any(|line| line.contains("was the subnet edited?")));
    cluster.wait(ORPHAN_GRACE);
    cluster.inspect();
    assert!(cluster.mending(&RULES).is_empty());
}

#[test]
fn nothing_is_found_while_something_cannot_be_read() {
    let networks = Source::networks(GROUP, NetworkKind::DanmNet);
    for source in [Source::endpoints(GROUP), Source::reservations(), networks] {
        let mut cluster = watched(&[5]);
        cluster.observe(Observation::Unavailable(source, "it is gone".to_owned()));
        assert_eq!(cluster.inspect(), [], "{source}");
        assert!(cluster.mending(&RULES).is_empty());
    }
}

// Orphans.

/// Scenario 22.
#[test]
fn an_orphan_is_cleared_after_two_looks_and_its_grace() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.wait(ORPHAN_GRACE);
    assert_eq!(cluster.mended(&RULES), None, "never looked at");
    cluster.inspect();
    assert_eq!(cluster.mended(&RULES), None, "looked at once");
    cluster.wait(ORPHAN_GRACE - SECOND);
    assert_eq!(cluster.mended(&RULES), None);
    cluster.wait(SECOND);
    assert_eq!(cluster.mended(&RULES), Some(vec![]));
    assert_eq!(
        cluster.mended(&MendingRules { orphan_for: None, ..RULES }),
        None,
        "only where that is wanted"
    );
    let mending = cluster.mending(&RULES);
    assert_eq!(mending.orphans[0].shown_since, cluster.now(), "all endpoints have to be read from then on");
}

#[test]
fn no_wait_at_all_still_takes_two_looks() {
    let rules = MendingRules { missing_for: Duration::ZERO, orphan_for: Some(Duration::ZERO) };
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[9]));
    cluster.apply(pod("p"));
    cluster.apply(ep("e", "p", "10.0.0.5/24"));
    cluster.inspect();
    assert_eq!(cluster.mended(&rules), None);
    cluster.wait(SECOND);
    assert_eq!(cluster.mended(&rules), Some(vec![5]));
}

/// Scenarios 21 and 22: the address was given back and given out again in between.
#[test]
fn a_bit_that_was_set_anew_begins_its_grace_anew() {
    let mut cluster = watched(&[5, 6]);
    cluster.apply(net("n", &[6]));
    cluster.apply(net("n", &[5, 6]));
    assert_eq!(cluster.mended(&RULES), Some(vec![5]));
    cluster.inspect();
    cluster.wait(ORPHAN_GRACE);
    assert_eq!(cluster.mended(&RULES), Some(vec![]));
}

/// Scenario 21: between bit and endpoint.
#[test]
fn an_orphan_that_is_claimed_at_last_is_none() {
    let mut cluster = watched(&[5, 6]);
    cluster.apply(pod("p"));
    cluster.apply(ep("e", "p", "10.0.0.5/24"));
    assert_eq!(cluster.mended(&RULES), Some(vec![5]));
}

#[test]
fn a_gap_in_the_watch_of_a_network_begins_the_grace_anew() {
    let mut cluster = watched(&[5]);
    cluster.list(vec![net("n", &[5])]);
    cluster.inspect();
    assert_eq!(cluster.mended(&RULES), None);
    cluster.wait(ORPHAN_GRACE);
    assert_eq!(cluster.mended(&RULES), Some(vec![]));
}

/// Scenario 31.
#[test]
fn a_network_made_anew_begins_the_grace_anew() {
    let mut cluster = watched(&[5]);
    cluster.apply(with(net("n", &[5]), "/metadata/uid", uid("another")));
    assert_eq!(cluster.mended(&RULES), None);
    cluster.inspect();
    assert_eq!(cluster.mended(&RULES), None);
}

/// Scenarios 10 and 37: I10.
#[test]
fn reserved_bits_are_no_orphans() {
    for group in ApiGroup::ALL {
        let mut cluster = Cluster::new();
        let network = with(net("n", &[1, 2]), "/spec/Options/routes", json!({"10.99.0.0/16": "10.0.0.1"}));
        cluster.apply(with(network, "/apiVersion", format!("{group}/v1")));
        let found: Vec<String> = cluster.inspect().iter().map(Anomaly::to_string).collect();
        assert_eq!(found, ["10.0.0.2 is allocated, and no endpoint claims it"]);
        cluster.wait(ORPHAN_GRACE);
        assert_eq!(cluster.mended(&RULES), Some(vec![1]));
    }
}

#[test]
fn what_a_reservation_keeps_is_no_orphan_and_one_that_is_malformed_may_keep_anything() {
    let mut cluster = Cluster::new();
    cluster.apply(tenant_net(&[5, 6]));
    cluster.apply(reserved(&json!([{"address": "10.0.0.5"}])));
    cluster.inspect();
    cluster.wait(ORPHAN_GRACE);
    assert_eq!(cluster.mended(&RULES), Some(vec![5]));

    cluster.apply(reserved(&json!([{"address": "ten"}])));
    assert!(cluster.mending(&RULES).is_empty());
    assert!(kinds(&cluster.inspect()).contains(&AnomalyKind::OrphanBit), "it is told all the same");
}

#[test]
fn an_address_in_an_endpoint_that_cannot_be_understood_is_no_orphan() {
    let mut cluster = watched(&[5, 6]);
    cluster.apply(with(ep("odd", "p", ""), "/spec/Interface", json!(["10.0.0.5/24"])));
    assert_eq!(cluster.mended(&RULES), Some(vec![5]));
}

/// Scenario 38: a whole array of orphans is a few stretches, of which the young are left out.
#[test]
fn a_large_array_full_of_orphans_is_cleared_in_one_write() {
    let options = danm_api::NetworkOptions { cidr: Some("10.0.0.0/9".to_owned()), ..Default::default() };
    let pool = danm_ipam::Pool::new(danm_ipam::Family::Ipv4, &options).unwrap().unwrap();
    let mut bits = pool.fresh_bits(GROUP);
    (1..pool.size() - 1).filter(|bit| *bit != 700).for_each(|bit| bits.set(danm_ipam::BitIndex(bit)));
    let network = |alloc: String| {
        let network = with(
            objects::network(GROUP, NetworkKind::DanmNet, "ran", "n"),
            "/spec/Options/cidr",
            "10.0.0.0/9",
        );
        with(network, "/spec/Options/alloc", alloc)
    };
    let mut cluster = Cluster::new();
    cluster.apply(network(bits.encode()));
    cluster.inspect();
    cluster.wait(SECOND);
    bits.set(danm_ipam::BitIndex(700));
    cluster.apply(network(bits.encode()));
    cluster.inspect();
    cluster.wait(ORPHAN_GRACE - SECOND);
    let mending = cluster.mending(&RULES);
    assert_eq!(mending.orphans.len(), 2, "before and after the young one");
    assert_eq!(mending.freed(), (pool.size() - 3) as usize);
}

// Missing bits.

/// A living endpoint with a clear bit, seen for the grace.
fn missing(network: Value, endpoint: Value) -> Cluster {
    let mut cluster = Cluster::new();
    cluster.apply(network);
    cluster.apply(pod("p"));
    cluster.apply(endpoint);
    cluster.inspect();
    cluster.wait(GRACE);
    cluster
}

/// Scenario 60.
#[test]
fn a_missing_bit_is_set_after_two_looks_a_grace_apart() {
    let mut cluster = missing(net("n", &[]), ep("e", "p", "10.0.0.5/24"));
    assert_eq!(cluster.mended(&RULES), Some(vec![5]));
    let mut early = Cluster::new();
    early.apply(net("n", &[]));
    early.apply(pod("p"));
    early.apply(ep("e", "p", "10.0.0.5/24"));
    assert_eq!(early.mended(&RULES), None, "never looked at");
    early.inspect();
    early.wait(GRACE - SECOND);
    assert_eq!(early.mended(&RULES), None);
    early.inspect();
    early.wait(SECOND);
    assert_eq!(early.mended(&RULES), Some(vec![5]), "it was seen so twice");

    cluster.apply(net("n", &[5]));
    cluster.apply(net("n", &[]));
    assert_eq!(cluster.mended(&RULES), None, "it was set in between");
}

/// Scenario 60: what DANM is about to delete is not set again.
#[test]
fn no_bit_is_set_for_an_endpoint_on_its_way_out() {
    let endpoint = || ep("e", "p", "10.0.0.5/24");
    let ways: [fn(&mut Cluster); 4] = [
        |cluster| cluster.apply(with(pod("p"), "/metadata/deletionTimestamp", "2026-11-02T00:00:00Z")),
        |cluster| cluster.apply(with(pod("p"), "/status/phase", "Failed")),
        |cluster| cluster.delete(pod("p")),
        |cluster| {
            let endpoint = ep("e", "p", "10.0.0.5/24");
            cluster.apply(with(endpoint, "/metadata/deletionTimestamp", "2026-11-02T00:00:00Z"));
        },
    ];
    for way in ways {
        let mut cluster = missing(net("n", &[]), endpoint());
        assert_eq!(cluster.mended(&RULES), Some(vec![5]));
        way(&mut cluster);
        assert_eq!(cluster.mended(&RULES), None);
        assert_eq!(cluster.inspect(), []);
    }
}

/// Scenario 41: a name alone is no proof of life.
#[test]
fn no_bit_is_set_for_a_pod_that_is_not_there_by_its_uid() {
    let cluster = missing(net("n", &[]), with(ep("e", "p", "10.0.0.5/24"), "/spec/PodUID", ""));
    assert_eq!(cluster.mended(&RULES), None);
}

#[test]
fn no_bit_is_set_that_is_not_surely_danms_and_the_endpoints() {
    let endpoint = || ep("e", "p", "10.0.0.5/24");
    let gateway = with(net("n", &[]), "/spec/Options/routes", json!({"10.99.0.0/16": "10.0.0.5"}));
    let allowing = |tenants: Value| with(net("n", &[]), "/spec/AllowedTenants", tenants);
    assert_eq!(missing(allowing(json!(["ran"])), endpoint()).mended(&RULES), Some(vec![5]));
    let released = json!({"danm.io/cleaner-released": uid(&format!("{GROUP}/DanmEp/ran/e"))});
    let told = [
        ("a gateway", gateway, endpoint()),
        ("a network for others", allowing(json!(["core", "oss"])), endpoint()),
        ("a record of its release", with(net("n", &[]), "/metadata/annotations", released), endpoint()),
        (
            "a younger network",
            with(net("n", &[]), "/metadata/creationTimestamp", "2026-11-02T00:00:00Z"),
            endpoint(),
        ),
    ];
    for (what, network, endpoint) in told {
        let mut cluster = missing(network, endpoint);
        assert_eq!(cluster.mended(&RULES), None, "{what}");
        assert_eq!(kinds(&cluster.inspect()), [AnomalyKind::MissingBit], "{what} is told of");
    }
    let not_told = [
        ("another plugin's address", net("n", &[]), with(endpoint(), "/spec/NetworkType", "flannel")),
        ("the network address", net("n", &[]), ep("e", "p", "10.0.0.0/24")),
        ("another group's network", net("n", &[]), with(endpoint(), "/apiVersion", "danm.io/v1")),
    ];
    for (what, network, endpoint) in not_told {
        let mut cluster = missing(network, endpoint);
        assert_eq!(cluster.mended(&RULES), None, "{what}");
        assert_eq!(cluster.inspect(), [], "{what}");
    }
    let mut cluster = missing(net("n", &[]), endpoint());
    cluster.apply(with(ep("odd", "q", ""), "/spec/Interface", json!(["10.0.0.5/24"])));
    assert_eq!(cluster.mended(&RULES), None, "an endpoint that cannot be understood names it too");
}

#[test]
fn no_bit_is_set_that_a_reservation_keeps() {
    let endpoint = with(ep("e", "p", "10.0.0.5/24"), "/apiVersion", "danm.io/v1");
    let mut cluster = missing(tenant_net(&[]), with(endpoint, "/spec/apiType", "TenantNetwork"));
    assert_eq!(cluster.mended(&RULES), Some(vec![5]));
    cluster.apply(reserved(&json!([{"address": "10.0.0.5"}])));
    assert_eq!(cluster.mended(&RULES), None);
}

/// What we have set is the endpoint's own, and goes with it. It would look like somebody else's.
#[test]
fn a_bit_that_we_have_set_is_freed_when_its_endpoint_dies() {
    for is_told in [true, false] {
        let mut cluster = missing(net("n", &[]), ep("e", "p", "10.0.0.5/24"));
        let restored = cluster.mending(&RULES).restored();
        cluster.apply(net("n", &[5]));
        if is_told {
            let (id, record) = cluster.world.networks().iter().next().unwrap();
            cluster.observe(Observation::BitsRestored(id.clone(), restored, record.version));
        }
        cluster.delete(pod("p"));
        cluster.look_and_wait(GRACE);
        let round = cluster.round();
        round.deletes_not_if(is_told, "e");
        cluster.wait(WINDOW);
        cluster.round().releases("e", &[("10.0.0.5", if is_told { Free } else { Refuse })]);
    }
}

/// Somebody cleared it again, and it was given to somebody else.
#[test]
fn a_bit_that_we_have_set_and_that_was_cleared_since_is_not_freed() {
    let mut cluster = missing(net("n", &[]), ep("e", "p", "10.0.0.5/24"));
    let restored = cluster.mending(&RULES).restored();
    cluster.apply(net("n", &[5]));
    let (id, record) = cluster.world.networks().iter().next().unwrap();
    let told = Observation::BitsRestored(id.clone(), restored, record.version);
    cluster.apply(net("n", &[]));
    cluster.apply(net("n", &[5]));
    cluster.observe(told);
    cluster.delete(pod("p"));
    cluster.settle().releases("e", &[("10.0.0.5", Refuse)]);
}

/// The pods of a whole namespace come back by a list.
#[test]
fn a_list_of_pods_that_shows_none_finds_no_bit_missing() {
    let mut cluster = missing(net("n", &[]), ep("e", "p", "10.0.0.5/24"));
    cluster.observe(Observation::Pods(Change::Reset(vec![])));
    assert_eq!(cluster.mended(&RULES), None);
    cluster.observe(Observation::Pods(Change::Reset(vec![read(pod("p"))])));
    assert_eq!(cluster.mended(&RULES), Some(vec![5]));
}
