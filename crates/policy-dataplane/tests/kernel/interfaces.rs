//! By which interface a packet comes or goes: those that no endpoint names, those that are parts of others, addresses that two have on
//! two networks, and replies that leave by another interface than their connection came by.
//!
//! A VLAN on top of an interface is judged like a macvlan, by its own name; only the latter is shown, as kernels of tests may not have
//! VLANs.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use policy_dataplane::Memory;
use policy_engine::InterfaceName;
use serde_json::{Value, json};

use crate::{
    lab::PATIENCE,
    namespace::Namespace,
    port,
    probe::{connection, datagram},
    star::{Cable, DEVICES, Star, Who, friend_on, nothing},
    tcp::{connect, pass},
};

const PORT: u16 = 80;

/// The networks of the Pod's interfaces.
const NETWORKS: [(&str, &str); 2] = [("default", "DanmNet"), ("lan1", "ClusterNetwork")];

/// The Pod's addresses, each with its interface.
fn own_addresses() -> BTreeMap<IpAddr, InterfaceName> {
    let of_device = |(device, name): (usize, &&str)| {
        let interface = InterfaceName::new(name).expect("a name");
        [true, false].map(|is_v4| (Who::Pod.address(device, is_v4), interface.clone()))
    };
    DEVICES.iter().enumerate().flat_map(of_device).collect()
}

/// What a policy says that is about one network alone.
fn nothing_on_lan1() -> Value {
    let mut policy = nothing();
    policy["networkSelector"] = json!([{"name": "lan1", "type": "ClusterNetwork"}]);
    policy
}

/// What a policy says that lets the friend in by one network alone.
fn friend_by(network: &str, kind: &str, ports: &[u16]) -> Value {
    let mut policy = friend_on(ports);
    policy["policyTypes"] = json!(["Ingress"]);
    policy["ingress"][0]["from"][0]["networkSelector"] = json!([{"name": network, "type": kind}]);
    policy
}

/// Whether these two speak to each other on the port, by whom it may be opened.
fn both_ways(one: (&Namespace, IpAddr), other: (&Namespace, IpAddr)) -> [bool; 2] {
    [(one, other), (other, one)].map(|(from, to)| {
        let ends = ((from.0, SocketAddr::new(from.1, 0)), (to.0, SocketAddr::new(to.1, PORT)));
        let by_tcp = connection(ends.0, ends.1);
        assert_eq!(datagram(ends.0, ends.1), by_tcp);
        by_tcp
    })
}

fn ends_of(star: &Star, device: usize, who: Who) -> [(&Namespace, IpAddr); 2] {
    [(&star.pod, Who::Pod.address(device, true)), (&star.peers[device], who.address(device, true))]
}

/// Gives an interface an address of its own, and has it up.
fn raise(namespace: &Namespace, interface: &str, address: &str) {
    namespace.run("ip", &["addr", "add", address, "dev", interface], "");
    namespace.run("ip", &["link", "set", interface, "up"], "");
}

#[test]
fn an_interface_that_comes_later_is_closed_where_the_pod_is_and_open_where_only_a_network_is() {
    let Some(mut star) = Star::new() else { return };
    let addresses = ["10.9.9.1", "10.9.9.2"].map(|text| text.parse::<IpAddr>().expect("an address"));
    for (policy, is_open) in [(nothing(), false), (nothing_on_lan1(), true)] {
        star.enforce(&[policy]);
        star.lay("net9", &star.peers[0], "late");
        raise(&star.pod, "net9", "10.9.9.1/24");
        raise(&star.peers[0], "late", "10.9.9.2/24");
        let found = both_ways((&star.pod, addresses[0]), (&star.peers[0], addresses[1]));
        assert_eq!(found, [is_open; 2]);
        for (device, is_open) in [(0, is_open), (1, false)] {
            let [pod, friend] = ends_of(&star, device, Who::Friend);
            assert_eq!(both_ways(pod, friend), [is_open; 2], "{device}");
        }
        star.pod.run("ip", &["link", "delete", "net9"], "");
    }
}

#[test]
fn an_interface_that_is_renamed_in_a_closed_pod_is_closed() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[nothing()]);
    star.pod.run("ip", &["link", "set", "net1", "name", "mine"], "");
    let talk = |star: &Star| {
        let [pod, friend] = ends_of(star, 1, Who::Friend);
        both_ways(pod, friend)
    };
    assert_eq!(talk(&star), [false; 2]);
    // What policies allow, they allow by whatever interface.
    star.enforce(&[friend_on(&[PORT])]);
    assert_eq!(talk(&star), [true; 2]);
}

