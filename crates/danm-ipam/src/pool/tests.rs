//! Subnets, bounds and gateways of both families and dialects, and releases from their arrays.

use danm_api::{AllocationPool, AllocationPoolV6, Network};
use proptest::prelude::*;

use super::*;
use crate::release;

fn ipv4(cidr: &str) -> NetworkOptions {
    NetworkOptions { cidr: Some(cidr.to_owned()), ..NetworkOptions::default() }
}

fn ipv6(pool: &str) -> NetworkOptions {
    let pool = AllocationPoolV6 { cidr: Some(pool.to_owned()), ..AllocationPoolV6::default() };
    NetworkOptions { allocation_pool_v6: Some(pool), ..NetworkOptions::default() }
}

fn pool(family: Family, options: &NetworkOptions) -> Pool {
    Pool::new(family, options).unwrap().expect("the network has a subnet of this family")
}

#[test]
fn networks_of_real_clusters_have_the_pools_their_arrays_were_made_for() {
    let networks = testkit::samples::of_kinds(&["DanmNet", "TenantNetwork", "ClusterNetwork"]);
    let mut arrays = 0;
    for network in networks {
        let network: Network = serde_json::from_value(network).unwrap();
        let options = network.spec.options.clone().unwrap_or_default();
        for (family, alloc) in [(Family::Ipv4, &options.alloc), (Family::Ipv6, &options.alloc6)] {
            let pool = Pool::new(family, &options).unwrap();
            assert_eq!(pool.is_some(), alloc.is_some(), "{:?} {family}", network.metadata.name);
            let Some(pool) = pool else { continue };
            let bits = pool.read(alloc.as_deref()).unwrap();
            assert!(bits.is_set(BitIndex(0)) && bits.is_set(pool.last_bit()));
            assert_eq!(Some(bits.encode()), *alloc);
            arrays += 1;
        }
    }
    assert!(arrays >= 8, "only {arrays} arrays in the samples");
}

#[test]
fn the_gateway_bit_is_set_in_a_fresh_array_of_the_older_group_only() {
    let mut options = ipv4("10.60.0.64/26");
    options.routes = Some([("10.99.0.0/16".to_owned(), "10.60.0.65".to_owned())].into());
    let pool = pool(Family::Ipv4, &options);
    assert_eq!(pool.fresh_bits(ApiGroup::DanmK8sIo).encode(), "wAAAAAAAAAE=");
    assert_eq!(pool.fresh_bits(ApiGroup::DanmIo).encode(), "gAAAAAAAAAE=");
    assert_eq!(pool.reservation(BitIndex(1)), Some(Reservation::Gateway));
}

#[test]
fn gateways_outside_the_pool_have_no_bit() {
    let mut options = ipv4("10.60.0.64/26");
    let routes = [("a", "10.60.0.1"), ("b", "10.60.0.128"), ("c", "gw"), ("d", "2001:db8::1")];
    options.routes = Some(routes.map(|(to, via)| (to.to_owned(), via.to_owned())).into());
    assert_eq!(pool(Family::Ipv4, &options).gateways().count(), 0);
}

/// Scenario 38 of the scenarios.
#[test]
fn the_smallest_and_the_largest_subnets_have_the_right_ends() {
    let cases: [(Family, NetworkOptions, u32, &str); 7] = [
        (Family::Ipv4, ipv4("10.0.0.8/32"), 1, "10.0.0.8"),
        (Family::Ipv4, ipv4("10.0.0.8/31"), 2, "10.0.0.9"),
        (Family::Ipv4, ipv4("10.0.0.8/30"), 4, "10.0.0.11"),
        (Family::Ipv4, ipv4("10.0.0.0/9"), 1 << 23, "10.127.255.255"),
        (Family::Ipv4, ipv4("255.255.255.0/24"), 256, "255.255.255.255"),
        (Family::Ipv6, ipv6("2001:db8::/105"), 1 << 23, "2001:db8::7f:ffff"),
        (Family::Ipv6, ipv6("64:ff9b::/120"), 256, "64:ff9b::ff"),
    ];
    for (family, options, size, last) in cases {
        let pool = pool(family, &options);
        assert_eq!(pool.size(), size);
        assert_eq!(pool.address_of(pool.last_bit()), last.parse::<IpAddr>().unwrap());
        assert_eq!(pool.reservation(BitIndex(0)), Some(Reservation::NetworkAddress));
        let bits = pool.fresh_bits(ApiGroup::DanmK8sIo);
        assert_eq!(pool.read(Some(&bits.encode())).unwrap(), bits);
        assert_eq!(bits.count_set(), size.min(2));
    }
}

