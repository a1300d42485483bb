//! The kernel's table of connections is full: it takes in no new ones, whoever opens them, and knows those that it has.

use std::{
    fs,
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use policy_dataplane::{End, Outcome, Socket, TcpConnection};

use crate::{
    link::{PORTS, Way, hears},
    port,
    star::{Star, Who, friend_on, nothing},
    tcp::pass,
};

/// The port that stays open.
const OPEN: u16 = 80;

/// For so long somebody tries to connect whom nobody answers.
const ATTEMPT: Duration = Duration::from_millis(500);

const MOST: &str = "/proc/sys/net/netfilter/nf_conntrack_max";

/// Makes the kernel know connections of others until it takes in no more.
fn fill(socket: &Socket) {
    let most: u32 = fs::read_to_string(MOST).expect("the kernel tells").trim().parse().expect("a number");
    let end = |address: u32, port| SocketAddr::new(IpAddr::V4(Ipv4Addr::from(address)), port);
    let other = |number: u32| TcpConnection {
        local: end(0x0a64_0001, 80),
        remote: end(0x0ac8_0000 + number, 1_024),
        opened_by: End::Remote,
    };
    let connections: Vec<TcpConnection> = (0..=most).map(other).collect();
    let refusal = socket.remember(&connections).expect_err("it is one too many");
    assert_eq!(refusal.kind(), ErrorKind::OutOfMemory, "{refusal}");
}

#[test]
fn while_the_table_of_connections_is_full_nobody_gets_in_and_what_was_allowed_goes_on() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[friend_on(&[OPEN, PORTS[0], PORTS[1]])]);
    let way = |speaker| Way { device: 0, is_v4: true, opened_by: End::Remote, speaker };
    let (tcp, udp) = (way(End::Local).tcp(&star), way(End::Remote).udp(&star));
    let open = way(End::Remote).address(Who::Pod, OPEN);
    let _listener = port::listener(&star.pod, open);

    fill(&Socket::open_in(&star.pod.path()).expect("it is there"));
    let attempt = || star.peers[0].within(|| TcpStream::connect_timeout(&open, ATTEMPT));
    assert_eq!(attempt().map(drop).map_err(|error| error.kind()), Err(ErrorKind::TimedOut));
    for [speaker, listener] in [[&tcp.pod, &tcp.friend], [&tcp.friend, &tcp.pod]] {
        assert_eq!(pass(speaker, listener, 1), Ok(()));
    }
    hears(&udp.friend, &udp.pod);
    hears(&udp.pod, &udp.friend);

    // Stricter rules judge all of them again, with the table as it is.
    star.enforce(&[friend_on(&[OPEN])]);
    assert!(crate::tcp::is_reset(&tcp.friend).expect("it is told"));
}

/// Regression: a Pod whose older connections the kernel could not be told of got no rules at all.
#[test]
fn a_pod_that_the_kernel_has_no_room_for_the_connections_of_is_isolated_and_they_are_refused() {
    let Some(mut star) = Star::new() else { return };
    let way = Way { device: 0, is_v4: true, opened_by: End::Remote, speaker: End::Local };
    let older = way.tcp(&star);
    assert_eq!(pass(&older.friend, &older.pod, 1), Ok(()));
    fill(&Socket::open_in(&star.pod.path()).expect("it is there"));

    assert_eq!(star.enforce(&[nothing()]), Outcome::Unprepared);
    let open = way.address(Who::Pod, OPEN);
    let _listener = port::listener(&star.pod, open);
    let attempt = || star.peers[0].within(|| TcpStream::connect_timeout(&open, ATTEMPT));
    attempt().expect_err("nothing is allowed");
    older.friend.set_read_timeout(Some(ATTEMPT)).expect("it may be told");
    assert!(pass(&older.pod, &older.friend, 1).is_err(), "it is known to nobody");
}
