//! Blocks of addresses in rules that change under load. There are kernels in which a set of ranges that is new is empty for a moment
//! when its batch is there already: who is let in by it must not notice.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::{
    star::{Star, Who},
    stream::Stream,
};

const PORT: u16 = 80;

const CHANGES: u8 = 100;

/// What a policy says that lets everybody on the cables speak and be spoken to, and of a block in the number of each policy.
fn block(number: u8) -> Value {
    let blocks = json!([
        {"ipBlock": {"cidr": "10.9.0.0/16", "except": [format!("10.9.7.{number}/32")]}},
        {"ipBlock": {"cidr": "fd09::/32", "except": [format!("fd09:0:7::{number}/128")]}},
    ]);
    json!({
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": blocks}],
        "egress": [{"to": blocks}],
    })
}

/// Connections that are opened each way, by each family.
fn streams(star: &Star) -> Vec<Stream> {
    let pod = |is_v4, port| (&star.pod, SocketAddr::new(Who::Pod.address(0, is_v4), port));
    let friend = |is_v4, port| (&star.peers[0], SocketAddr::new(Who::Friend.address(0, is_v4), port));
    vec![
        Stream::udp(friend(false, 0), pod(false, PORT)),
        Stream::udp(pod(true, 0), friend(true, PORT)),
        Stream::tcp(&star.peers[0], pod(true, PORT)),
    ]
}

fn lose_nothing(streams: Vec<Stream>) {
    for stream in streams {
        stream.goes_on();
        assert!(stream.end().expect("nothing is lost") > 100);
    }
}

#[test]
fn who_is_let_in_by_a_block_loses_nothing_when_another_takes_its_place() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[block(0)]);
    let streams = streams(&star);
    for number in 1..CHANGES {
        star.enforce(&[block(number)]);
    }
    lose_nothing(streams);
}

#[test]
fn who_is_let_in_by_a_block_loses_nothing_when_the_first_rules_come() {
    let Some(mut star) = Star::new() else { return };
    let streams = streams(&star);
    for number in 0..CHANGES {
        star.enforce(&[block(number)]);
        star.enforce(&[]);
    }
    lose_nothing(streams);
}

#[test]
fn who_is_let_in_by_a_block_loses_nothing_when_rules_that_were_found_are_corrected() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[block(0)]);
    let streams = streams(&star);
    for number in 1..CHANGES {
        star.enforcement.let_go(&star.pod);
        star.enforce(&[block(number)]);
    }
    lose_nothing(streams);
}
