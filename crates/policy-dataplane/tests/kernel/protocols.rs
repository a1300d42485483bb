//! What is not just a connection of TCP or UDP: neighbours, multicast, errors, fragments, options, SCTP.

use std::{
    io,
    mem::MaybeUninit,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    time::Instant,
};

use serde_json::json;
use socket2::Socket;

use crate::{
    lab::PATIENCE,
    link::hears,
    port,
    probe::datagram_between,
    raw,
    star::{Star, Who, friend_on, nothing},
};

const PORT: u16 = 80;

fn end(who: Who, is_v4: bool, number: u16) -> SocketAddr {
    SocketAddr::new(who.address(0, is_v4), number)
}

#[test]
fn neighbours_are_found_in_a_closed_pod_from_the_link_and_not_from_further_away() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[nothing()]);
    let pod = Who::Pod.address(0, false);
    star.peers[0].run("ip", &["neigh", "flush", "dev", "eth0"], "");
    let socket = raw::socket(&star.peers[0], Who::Friend.address(0, false), 58);
    // Whoever is asked has to be found first.
    let solicitation = [&[135, 0, 0, 0, 0, 0, 0, 0], &raw::octets(pod)[..]].concat();
    let query = [&[130, 0, 0, 0, 0, 1, 0, 0], &[0; 16][..]].concat();
    let mut count = 0;
    for (message, passes, denied_with) in [(&solicitation, 255, 64), (&query, 1, 2)] {
        for (hops, is_denied) in [(passes, false), (denied_with, true)] {
            socket.set_unicast_hops_v6(hops).expect("it may be told");
            socket.send_to(message, &SocketAddr::new(pod, 0).into()).expect("it is sent");
            count += u64::from(is_denied);
            star.has_denied(0, count);
            assert_eq!(star.denied(0), count, "{hops}");
        }
    }
    let found = star.peers[0].run("ip", &["neigh", "show", &pod.to_string(), "dev", "eth0"], "");
    assert!(found.contains("lladdr"), "{found}");
}

/// What the Pod knows of the way to its friend.
fn route(star: &Star, is_v4: bool) -> String {
    star.pod.run("ip", &["route", "get", &Who::Friend.address(0, is_v4).to_string()], "")
}

#[test]
fn an_error_about_an_allowed_connection_comes_and_one_about_none_does_not() {
    for (is_v4, protocol) in [(true, 1), (false, 58)] {
        let Some(mut star) = Star::new() else { return };
        star.enforce(&[friend_on(&[PORT])]);
        let [client, server] = [
            port::udp(&star.peers[0], end(Who::Friend, is_v4, 0)),
            port::udp(&star.pod, end(Who::Pod, is_v4, PORT)),
        ];
        client.connect(end(Who::Pod, is_v4, PORT)).expect("an address");
        server.connect(client.local_addr().expect("one")).expect("an address");
        hears(&client, &server);
        hears(&server, &client);
        let router = raw::socket(&star.peers[0], Who::Stranger.address(0, is_v4), protocol);
        let client = client.local_addr().expect("one").port();
        // A port of nobody's, the server's to nobody, and the server's to its client.
        for (from, to, comes) in [(PORT + 1, client, false), (PORT, 1, false), (PORT, client, true)] {
            let udp = [from.to_be_bytes(), to.to_be_bytes(), [5, 0x78], [0, 0]].concat();
            let about = [Who::Pod, Who::Friend].map(|who| who.address(0, is_v4));
            let error = raw::too_big(&raw::ip(about[0], about[1], raw::UDP, &[], &udp), is_v4, 1_300);
            router.send_to(&error, &end(Who::Pod, is_v4, 0).into()).expect("it is sent");
            let begun = Instant::now();
            while comes && !route(&star, is_v4).contains("mtu 1300") {
                assert!(begun.elapsed() < PATIENCE, "{}", route(&star, is_v4));
            }
            assert_eq!(route(&star, is_v4).contains("mtu"), comes, "{is_v4} from {from} to {to}");
        }
        let chain = star.pod.run("nft", &["list", "chain", "inet", "danm_policer", "opening"], "");
        assert!(chain.contains("ct state invalid counter packets 2"), "{chain}");
    }
}

#[test]
fn of_a_long_datagram_all_fragments_come_where_its_port_is_allowed_and_none_where_it_is_not() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[friend_on(&[PORT])]);
    for (is_v4, number) in [(true, PORT), (false, PORT), (true, PORT + 1), (false, PORT + 1)] {
        let sender = port::udp(&star.peers[0], end(Who::Friend, is_v4, 0));
        let receiver = port::udp(&star.pod, end(Who::Pod, is_v4, number));
        let to = end(Who::Pod, is_v4, number);
        assert_eq!(datagram_between(&sender, &receiver, to, 4_000), number == PORT, "{is_v4} {number}");
    }
}

