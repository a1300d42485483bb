//! Networks of all shapes: which address has which bit, which has none, and what an array that does not fit
//! must not lead to.

use danm_api::{ApiGroup, NetworkKind};
use danm_ipam::{AllocBits, BitIndex, Family, Pool};
use leak_judge::{
    Action,
    AddressAction::{AlreadyFree, Free, Keep, Refuse},
    Owner, Reason, Verdict,
};
use serde_json::{Value, json};
use testkit::objects::{self, alloc, with, with_bits};

use crate::cluster::{Cluster, GROUP, ep, net};

/// Gives a network an IPv6 subnet with a pool of 256 addresses and these bits set besides its ends.
fn with_ipv6(network: Value, set: &[u32]) -> Value {
    let network = with(network, "/spec/Options/net6", "2001:db8::/64");
    let network = with(network, "/spec/Options/allocation_pool_v6/cidr", "2001:db8::/120");
    with(network, "/spec/Options/alloc6", alloc(set))
}

fn dual(name: &str, pod: &str, ipv4: &str, ipv6: &str) -> Value {
    with(ep(name, pod, ipv4), "/spec/Interface/AddressIPv6", ipv6)
}

/// Scenario 30.
#[test]
fn endpoints_of_a_network_that_is_gone_are_deleted() {
    let mut cluster = Cluster::new();
    cluster.apply(ep("e", "gone", "10.0.0.5/24"));
    let round = cluster.settle();
    round.releases("e", &[("10.0.0.5", AlreadyFree)]);
    assert!(round.plan.networks[0].write.is_none());
}

/// Scenario 31.
#[test]
fn a_network_made_anew_under_its_name_is_not_touched_for_the_old_ones_endpoints() {
    for cidr in ["10.0.0.0/24", "10.9.0.0/24"] {
        let mut cluster = Cluster::new();
        let anew = with(net("n", &[5]), "/metadata/creationTimestamp", "2026-11-02T00:00:00Z");
        cluster.apply(with(anew, "/spec/Options/cidr", cidr));
        cluster.apply(ep("e", "gone", "10.0.0.5/24"));
        let round = cluster.settle();
        round.releases("e", &[("10.0.0.5", AlreadyFree)]);
        assert_eq!(round.set_bits("n"), None);
    }
}

/// Scenario 32.
#[test]
fn an_address_outside_an_edited_subnet_has_no_bit() {
    let mut cluster = Cluster::new();
    cluster.apply(with(net("n", &[5]), "/spec/Options/cidr", "10.0.8.0/24"));
    cluster.apply(ep("e", "gone", "10.0.0.5/24"));
    let round = cluster.settle();
    round.releases("e", &[("10.0.0.5", AlreadyFree)]);
    assert_eq!(round.row("e").addresses[0].owner, Owner::None);
}

/// Scenario 33.
#[test]
fn an_array_that_cannot_be_read_parks_the_endpoints_it_covers() {
    let broken = [
        ("/spec/Options/alloc", json!("")),
        ("/spec/Options/alloc", json!(null)),
        ("/spec/Options/alloc", json!("!!!")),
        ("/spec/Options/alloc", json!("gAE=")),
        ("/spec/Options/alloc", json!(format!("{}AAAA", "gAAA".repeat(11)))),
        ("/spec/Options/cidr", json!("10.0.0.0/25")),
        ("/spec/Options/cidr", json!("10.0.0.0/8")),
        ("/spec/Options/cidr", json!("ten")),
        ("/spec/Options/allocation_pool", json!({"start": "10.1.0.1"})),
    ];
    for (pointer, value) in broken {
        let mut cluster = Cluster::new();
        cluster.apply(with(net("n", &[5]), pointer, value.clone()));
        cluster.apply(ep("e", "gone", "10.0.0.5/24"));
        cluster.apply(ep("l2", "gone", "none"));
        assert_eq!(cluster.world.newly_parked().len(), 1, "{pointer}: {value}");
        let round = cluster.settle();
        round.spares("e", Verdict::Dangling, Reason::NetworkUnreadable);
        round.releases("l2", &[]);
    }
}