#[test]
fn an_interface_that_an_application_makes_on_top_of_another_is_closed_where_the_pod_is() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[nothing()]);
    star.pod.run("ip", &["link", "add", "link", "eth0", "name", "mine", "type", "macvlan"], "");
    raise(&star.pod, "mine", "10.9.8.1/24");
    star.peers[0].run("ip", &["addr", "add", "10.9.8.2/24", "dev", "eth0"], "");
    let [pod, friend] = ["10.9.8.1", "10.9.8.2"].map(|text| text.parse().expect("an address"));
    let talk = |star: &Star| both_ways((&star.pod, pod), (&star.peers[0], friend));
    assert_eq!(talk(&star), [false; 2]);
    star.enforce(&[]);
    assert_eq!(talk(&star), [true; 2], "it is connected");
}

#[test]
fn interfaces_that_are_parts_of_the_nodes_are_judged_like_others() {
    for cable in [Cable::Veth, Cable::Macvlan] {
        let Some(mut star) = Star::of(cable, Memory::Labels) else { return };
        for (policies, friend, stranger) in [
            (vec![], true, true),
            (vec![friend_on(&[PORT])], true, false),
            (vec![friend_on(&[PORT + 1])], false, false),
            (vec![nothing()], false, false),
        ] {
            star.enforce(&policies);
            for device in 0..DEVICES.len() {
                for (who, expected) in [(Who::Friend, friend), (Who::Stranger, stranger)] {
                    let [pod, other] = ends_of(&star, device, who);
                    assert_eq!(
                        both_ways(pod, other),
                        [expected; 2],
                        "{cable:?} {device} {who:?} {policies:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn an_address_that_two_have_on_two_networks_is_each_ones_by_its_own_interface() {
    let Some(mut star) = Star::new() else { return };
    // On each cable somebody has the friend's address on the other.
    for (device, peer) in star.peers.iter().enumerate() {
        let shared = format!("{}/32", Who::Friend.address(1 - device, true));
        peer.run("ip", &["addr", "add", &shared, "dev", "eth0"], "");
    }
    for (device, (network, kind)) in NETWORKS.into_iter().enumerate() {
        star.enforce(&[friend_by(network, kind, &[PORT])]);
        let friend = Who::Friend.address(device, true);
        let to = |device| SocketAddr::new(Who::Pod.address(device, true), PORT);
        let receiver = port::udp(&star.pod, "0.0.0.0:80".parse().expect("an address"));
        receiver.set_read_timeout(Some(PATIENCE)).expect("it may be told");
        // By the other interface; whoever answers would answer the friend.
        let impostor = port::udp(&star.peers[1 - device], SocketAddr::new(friend, 0));
        impostor.send_to(b"impostor", to(1 - device)).expect("it is sent");
        star.has_denied(1 - device, 1);
        let real = port::udp(&star.peers[device], SocketAddr::new(friend, 0));
        real.send_to(b"friend", to(device)).expect("it is sent");
        let mut message = [0; 16];
        let length = receiver.recv(&mut message).expect("it comes");
        assert_eq!(&message[..length], b"friend", "{network}");
    }
}

/// Has one interface closed, and the friend come to an address of the Pod by the other; then somebody on the closed one who says
/// that he is the friend. Gives whether he got through.
fn impostor_passes(star: &mut Star, closed: usize, to: SocketAddr) -> bool {
    let (network, kind) = NETWORKS[closed];
    star.enforce(&[json!({
        "policyTypes": ["Ingress"], "networkSelector": [{"name": network, "type": kind}],
    })]);
    let friend = SocketAddr::new(Who::Friend.address(0, true), 5_060);
    let [real, impostor] = [1 - closed, closed].map(|device| port::udp(&star.peers[device], friend));
    let receiver = port::udp(&star.pod, to);
    receiver.set_read_timeout(Some(PATIENCE)).expect("it may be told");
    let mut message = [0; 16];
    for _ in 0..3 {
        let before = star.denied(closed);
        real.send_to(b"friend", to).expect("it is sent");
        let (length, from) = receiver.recv_from(&mut message).expect("it comes");
        assert_eq!(&message[..length], b"friend");
        // What it answers is judged by the interface of its address.
        let _ = receiver.send_to(b"answer", from);
        impostor.send_to(b"impostor", to).expect("it is sent");
        receiver.set_nonblocking(true).expect("it may be told");
        let begun = Instant::now();
        while star.denied(closed) == before {
            assert!(begun.elapsed() < PATIENCE, "it neither comes nor is denied");
            if receiver.recv(&mut message).is_ok() {
                return true;
            }
        }
        receiver.set_nonblocking(false).expect("it may be told");
    }
    false
}

/// Regression: a packet with the ends of a connection that was allowed passed by whatever interface it came.
#[test]
fn who_uses_the_ends_of_an_allowed_connection_on_another_network_is_judged_there() {
    let first = || own_addresses().into_iter().filter(|(_, name)| name.as_str() == DEVICES[0]).collect();
    for (memory, known) in [
        (Memory::Labels, own_addresses()),
        (Memory::Nothing, own_addresses()),
        (Memory::Labels, first()),
        (Memory::Labels, BTreeMap::new()),
    ] {
        let Some(mut star) = Star::with(memory) else { return };
        star.enforcement.surroundings.addresses = Some(known);
        let friend = Who::Friend.address(0, true).to_string();
        star.peers[1].run("ip", &["addr", "add", &friend, "dev", "eth0"], "");
        for (device, peer) in star.peers.iter().enumerate() {
            let other = Who::Pod.address(1 - device, true).to_string();
            let by = Who::Pod.address(device, true).to_string();
            peer.run("ip", &["route", "add", &other, "via", &by], "");
        }
        for (closed, address) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let to = SocketAddr::new(Who::Pod.address(address, true), PORT);
            let passes = impostor_passes(&mut star, closed, to);
            assert!(!passes, "{memory:?}: by {} to {to}", DEVICES[closed]);
        }
    }
}

/// Regression: what the Pod was allowed to say by one interface it could go on to say by another, which was closed to it.
#[test]
fn a_pod_that_was_allowed_to_speak_by_one_interface_does_not_go_on_by_another() {
    for memory in [Memory::Labels, Memory::Nothing] {
        let Some(mut star) = Star::with(memory) else { return };
        star.enforcement.surroundings.addresses = Some(own_addresses());
        for (closed, address) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let (network, kind) = NETWORKS[closed];
            star.enforce(&[json!({
                "policyTypes": ["Egress"], "networkSelector": [{"name": network, "type": kind}],
            })]);
            let own = SocketAddr::new(Who::Pod.address(address, true), 0);
            let to = SocketAddr::new(Who::Friend.address(closed, true), PORT);
            let sender = port::udp(&star.pod, own);
            let send_by = |device: usize| {
                let (to, by) = (format!("{}/32", to.ip()), Who::Friend.address(device, true).to_string());
                star.pod.run(
                    "ip",
                    &["route", "replace", &to, "via", &by, "dev", DEVICES[device], "onlink"],
                    "",
                );
                sender
                    .send_to(b"x", SocketAddr::new(Who::Friend.address(closed, true), PORT))
                    .map_err(|it| it.kind())
            };
            for _ in 0..3 {
                assert_eq!(
                    send_by(closed),
                    Err(ErrorKind::PermissionDenied),
                    "{memory:?} {closed} {address}"
                );
                assert_eq!(send_by(1 - closed), Ok(1), "{memory:?} {closed} {address}");
            }
            let route = format!("{}/32", to.ip());
            star.pod.run("ip", &["route", "del", &route], "");
        }
    }
}

/// A star in which what the Pod says to its friend on the second cable leaves by the first.
fn detour() -> Option<Star> {
    let star = Star::new()?;
    let [first, second] = &star.peers;
    let process = second.process().to_string();
    first.run("ip", &["link", "add", "detour", "type", "veth", "peer", "detour", "netns", &process], "");
    first.set("net/ipv4/ip_forward", "1");
    raise(first, "detour", "10.9.7.1/24");
    raise(second, "detour", "10.9.7.2/24");
    first.run("ip", &["route", "add", "10.9.1.2", "via", "10.9.7.2"], "");
    star.pod.run("ip", &["route", "add", "10.9.1.2", "via", "10.9.0.2"], "");
    Some(star)
}

#[test]
fn replies_that_leave_by_another_interface_are_not_lost_when_rules_become_stricter() {
    let Some(mut star) = detour() else { return };
    let addresses = DEVICES
        .iter()
        .enumerate()
        .map(|(device, name)| (Who::Pod.address(device, true), InterfaceName::new(name).expect("a name")));
    star.enforcement.surroundings.addresses = Some(addresses.collect::<BTreeMap<_, _>>());
    let policy = |other: u16| friend_by("lan1", "ClusterNetwork", &[PORT, other]);
    star.enforce(&[policy(1)]);
    let to = SocketAddr::new(Who::Pod.address(1, true), PORT);
    let (client, server, _) = connect(&star.peers[1], &star.pod, to);
    for other in 2..10 {
        star.enforce(&[policy(other)]);
        let (first, second) = if other % 2 == 0 { (&client, &server) } else { (&server, &client) };
        assert_eq!(pass(first, second, 10_000), Ok(()), "{other}");
        assert_eq!(pass(second, first, 10_000), Ok(()), "{other}");
    }
}