#[test]
fn what_is_for_everybody_comes_from_those_who_are_allowed_and_from_nobody_else() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[friend_on(&[PORT])]);
    let group = Ipv4Addr::new(239, 9, 9, 9);
    let IpAddr::V4(pod) = Who::Pod.address(0, true) else { return };
    let receiver = port::udp(&star.pod, SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), PORT));
    receiver.set_read_timeout(Some(PATIENCE)).expect("it may be told");
    star.pod.within(|| receiver.join_multicast_v4(&group, &pod)).expect("it may");
    let bound = |who| {
        let socket: Socket = port::udp(&star.peers[0], end(who, true, 0)).into();
        let IpAddr::V4(own) = Who::address(who, 0, true) else { return UdpSocket::from(socket) };
        socket.set_multicast_if_v4(&own).expect("it may be told");
        socket.set_broadcast(true).expect("it may be told");
        socket.into()
    };
    let [friend, stranger]: [UdpSocket; 2] = [Who::Friend, Who::Stranger].map(bound);
    for (number, to) in (1..).zip([group, Ipv4Addr::new(10, 9, 0, 255), Ipv4Addr::BROADCAST]) {
        stranger.send_to(b"stranger", (to, PORT)).expect("it is sent");
        star.has_denied(0, number);
        friend.send_to(b"friend", (to, PORT)).expect("it is sent");
        let mut message = [0; 16];
        let length = receiver.recv(&mut message).expect("it comes");
        assert_eq!(&message[..length], b"friend", "{to}");
    }
}

#[test]
fn neither_options_nor_extension_headers_help_a_packet_to_a_port_that_is_closed() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[friend_on(&[PORT])]);
    let mut count = 0;
    // Four of no operation; a header that carries TCP, of eight bytes, and is but padding.
    for (is_v4, between) in [(true, &[1, 1, 1, 1][..]), (false, &[raw::TCP, 0, 1, 4, 0, 0, 0, 0][..])] {
        let socket = raw::socket_with_header(&star.peers[0], is_v4);
        let server = port::listener(&star.pod, end(Who::Pod, is_v4, PORT));
        let [from, to] = [end(Who::Friend, is_v4, 5_000), end(Who::Pod, is_v4, PORT + 1)];
        for between in [&[][..], between] {
            let packet = raw::ip(from.ip(), to.ip(), raw::TCP, between, &raw::syn(from, to));
            socket.send_to(&packet, &SocketAddr::new(to.ip(), 0).into()).expect("it is sent");
            count += 1;
            star.has_denied(0, count);
        }
        // The same to the port that is open is no stranger to the rules.
        let to = end(Who::Pod, is_v4, PORT);
        let packet = raw::ip(from.ip(), to.ip(), raw::TCP, between, &raw::syn(from, to));
        socket.send_to(&packet, &SocketAddr::new(to.ip(), 0).into()).expect("it is sent");
        let family = if is_v4 { "ip saddr" } else { "ip6 saddr" };
        let begun = Instant::now();
        while !allowed_by_tcp(&star, family) {
            assert!(begun.elapsed() < PATIENCE, "{family}");
        }
        assert_eq!(star.denied(0), count);
        drop(server);
    }
}

/// Whether the rule about TCP of a family has seen a packet.
fn allowed_by_tcp(star: &Star, family: &str) -> bool {
    let chain = star.pod.run("nft", &["list", "chain", "inet", "danm_policer", "ingress_eth0"], "");
    let mut rules = chain.lines().filter(|line| line.contains(family) && line.contains("l4proto tcp"));
    rules.any(|rule| !rule.contains("packets 0 "))
}

/// Whether the first packet of an SCTP connection comes; whoever sends one that does not is told.
fn init_comes(from: &Socket, to: &Socket, ports: [u16; 2], address: SocketAddr) -> bool {
    from.connect(&SocketAddr::new(address.ip(), 0).into()).expect("an address");
    from.set_nonblocking(true).expect("it may be told");
    to.set_nonblocking(true).expect("it may be told");
    from.send(&raw::sctp(ports[0], ports[1], false)).expect("it is sent");
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if to.recv(&mut [MaybeUninit::uninit(); 64]).is_ok() {
            return true;
        }
        match from.recv(&mut [MaybeUninit::uninit(); 64]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => return false,
        }
    }
    panic!("SCTP to {address} was dropped without a word");
}

#[test]
fn a_port_of_sctp_is_open_where_a_rule_says_so_of_sctp_and_not_of_another_protocol() {
    let Some(mut star) = Star::new() else { return };
    let mut of_sctp = friend_on(&[1]);
    of_sctp["ingress"][0]["ports"] = json!([{"protocol": "SCTP", "port": PORT}]);
    let mut source = 5_000;
    for (policy, expected) in [(of_sctp, true), (friend_on(&[PORT]), false), (nothing(), false)] {
        star.enforce(&[policy]);
        for is_v4 in [true, false] {
            for (who, number) in [(Who::Friend, PORT), (Who::Friend, PORT + 1), (Who::Stranger, PORT)] {
                let is_meant = who == Who::Friend && number == PORT;
                let from = raw::socket(&star.peers[0], who.address(0, is_v4), raw::SCTP);
                let to = raw::socket(&star.pod, Who::Pod.address(0, is_v4), raw::SCTP);
                source += 1;
                let comes = init_comes(&from, &to, [source, number], end(Who::Pod, is_v4, number));
                assert_eq!(comes, expected && is_meant, "{is_v4} {who:?} {number}");
            }
        }
    }
}