/// Scenario 33: other networks, and the other family, go on.
#[test]
fn a_broken_array_holds_up_no_other() {
    let mut cluster = Cluster::new();
    cluster.apply(with_ipv6(with(net("n", &[]), "/spec/Options/alloc", "!"), &[6]));
    cluster.apply(net("sound", &[7]));
    cluster.apply(ep("four", "gone", "10.0.0.5/24"));
    cluster.apply(dual("six", "gone", "", "2001:db8::6/64"));
    cluster.apply(with(ep("other", "gone", "10.0.0.7/24"), "/spec/NetworkName", "sound"));
    let round = cluster.settle();
    round.spares("four", Verdict::Dangling, Reason::NetworkUnreadable);
    round.releases("six", &[("2001:db8::6", Free)]);
    round.releases("other", &[("10.0.0.7", Free)]);
}

/// Scenario 34.
#[test]
fn both_families_of_an_endpoint_are_freed_by_one_write() {
    let mut cluster = Cluster::new();
    cluster.apply(with_ipv6(net("n", &[5]), &[6]));
    cluster.apply(dual("e", "gone", "10.0.0.5/24", "2001:DB8::6/64"));
    let round = cluster.settle();
    round.releases("e", &[("10.0.0.5", Free), ("2001:db8::6", Free)]);
    let patch = round.plan.networks[0].write.as_ref().unwrap().merge_patch();
    assert_eq!(patch["spec"]["Options"], json!({"alloc": alloc(&[]), "alloc6": alloc(&[])}));
}

/// Scenario 35.
#[test]
fn endpoints_with_one_address_or_none_are_released_without_error() {
    let mut cluster = Cluster::new();
    cluster.apply(with_ipv6(net("n", &[5]), &[6]));
    cluster.apply(objects::network(GROUP, NetworkKind::DanmNet, "ran", "l2"));
    cluster.apply(ep("v4", "gone", "10.0.0.5/24"));
    cluster.apply(dual("v6", "gone", "", "2001:db8::6/64"));
    cluster.apply(dual("none", "gone", "none", "none"));
    cluster.apply(ep("dynamic", "gone", "dynamic"));
    cluster.apply(dual("outside-pool", "gone", "", "2001:db8::1:5/64"));
    cluster.apply(with(ep("l2", "gone", ""), "/spec/NetworkName", "l2"));
    cluster.apply(with(ep("bare", "gone", ""), "/spec/Interface", json!(null)));
    let round = cluster.settle();
    round.releases("v4", &[("10.0.0.5", Free)]);
    round.releases("v6", &[("2001:db8::6", Free)]);
    round.releases("outside-pool", &[("2001:db8::1:5", AlreadyFree)]);
    for bare in ["none", "dynamic", "l2", "bare"] {
        round.releases(bare, &[]);
    }
}

/// Scenario 37.
#[test]
fn reserved_bits_are_never_cleared_whoever_claims_them() {
    for group in ApiGroup::ALL {
        let mut cluster = Cluster::new();
        let network = with(net("n", &[1]), "/spec/Options/routes", json!({"10.99.0.0/16": "10.0.0.1"}));
        cluster.apply(with(network, "/apiVersion", format!("{group}/v1")));
        let claims = [("first", "10.0.0.0"), ("gateway", "10.0.0.1"), ("last", "10.0.0.255")];
        for (name, address) in claims {
            cluster.apply(with(ep(name, "gone", address), "/apiVersion", format!("{group}/v1")));
        }
        let round = cluster.settle();
        for (name, address) in claims {
            round.releases(name, &[(address, Keep)]);
        }
        assert_eq!(round.set_bits("n"), None);
    }
}

