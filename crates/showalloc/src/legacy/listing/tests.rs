//! Each line of a listing: which address it is of, what it says, and when it is to be seen.

use serde_json::{Value, json};
use testkit::{BitIndex, objects::with};

use super::*;

/// A network 10.0.0.0/24 whose pool is .10 to .12, with a route via .20, and an IPv6 pool of 16 addresses.
fn network() -> Value {
    json!({
        "cidr": "10.0.0.0/24",
        "allocation_pool": {"start": "10.0.0.10", "end": "10.0.0.12"},
        "routes": {"192.0.2.0/24": "10.0.0.20"},
        "net6": "2001:db8::/64",
        "allocation_pool_v6": {"cidr": "2001:db8::/124", "start": "2001:db8::1", "end": "2001:db8::3"},
    })
}

/// A listing of a network with these bits set besides its first and its last, and these endpoints.
fn listing(network: Value, family: Family, set: &[u32], held: &[(u32, &str)]) -> Listing {
    let options: NetworkOptions = serde_json::from_value(network).expect("options");
    let pool = Pool::new(family, &options).expect("sound").expect("there is one");
    let mut bits = AllocBits::clear(pool.size());
    [0, pool.last_bit().0].iter().chain(set).for_each(|&bit| bits.set(BitIndex(bit)));
    let claims = held.iter().map(|&(bit, pod)| {
        let (namespace, pod) = match pod.split_once('/') {
            Some((namespace, pod)) => (Some(namespace.to_owned()), pod.to_owned()),
            None => (None, pod.to_owned()),
        };
        Claim { bit: BitIndex(bit), alive: true, holder: Holder { namespace, pod } }
    });
    Listing::new(pool, bits, claims.collect())
}

fn lines(listing: &Listing, within: Option<&str>, shows_all: bool) -> Vec<String> {
    let view = View { within: within.map(|text| text.parse().expect("a subnet")), shows_all };
    let mut out = Vec::new();
    listing.write(&view, &mut out).expect("a Vec takes everything");
    String::from_utf8(out).expect("text").lines().map(str::to_owned).collect()
}

fn of_ipv4(set: &[u32], held: &[(u32, &str)]) -> Vec<String> {
    lines(&listing(network(), Family::Ipv4, set, held), None, false)
}

#[test]
fn an_address_is_right_aligned_in_fifteen_columns_and_never_cut() {
    assert_eq!(
        of_ipv4(&[10], &[(10, "m1")]),
        [
            "       10.0.0.0 : reserved (network base address)",
            "      10.0.0.10 : allocated (Pod: m1)",
            "      10.0.0.20 : reserved (gateway)",
            "     10.0.0.255 : reserved (broadcast address)",
        ]
    );
    let long =
        with(network(), "/allocation_pool_v6", json!({"cidr": "2001:db8:1234:5678:9abc:def0:1234:5600/127"}));
    assert_eq!(
        lines(&listing(long, Family::Ipv6, &[], &[]), None, false),
        [
            "2001:db8:1234:5678:9abc:def0:1234:5600 : reserved (network base address)",
            "2001:db8:1234:5678:9abc:def0:1234:5601 : reserved (last address)",
        ]
    );
}

#[test]
fn with_all_every_address_has_a_line() {
    let all = lines(&listing(network(), Family::Ipv4, &[11], &[(11, "m1")]), None, true);
    assert_eq!(all.len(), 256);
    assert_eq!(
        all[8..14],
        [
            "       10.0.0.8 : out of pool range",
            "       10.0.0.9 : out of pool range",
            "      10.0.0.10 : free",
            "      10.0.0.11 : allocated (Pod: m1)",
            "      10.0.0.12 : free",
            "      10.0.0.13 : out of pool range",
        ]
    );
}

#[test]
fn a_set_bit_outside_the_pool_is_shown_like_any_other() {
    let lines = of_ipv4(&[5, 200], &[(5, "static")]);
    assert_eq!(lines[1], "       10.0.0.5 : allocated (Pod: static)");
    assert_eq!(lines[3], "     10.0.0.200 : allocated (unknown Pod)");
}

#[test]
fn a_network_of_less_than_eight_addresses_has_no_others() {
    let small = |prefix: u8| {
        let network = json!({"cidr": format!("10.0.0.8/{prefix}")});
        lines(&listing(network, Family::Ipv4, &[], &[]), None, true)
    };
    assert_eq!(
        small(30),
        [
            "       10.0.0.8 : reserved (network base address)",
            "       10.0.0.9 : free",
            "      10.0.0.10 : free",
            "      10.0.0.11 : reserved (broadcast address)",
        ]
    );
    assert_eq!(small(31).len(), 2);
    assert_eq!(small(32), ["       10.0.0.8 : reserved (network base address)"]);
}

#[test]
fn the_last_address_of_an_ipv6_pool_is_no_broadcast_address_and_not_outside_either() {
    let listing = listing(network(), Family::Ipv6, &[2], &[(2, "m1")]);
    assert_eq!(
        lines(&listing, None, false),
        [
            "     2001:db8:: : reserved (network base address)",
            "    2001:db8::2 : allocated (Pod: m1)",
            "    2001:db8::f : reserved (last address)",
        ]
    );
    let all = lines(&listing, None, true);
    assert_eq!(all.len(), 16);
    assert_eq!(
        all[14..],
        ["    2001:db8::e : out of pool range", "    2001:db8::f : reserved (last address)"]
    );
}

