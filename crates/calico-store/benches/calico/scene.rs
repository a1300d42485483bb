//! Blocks full of addresses of Pods that are gone.

use std::net::Ipv4Addr;

use calico_ipam::{Claim, Proof};
use calico_store::Outcome;
use serde_json::{Value, json};

/// Blocks of 64 addresses.
pub const BLOCKS: u32 = 200;

/// Addresses of each that somebody has.
const HELD: u32 = 50;

/// Addresses in all.
pub const ADDRESSES: u32 = BLOCKS * HELD;

/// The pool that they are of.
pub fn pool() -> Value {
    json!({"cidr": "10.64.0.0/16", "blockSize": 26})
}

/// What each block covers, and the block.
pub fn blocks() -> impl Iterator<Item = (String, Value)> {
    (0..BLOCKS).map(|number| {
        let cidr = format!("{}/26", address(number, 0));
        let attribute = |place| {
            json!({
                "handle_id": handle(number, place),
                "secondary": {"namespace": "ran", "node": "node-a", "pod": format!("du-{number}-{place}")},
            })
        };
        let numbers: serde_json::Map<String, Value> =
            (0..HELD).map(|place| (place.to_string(), json!(u64::from(place)))).collect();
        let block = json!({
            "cidr": cidr, "affinity": "host:node-a",
            "allocations": (0..64).map(|place| (place < HELD).then_some(place)).collect::<Vec<_>>(),
            "unallocated": (HELD..64).collect::<Vec<_>>(),
            "attributes": (0..HELD).map(attribute).collect::<Vec<_>>(),
            "sequenceNumber": 1_795_472_210_105_771_795_u64, "sequenceNumberForAllocation": numbers,
            "deleted": false, "strictAffinity": false,
        });
        (cidr, block)
    })
}

/// The id of each handle, and the handle.
pub fn handles() -> impl Iterator<Item = (String, Value)> {
    (0..BLOCKS).flat_map(|number| (0..HELD).map(move |place| (number, place))).map(|(number, place)| {
        let (id, cidr) = (handle(number, place), format!("{}/26", address(number, 0)));
        (id.clone(), json!({"handleID": id, "block": {cidr: 1}, "deleted": false}))
    })
}

/// What their endpoints claim.
pub fn claims() -> Vec<Claim> {
    let places = (0..BLOCKS).flat_map(|number| (0..HELD).map(move |place| (number, place)));
    let claim = |(number, place)| Claim {
        address: address(number, place).into(),
        proof: Proof::Endpoint {
            container: container(number, place),
            namespace: "ran".to_owned(),
            pod: format!("du-{number}-{place}"),
            nodes: vec!["node-a".to_owned()],
        },
    };
    places.map(claim).collect()
}

/// Fails unless all were given back.
pub fn check(outcomes: &[Outcome]) {
    let released = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Released { .. })).count();
    assert_eq!(released, ADDRESSES as usize, "{:?}", outcomes.first());
}

fn address(number: u32, place: u32) -> Ipv4Addr {
    Ipv4Addr::from((10 << 24) + (64 << 16) + number * 64 + place)
}

fn handle(number: u32, place: u32) -> String {
    format!("k8s-pod-network.{}", container(number, place))
}

fn container(number: u32, place: u32) -> String {
    format!("{:064x}", number * 64 + place)
}