/// Scenario 38.
#[test]
fn the_smallest_and_the_largest_networks_are_released_in_one_write() {
    let cases = [("10.0.0.0/30", 2, "10.0.0.2"), ("10.0.0.0/9", 4_000_000, "10.61.9.0")];
    for (cidr, bit, address) in cases {
        let options = danm_api::NetworkOptions { cidr: Some(cidr.to_owned()), ..Default::default() };
        let pool = Pool::new(Family::Ipv4, &options).unwrap().unwrap();
        let mut bits = pool.fresh_bits(GROUP);
        bits.set(BitIndex(bit));
        let mut cluster = Cluster::new();
        let network =
            with(objects::network(GROUP, NetworkKind::DanmNet, "ran", "n"), "/spec/Options/cidr", cidr);
        cluster.apply(with(network, "/spec/Options/alloc", bits.encode()));
        cluster.apply(ep("e", "gone", address));
        let round = cluster.settle();
        round.releases("e", &[(address, Free)]);
        let write = round.plan.networks[0].write.as_ref().unwrap();
        let after = AllocBits::decode(write.alloc.as_ref().unwrap(), pool.size()).unwrap();
        assert_eq!(after, pool.fresh_bits(GROUP));
        assert!(serde_json::to_vec(&write.merge_patch()).unwrap().len() < 1_450_000);
    }
}

/// Scenario 38: /31 and /32 have no address that is not reserved.
#[test]
fn networks_of_one_or_two_addresses_have_nothing_to_free() {
    for (cidr, array, address) in [("10.0.0.5/32", "gA==", "10.0.0.5"), ("10.0.0.4/31", "wA==", "10.0.0.5")] {
        let mut cluster = Cluster::new();
        let network = with(net("n", &[]), "/spec/Options/cidr", cidr);
        cluster.apply(with(network, "/spec/Options/alloc", array));
        cluster.apply(ep("e", "gone", address));
        cluster.settle().releases("e", &[(address, Keep)]);
    }
}

/// Scenario 38: a record of releases that would not fit is left out, and the rest of the proof has to do.
#[test]
fn an_object_near_the_limit_is_written_without_a_record() {
    let options = danm_api::NetworkOptions { cidr: Some("10.0.0.0/9".to_owned()), ..Default::default() };
    let pool = Pool::new(Family::Ipv4, &options).unwrap().unwrap();
    let mut bits = pool.fresh_bits(GROUP);
    bits.set(BitIndex(5));
    let network =
        with(objects::network(GROUP, NetworkKind::DanmNet, "ran", "n"), "/spec/Options/cidr", "10.0.0.0/9");
    let network = with(network, "/spec/Options/alloc", bits.encode());
    for (padding, recorded) in [(0, true), (60_000, false)] {
        let mut cluster = Cluster::new();
        cluster.apply(with(
            network.clone(),
            "/metadata/annotations",
            json!({"padding": "x".repeat(padding)}),
        ));
        cluster.apply(ep("e", "gone", "10.0.0.5"));
        let round = cluster.settle();
        assert_eq!(round.plan.networks[0].write.as_ref().unwrap().released.is_some(), recorded, "{padding}");
    }
}

/// Scenario 39.
#[test]
fn networks_of_one_name_are_told_apart_by_their_kind_alone() {
    let mut cluster = Cluster::new();
    let kinds = NetworkKind::ALL;
    for (kind, bit) in kinds.into_iter().zip([5, 6, 7]) {
        cluster.apply(with_bits(objects::network(GROUP, kind, "ran", "n"), &[5, 6, 7, bit]));
    }
    for (kind, bit) in kinds.into_iter().zip([5, 6, 7]) {
        let endpoint = ep(kind.name(), "gone", &format!("10.0.0.{bit}/24"));
        cluster.apply(with(endpoint, "/spec/apiType", kind.name()));
    }
    let round = cluster.settle();
    for plan in &round.plan.networks {
        let after = AllocBits::decode(plan.write.as_ref().unwrap().alloc.as_ref().unwrap(), 256).unwrap();
        let own = kinds.iter().position(|kind| *kind == plan.network.network.kind).unwrap();
        for (index, bit) in [5, 6, 7].into_iter().enumerate() {
            assert_eq!(after.is_set(BitIndex(bit)), index != own, "{} bit {bit}", plan.network);
        }
    }
    assert_eq!(round.plan.networks.len(), 3);
}

