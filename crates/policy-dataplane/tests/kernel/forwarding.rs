//! What a Pod passes on between two of its interfaces has to be allowed to come in by the one and to go out by the other, and is cut
//! like anything else when it is not any more.

use std::{
    io,
    net::{SocketAddr, TcpStream, UdpSocket},
};

use policy_engine::program::Forward;
use serde_json::{Value, json};

use crate::{
    lab::PATIENCE,
    link::{hears, refusal},
    port,
    star::{Star, Who, friend_on, nothing},
    tcp::{connect, is_reset, pass},
};

const PORT: u16 = 81;

/// A star whose ends reach each other through the Pod.
fn star() -> Option<Star> {
    let star = Star::new()?;
    for file in ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"] {
        star.pod.set(file, "1");
    }
    for (device, peer) in star.peers.iter().enumerate() {
        for is_v4 in [true, false] {
            let by = Who::Pod.address(device, is_v4).to_string();
            peer.run("ip", &["route", "add", "default", "via", &by], "");
        }
    }
    Some(star)
}

/// From the first cable to the second.
fn to(is_v4: bool) -> SocketAddr {
    SocketAddr::new(Who::Friend.address(1, is_v4), PORT)
}

fn tcp(star: &Star, is_v4: bool) -> [TcpStream; 2] {
    let (client, server, _) = connect(&star.peers[0], &star.peers[1], to(is_v4));
    [client, server]
}

fn udp(star: &Star, is_v4: bool) -> [UdpSocket; 2] {
    let from = SocketAddr::new(Who::Friend.address(0, is_v4), 0);
    let client = port::udp(&star.peers[0], from);
    let server = port::udp(&star.peers[1], to(is_v4));
    for (one, other) in [(&client, &server), (&server, &client)] {
        one.connect(other.local_addr().expect("it has one")).expect("an address");
        one.set_read_timeout(Some(PATIENCE)).expect("it may be told");
    }
    [client, server]
}

fn passes(star: &Star, is_v4: bool) {
    let [client, server] = tcp(star, is_v4);
    assert_eq!(pass(&client, &server, 100_000), Ok(()));
    assert_eq!(pass(&server, &client, 100_000), Ok(()));
    let [client, server] = udp(star, is_v4);
    hears(&client, &server);
    hears(&server, &client);
}

fn is_refused(star: &Star, is_v4: bool) {
    let _listener = port::listener(&star.peers[1], to(is_v4));
    let result = star.peers[0].within(|| TcpStream::connect_timeout(&to(is_v4), PATIENCE));
    assert_eq!(result.expect_err("it is denied").kind(), io::ErrorKind::ConnectionRefused);
    let [client, server] = udp(star, is_v4);
    assert_ne!(refusal(&client).kind(), io::ErrorKind::WouldBlock);
    server.set_nonblocking(true).expect("it may be told");
    assert!(server.recv(&mut [0; 8]).is_err());
}

/// One direction as for friends, and the other closed.
fn one_way(open: &str, closed: &str) -> Value {
    let mut policy = friend_on(&[PORT]);
    policy[closed] = json!([]);
    assert!(policy[open].is_array());
    policy
}

#[test]
fn what_is_passed_on_has_to_be_allowed_to_come_in_and_to_go_out() {
    let Some(mut star) = star() else { return };
    let by_network = |network: &str| {
        let mut policy = nothing();
        policy["networkSelector"] = json!([{"name": network, "type": "ClusterNetwork"}]);
        policy
    };
    for (policies, expected) in [
        (vec![], true),
        (vec![friend_on(&[PORT])], true),
        (vec![friend_on(&[PORT + 1])], false),
        (vec![nothing()], false),
        (vec![one_way("ingress", "egress")], false),
        (vec![one_way("egress", "ingress")], false),
        (vec![json!({"policyTypes": ["Ingress"]})], false),
        (vec![json!({"policyTypes": ["Egress"]})], false),
        // It leaves by that network.
        (vec![by_network("lan1")], false),
        (vec![by_network("lan2")], true),
    ] {
        star.enforce(&policies);
        let check = if expected { passes } else { is_refused };
        check(&star, true);
        check(&star, false);
    }
}

#[test]
fn what_is_passed_on_is_open_or_closed_where_it_is_told_to_be_so() {
    let Some(mut star) = star() else { return };
    for (forward, policy, check) in [
        (Forward::Open, nothing(), passes as fn(&Star, bool)),
        (Forward::Closed, friend_on(&[PORT]), is_refused),
        (Forward::Judge, friend_on(&[PORT]), passes),
    ] {
        star.enforcement.surroundings.forward = forward;
        star.enforce(&[policy]);
        check(&star, true);
        check(&star, false);
    }
}

#[test]
fn what_was_passed_on_is_cut_once_it_is_denied_whoever_speaks() {
    for denied in [nothing(), one_way("ingress", "egress"), one_way("egress", "ingress")] {
        let Some(mut star) = star() else { return };
        star.enforce(&[friend_on(&[PORT])]);
        let families = [true, false];
        let links: Vec<_> = families.map(|is_v4| (tcp(&star, is_v4), tcp(&star, is_v4))).into();
        let datagrams = families.map(|is_v4| udp(&star, is_v4));
        for [client, server] in &datagrams {
            hears(client, server);
            hears(server, client);
        }
        star.enforce(&[denied]);
        for ([client, server], [other_client, other_server]) in &links {
            for (first, second) in [(client, server), (other_server, other_client)] {
                assert!(is_reset(first).expect("it is told"));
                assert!(is_reset(second).expect("it is told"));
            }
        }
        for [client, server] in &datagrams {
            assert_ne!(refusal(server).kind(), io::ErrorKind::WouldBlock);
            assert_ne!(refusal(client).kind(), io::ErrorKind::WouldBlock);
        }
    }
}
