//! What rules write down of what they deny: who, to whom, by what, at which interface; and that it decides nothing.

use std::net::SocketAddr;

use policy_dataplane::{DeniedFlow, Socket};
use policy_engine::{Direction, program::MOST_DENIED};
use serde_json::{Value, json};
use socket2::{Domain, Protocol, Type};

use crate::{
    probe::{connection, datagram},
    star::{DEVICES, Star, Who, nothing},
};

/// What is written down, in the order of who opened it.
fn written(star: &Star) -> Vec<DeniedFlow> {
    let socket = Socket::open_in(&star.pod.path()).expect("a socket");
    socket.denied_flows().expect("they are listed")
}

fn audited() -> Value {
    let mut policy = nothing();
    policy["enforcement"] = json!("audit");
    policy
}

/// The same, as `direction interface from to protocol/port`.
fn told(star: &Star) -> Vec<String> {
    let line = |flow: &DeniedFlow| {
        let DeniedFlow { direction, interface, source, destination, port, .. } = flow;
        format!("{direction} {interface} {source} {destination} {}/{port}", flow.protocol_name())
    };
    let mut lines: Vec<String> = written(star).iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn who_is_denied_is_written_down_with_whom_it_spoke_to_and_where() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[nothing()]);
    let mut expected = Vec::new();
    for (device, is_v4) in [(0, true), (1, false)] {
        let [pod, friend] = [Who::Pod, Who::Friend].map(|who| who.address(device, is_v4));
        let (inside, outside) = (&star.pod, &star.peers[device]);
        let at = |address, port| SocketAddr::new(address, port);
        assert!(!connection((outside, at(friend, 0)), (inside, at(pod, 80))));
        assert!(!datagram((outside, at(friend, 0)), (inside, at(pod, 81))));
        assert!(!connection((inside, at(pod, 0)), (outside, at(friend, 82))));
        let name = DEVICES[device];
        expected.push(format!("ingress {name} {friend} {pod} TCP/80"));
        expected.push(format!("ingress {name} {friend} {pod} UDP/81"));
        expected.push(format!("egress {name} {pod} {friend} TCP/82"));
    }
    expected.sort();
    assert_eq!(told(&star), expected);
}

#[test]
fn what_has_no_ports_is_written_down_by_its_type() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[nothing()]);
    let [pod, friend] = [Who::Pod, Who::Friend].map(|who| who.address(0, true));
    star.peers[0].set("net/ipv4/ping_group_range", "0 0");
    let ping =
        star.peers[0].within(|| socket2::Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::ICMPV4)));
    let echo_request = [8, 0, 0, 0, 0, 0, 0, 1];
    let to = SocketAddr::new(pod, 0).into();
    ping.expect("a socket").send_to(&echo_request, &to).expect("it is sent");
    star.has_denied(0, 1);
    assert_eq!(told(&star), [format!("ingress eth0 {friend} {pod} ICMP/2048")]);
}

#[test]
fn more_flows_than_there_is_room_for_are_denied_as_well() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[nothing()]);
    let [pod, friend] = [Who::Pod, Who::Friend].map(|who| who.address(0, true));
    for port in 1_000..1_100 {
        let (from, to) = (SocketAddr::new(friend, 0), SocketAddr::new(pod, port));
        assert!(!connection((&star.peers[0], from), (&star.pod, to)), "{port}");
    }
    assert_eq!(written(&star).len(), usize::try_from(MOST_DENIED).expect("a few"));
    assert_eq!(star.denied(0), 100);
}

#[test]
fn what_is_audited_passes_and_is_written_down_apart() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[audited()]);
    let [pod, friend] = [Who::Pod, Who::Friend].map(|who| who.address(0, true));
    let (from, to) = (SocketAddr::new(friend, 0), SocketAddr::new(pod, 80));
    assert!(connection((&star.peers[0], from), (&star.pod, to)));
    let flows = written(&star);
    assert_eq!(told(&star), [format!("ingress eth0 {friend} {pod} TCP/80")]);
    assert!(flows.iter().all(|flow| !flow.enforcement.is_enforced() && flow.direction == Direction::Ingress));
    // It is enforced after all, at once for what is open already, and the other way round.
    star.enforce(&[nothing()]);
    assert!(!connection((&star.peers[0], from), (&star.pod, to)));
    star.enforce(&[audited()]);
    assert!(connection((&star.peers[0], from), (&star.pod, to)));
}

#[test]
fn what_is_written_down_makes_no_rules_others_than_they_are_to_be() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[nothing()]);
    let [pod, friend] = [Who::Pod, Who::Friend].map(|who| who.address(0, true));
    assert!(!connection((&star.peers[0], SocketAddr::new(friend, 0)), (&star.pod, SocketAddr::new(pod, 80))));
    let socket = Socket::open_in(&star.pod.path()).expect("a socket");
    let before = socket.snapshot().expect("it is read");
    assert!(!connection((&star.peers[0], SocketAddr::new(friend, 0)), (&star.pod, SocketAddr::new(pod, 81))));
    assert_eq!(told(&star).len(), 2);
    assert_eq!(socket.snapshot().expect("it is read"), before);
}
