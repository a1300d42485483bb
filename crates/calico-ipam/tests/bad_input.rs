//! Objects that contradict themselves, or that nobody can understand: each is refused with a reason, none is touched.

use std::collections::BTreeMap;

use calico_ipam::{Block, Handle, HandleChange, Pool, Pools};
use serde_json::{Value, json};

fn block(member: &str, value: Value) -> String {
    let mut block = json!({
        "cidr": "10.0.0.0/30", "allocations": [null, 0, null, null], "unallocated": [0, 2, 3],
        "attributes": [{"handle_id": "n.c"}], "sequenceNumber": 7,
    });
    block[member] = value;
    block.to_string()
}

#[test]
fn a_block_that_cannot_be_worked_with_says_why() {
    Block::read(&block("sequenceNumber", json!(8))).expect("a good one");
    let refused = [
        ("cidr", json!("10.0.0.0"), "cidr"),
        ("cidr", json!("10.0.0.1/30"), "is no network"),
        ("cidr", json!("10.0.0.0/8"), "larger than any block"),
        ("cidr", json!("fd00::/64"), "larger than any block"),
        ("allocations", json!([null, 0]), "allocations have 2 entries for 4 addresses"),
        ("allocations", json!([null, 1, null, null]), "allocations name attribute 1, which is not there"),
        ("allocations", json!(null), "allocations cannot be understood"),
        ("unallocated", json!([0, 1, 2, 3]), "disagree about which addresses are free"),
        ("unallocated", json!([0, 2, 3, 3]), "disagree about which addresses are free"),
        ("unallocated", json!([0, 2]), "disagree about which addresses are free"),
        ("attributes", json!([7]), "attributes cannot be understood"),
        ("attributes", json!([{"releasedAt": "yesterday"}]), "releasedAt cannot be understood"),
        ("sequenceNumber", json!(-1), "sequenceNumber cannot be understood"),
        ("sequenceNumber", json!(1.5), "sequenceNumber cannot be understood"),
        ("deleted", json!("true"), "deleted cannot be understood"),
    ];
    for (member, value, reason) in refused {
        let error = Block::read(&block(member, value.clone())).expect_err("it is refused").to_string();
        assert!(error.contains(reason), "{member} {value}: {error}");
    }
    for text in ["", "[]", "null", "{", r#"{"cidr":"10.0.0.0/30"}"#] {
        Block::read(text).expect_err(text);
    }
}

/// Pools may lie in each other; what is left of a text that is no pool is left out of none silently.
#[test]
fn a_pool_says_in_which_block_an_address_is() {
    let pool = |name: &str, spec: Value| Pool::read(name, &spec.to_string());
    let pools = Pools::new(vec![
        pool("b", json!({"cidr": "10.0.0.0/8"})).expect("a pool"),
        pool("a", json!({"cidr": "10.1.0.0/16", "blockSize": 29, "disabled": true})).expect("a pool"),
        pool("c", json!({"cidr": "fd00::/64"})).expect("a pool"),
    ]);
    let block = |address: &str| pools.block_of(address.parse().expect("an address")).map(|it| it.to_string());
    assert_eq!(block("10.1.0.9").as_deref(), Some("10.1.0.8/29"));
    assert_eq!(block("10.2.0.77").as_deref(), Some("10.2.0.64/26"));
    assert_eq!(block("fd00::1:2").as_deref(), Some("fd00::1:0/122"));
    assert_eq!(block("192.168.0.1"), None);
    for spec in
        [json!({"cidr": "10.0.0.0/26", "blockSize": 20}), json!({"cidr": "10.0.0.0/8", "blockSize": 33})]
    {
        pool("wrong", spec).expect_err("its blocks do not fit");
    }
}

/// Handles of both families and of several addresses, and handles of which Calico's older versions have counted wrongly.
#[test]
fn a_handle_goes_with_its_last_address_and_is_left_where_it_counts_otherwise() {
    let handle = Handle::read(r#"{"block":{"10.0.0.0/30":2,"fd00::/126":1}}"#).expect("a handle");
    let without = |handle: &Handle, given_back: &[(&str, i64)]| {
        let given_back = given_back.iter().map(|(cidr, count)| (cidr.parse().expect("a cidr"), *count));
        handle.without(&given_back.collect::<BTreeMap<_, _>>())
    };
    let HandleChange::Update(one_less) = without(&handle, &[("10.0.0.0/30", 1)]) else { panic!("it stays") };
    assert_eq!(one_less.blocks().map(|(_, count)| count).collect::<Vec<_>>(), [1, 1]);
    let HandleChange::Update(v6) = without(&one_less, &[("10.0.0.0/30", 1)]) else { panic!("it stays") };
    assert!(matches!(without(&v6, &[("fd00::/126", 1)]), HandleChange::Delete(_)));
    assert!(matches!(without(&handle, &[("10.0.0.0/30", 2), ("fd00::/126", 1)]), HandleChange::Delete(_)));
    for wrong in [("10.0.0.0/30", 3), ("10.9.0.0/30", 1)] {
        assert!(matches!(without(&handle, &[wrong]), HandleChange::Leave(_)), "{wrong:?}");
    }
}