#[test]
fn an_ipv6_address_keeps_all_its_bits() {
    let pool = json!({"cidr": "2001:db8::ffff:fffc:0/126"});
    let edge = with(network(), "/allocation_pool_v6", pool);
    let lines = lines(&listing(edge, Family::Ipv6, &[], &[]), None, true);
    assert_eq!(lines.len(), 4);
    assert!(lines[3].starts_with("2001:db8::ffff:fffc:3 :"), "{lines:#?}");
}

#[test]
fn a_gateway_is_reserved_whatever_its_bit_unless_a_pod_is_the_gateway() {
    for set in [&[20][..], &[]] {
        assert_eq!(of_ipv4(set, &[])[1], "      10.0.0.20 : reserved (gateway)", "{set:?}");
    }
    assert_eq!(of_ipv4(&[20], &[(20, "router")])[1], "      10.0.0.20 : allocated (Pod: router)");
}

#[test]
fn all_pods_that_hold_an_address_are_named_those_of_other_namespaces_last_and_none_twice() {
    let held = [(11, "other/a"), (11, "m2"), (11, "m1"), (11, "m2"), (11, "alpha/z")];
    assert_eq!(of_ipv4(&[11], &held)[1], "      10.0.0.11 : allocated (Pod: m1, m2, alpha/z, other/a)");
}

#[test]
fn an_address_that_is_held_though_it_is_marked_free_is_free_and_counted() {
    let held =
        [(11, "m1"), (12, "m1"), (12, "m2"), (5, "static"), (10, "m3"), (0, "base"), (255, "broadcast")];
    let listing = listing(network(), Family::Ipv4, &[10], &held);
    assert_eq!(listing.unmarked(), 3);
    assert_eq!(lines(&listing, None, false).len(), 4, "base, m3, gateway, broadcast");
    let all = lines(&listing, None, true);
    assert_eq!(all[5], "       10.0.0.5 : out of pool range");
    assert_eq!(all[11..13], ["      10.0.0.11 : free", "      10.0.0.12 : free"]);
}

#[test]
fn a_view_of_a_subnet_shows_the_addresses_within_it() {
    let listing = listing(network(), Family::Ipv4, &[11, 12, 16], &[]);
    let count = |within| lines(&listing, Some(within), true).len();
    assert_eq!(
        lines(&listing, Some("10.0.0.8/29"), false),
        ["      10.0.0.11 : allocated (unknown Pod)", "      10.0.0.12 : allocated (unknown Pod)"]
    );
    assert_eq!(lines(&listing, Some("10.0.0.16/32"), false), ["      10.0.0.16 : allocated (unknown Pod)"]);
    assert_eq!((count("10.0.0.0/24"), count("10.0.0.0/8"), count("0.0.0.0/0")), (256, 256, 256));
    assert_eq!((count("10.0.0.128/25"), count("10.0.1.0/24")), (128, 0));
    assert_eq!((count("2001:db8::/64"), count("::/0")), (0, 0), "the other family shows nothing");
}

#[test]
fn names_cannot_forge_lines() {
    let lines = of_ipv4(&[10], &[(10, "m1)\n      10.0.0.11 : allocated (Pod: x")]);
    assert_eq!(lines.len(), 4, "{lines:#?}");
}

#[test]
fn the_head_says_what_the_network_says_and_leaves_a_space_where_it_says_nothing() {
    let head = |family, options: Value| {
        let options: NetworkOptions = serde_json::from_value(options).expect("options");
        let details = Details::of(family, &options);
        let mut out = Vec::new();
        details.write(NetworkKind::TenantNetwork, &mut out).expect("a Vec takes everything");
        (details.is_complete(), String::from_utf8(out).expect("text"))
    };
    let v4 = "DANM network Kind: TenantNetwork\n       IP version: IPv4\n             CIDR: 10.0.0.0/24\n       \
              Pool start: 10.0.0.10\n       Pool   end: 10.0.0.12\n";
    assert_eq!(head(Family::Ipv4, network()), (false, v4.to_owned()), "there is no array");
    assert_eq!(head(Family::Ipv4, with(network(), "/alloc", "gAE=")), (true, v4.to_owned()));
    let v6 = "DANM network Kind: TenantNetwork\n       IP version: IPv6\n             CIDR: \n       \
              Pool start: \n       Pool   end: \n";
    assert_eq!(head(Family::Ipv6, json!({"net6": "2001:db8::/64"})), (false, v6.to_owned()));
}

#[test]
fn an_array_of_another_subnet_is_an_error() {
    let read = |options: Value| {
        let options: NetworkOptions = serde_json::from_value(options).expect("options");
        addresses(Family::Ipv4, &options)
            .map(|addresses| addresses.is_some())
            .map_err(|error| error.to_string())
    };
    assert_eq!(read(json!({"cidr": "10.0.0.0/28", "alloc": "gAE="})), Ok(true));
    assert_eq!(read(json!({"alloc": "gAE="})), Ok(false));
    for (cidr, alloc) in
        [("10.0.0.0/24", "gAE="), ("10.0.0.0/28", "gAE"), ("10.0.0.0/8", "gAE="), ("x", "gAE=")]
    {
        assert!(read(json!({"cidr": cidr, "alloc": alloc})).is_err(), "{cidr} {alloc}");
    }
}