#[test]
fn a_subnet_that_cannot_have_an_array_is_an_error() {
    let too_large = Pool::new(Family::Ipv4, &ipv4("10.0.0.0/8")).unwrap_err();
    assert_eq!(too_large.to_string(), "cidr 10.0.0.0/8 has more than 2^23 addresses");
    assert!(matches!(Pool::new(Family::Ipv6, &ipv6("2001:db8::/64")), Err(PoolError::TooLarge { .. })));
    assert!(matches!(Pool::new(Family::Ipv6, &ipv6("::/0")), Err(PoolError::TooLarge { .. })));
    for text in ["10.0.0.0", "10.0.0.0/33", "2001:db8::/120", "x", "/"] {
        assert!(matches!(Pool::new(Family::Ipv4, &ipv4(text)), Err(PoolError::NotASubnet { .. })), "{text}");
    }
}

#[test]
fn a_range_outside_the_subnet_betrays_an_array_made_for_another_one() {
    let mut options = ipv4("10.9.0.0/24");
    let range = AllocationPool { start: Some("10.8.0.1".to_owned()), ..AllocationPool::default() };
    options.allocation_pool = Some(range);
    let error = Pool::new(Family::Ipv4, &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "allocation_pool.start \"10.8.0.1\" is not in 10.9.0.0/24: was the subnet edited?"
    );
}

#[test]
fn members_that_the_reference_writes_empty_mean_their_defaults() {
    let mut options = ipv4("10.9.0.0/24");
    let empty = || Some(String::new());
    options.allocation_pool =
        Some(AllocationPool { start: empty(), end: empty(), last_ip: empty(), ..AllocationPool::default() });
    options.allocation_pool_v6 =
        Some(AllocationPoolV6 { cidr: empty(), start: empty(), end: empty(), ..AllocationPoolV6::default() });
    assert_eq!(pool(Family::Ipv4, &options).dynamic(), BitIndex(1)..=BitIndex(254));
    assert_eq!(Pool::new(Family::Ipv6, &options), Ok(None));
}

/// Scenario 37 of the scenarios.
#[test]
fn releasing_never_clears_the_ends_or_a_gateway() {
    let mut options = ipv4("10.60.0.64/26");
    options.routes = Some([("10.99.0.0/16".to_owned(), "10.60.0.65".to_owned())].into());
    let pool = pool(Family::Ipv4, &options);
    let mut bits = pool.fresh_bits(ApiGroup::DanmK8sIo);
    bits.set(BitIndex(7));
    let release = release(&pool, &bits, [0, 1, 7, 8, 63].map(BitIndex));
    assert_eq!(release.bits, pool.fresh_bits(ApiGroup::DanmK8sIo));
    assert_eq!((release.freed, release.already_free), (vec![BitIndex(7)], vec![BitIndex(8)]));
    let reserved: Vec<u32> = release.reserved.iter().map(|(bit, _)| bit.0).collect();
    assert_eq!(reserved, [0, 1, 63]);
}

proptest! {
    #[test]
    fn address_and_bit_are_inverse_in_both_families(
        base in any::<u128>(),
        prefix6 in 105u8..=128,
        prefix4 in 9u8..=32,
        at in any::<u32>(),
    ) {
        let net6 = ipnet::Ipv6Net::new(base.into(), prefix6).unwrap().trunc();
        let net4 = ipnet::Ipv4Net::new(u32::try_from(base >> 96).unwrap().into(), prefix4).unwrap().trunc();
        let pools = [
            pool(Family::Ipv4, &ipv4(&net4.to_string())),
            pool(Family::Ipv6, &ipv6(&net6.to_string())),
        ];
        for pool in pools {
            let bit = BitIndex(at % pool.size());
            prop_assert_eq!(pool.bit_of(pool.address_of(bit)), Some(bit));
            let beyond = pool.address_of(BitIndex(pool.size()));
            prop_assert_eq!(pool.bit_of(beyond), None);
        }
    }
}