/// Scenario 39.
#[test]
fn an_empty_kind_means_a_danm_net() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(with(ep("e", "gone", "10.0.0.5/24"), "/spec/apiType", ""));
    cluster.settle().releases("e", &[("10.0.0.5", Free)]);
}

#[test]
fn an_endpoint_of_another_namespace_is_a_rival_on_a_cluster_network() {
    let mut cluster = Cluster::new();
    cluster.apply(with_bits(objects::network(GROUP, NetworkKind::ClusterNetwork, "", "n"), &[5]));
    cluster.apply(objects::pod("core", "living", "node-a"));
    cluster.apply(with(ep("dead", "gone", "10.0.0.5/24"), "/spec/apiType", "ClusterNetwork"));
    let other = objects::endpoint(GROUP, "core", "alive", "living", "n");
    let other = with(other, "/spec/apiType", "ClusterNetwork");
    cluster.apply(with(other, "/spec/Interface/Address", "10.0.0.5/24"));
    cluster.settle().releases("dead", &[("10.0.0.5", Refuse)]);
}

#[test]
fn an_equal_address_on_another_network_is_no_rival() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5]));
    cluster.apply(net("m", &[5]));
    cluster.apply(objects::pod("ran", "living", "node-a"));
    cluster.apply(ep("dead", "gone", "10.0.0.5/24"));
    cluster.apply(with(ep("alive", "living", "10.0.0.5/24"), "/spec/NetworkName", "m"));
    cluster.settle().releases("dead", &[("10.0.0.5", Free)]);
}

#[test]
fn addresses_of_other_plugins_are_kept_out_of() {
    let mut cluster = Cluster::new();
    let flannel = objects::network(GROUP, NetworkKind::DanmNet, "ran", "n");
    cluster.apply(with(flannel, "/spec/NetworkType", "flannel"));
    cluster.apply(with(ep("e", "gone", "10.244.0.5/24"), "/spec/NetworkType", "flannel"));
    let round = cluster.settle();
    round.releases("e", &[("10.244.0.5", Keep)]);
    assert_eq!(round.row("e").addresses[0].owner, Owner::Foreign);
}

#[test]
fn a_set_bit_that_nobody_claims_is_reported_and_left() {
    let mut cluster = Cluster::new();
    cluster.apply(net("n", &[5, 9]));
    cluster.apply(ep("e", "gone", "10.0.0.5/24"));
    let round = cluster.settle();
    let orphan = round.row("");
    assert_eq!(
        (orphan.verdict, orphan.reason, orphan.action),
        (Verdict::Unknown, Reason::NoEndpoint, Action::Held)
    );
    assert_eq!(orphan.addresses[0].address.to_string(), "10.0.0.9");
    assert_eq!((orphan.uid.as_str(), orphan.pod.name.as_str()), ("", ""));
    assert_eq!(round.set_bits("n"), Some(vec![0, 9, 255]));
}

#[test]
fn one_write_takes_a_thousand_endpoints_and_the_rest_waits_for_the_next() {
    let mut cluster = Cluster::new();
    let mut bits = AllocBits::clear(4096);
    (0..1500).for_each(|bit| bits.set(BitIndex(bit)));
    let network =
        with(objects::network(GROUP, NetworkKind::DanmNet, "ran", "n"), "/spec/Options/cidr", "10.0.0.0/20");
    cluster.apply(with(network, "/spec/Options/alloc", bits.encode()));
    for bit in 1..1500u32 {
        cluster.apply(ep(&format!("e{bit}"), "gone", &format!("10.0.{}.{}/20", bit / 256, bit % 256)));
    }
    let round = cluster.settle();
    let write = round.plan.networks[0].write.as_ref().unwrap();
    assert_eq!(write.released.as_ref().unwrap().len(), 1000);
    assert_eq!(round.plan.networks[0].endpoints.len(), 1000);
    let after = AllocBits::decode(write.alloc.as_ref().unwrap(), 4096).unwrap();
    assert_eq!(after.count_set(), 1500 - 1000);
}
