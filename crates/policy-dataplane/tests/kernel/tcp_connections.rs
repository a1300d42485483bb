//! TCP connections that are older than the first rule: they are found, with who opened them, and go on in both directions once the
//! kernel was told of them, whoever speaks first. Of those that it was not told of it knows nothing.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
};

use policy_dataplane::{Batch, End, Protection, Socket, TcpConnection};

use crate::{
    listing::{isolating_program, listed},
    namespace::Namespace,
    pair::{Pair, V4, V6},
    tcp::{connect, pass},
};

/// What tells how the kernel sees the Pod's connections: packets of one that is new begin with SYN, and none is out of place.
const RULES: &str = "table inet test {
    counter in_original { }
    counter in_reply { }
    chain strangers {
        ct state invalid meta l4proto tcp reject with tcp reset
        ct state new tcp flags & (fin | syn | rst | ack) != syn reject with tcp reset
    }
    chain input {
        type filter hook input priority 0;
        jump strangers
        meta l4proto tcp ct direction original counter name in_original
        meta l4proto tcp ct direction reply counter name in_reply
    }
    chain output { type filter hook output priority 0; jump strangers; ct label set 5; }
}";

const DEAF: &str = "table inet deaf { chain input { type filter hook input priority 0; policy drop; }; }";

/// As a service mesh does it.
const TRANSLATION: &str = "table ip mesh {
    chain prerouting { type nat hook prerouting priority -100; tcp dport 80 redirect to :8080; }
    chain output { type nat hook output priority -100; tcp dport 80 dnat to 10.9.0.2:8080; }
}";

/// Two ends of a connection: the Pod's, and its peer's.
struct Ends {
    pod: TcpStream,
    peer: TcpStream,
    /// It goes on listening, as servers do.
    _listener: TcpListener,
}

/// More than windows have without their scale.
const MUCH: usize = 8 << 20;

fn opened(pair: &Pair, addresses: [IpAddr; 2], opened_by: End) -> Ends {
    match opened_by {
        End::Local => {
            let to = SocketAddr::new(addresses[1], 0);
            let (pod, peer, listener) = connect(&pair.pod, &pair.peer, to);
            Ends { pod, peer, _listener: listener }
        }
        End::Remote => {
            let to = SocketAddr::new(addresses[0], 0);
            let (peer, pod, listener) = connect(&pair.peer, &pair.pod, to);
            Ends { pod, peer, _listener: listener }
        }
    }
}

/// How many packets a counter of the Pod's rules has seen.
fn counted(pair: &Pair, counter: &str) -> u64 {
    let text = pair.pod.run("nft", &["list", "counter", "inet", "test", counter], "");
    let mut words = text.split_whitespace().skip_while(|word| *word != "packets");
    words.nth(1).expect("a number").parse().expect("a number")
}

/// All ways in which a connection can be.
fn ways() -> impl Iterator<Item = ([IpAddr; 2], End, End)> {
    let openers = [V4, V6].into_iter().flat_map(|family| [End::Local, End::Remote].map(|it| (family, it)));
    openers.flat_map(|(family, opener)| [End::Local, End::Remote].map(|first| (family, opener, first)))
}

#[test]
fn a_connection_older_than_the_rules_goes_on_whoever_speaks_first_and_has_its_true_direction() {
    for (addresses, opened_by, speaks_first) in ways() {
        let way = format!("{addresses:?}, opened by {opened_by:?}, {speaks_first:?} speaks first");
        let Some(pair) = Pair::new() else { return };
        let ends = opened(&pair, addresses, opened_by);
        let connections = pair.connections();
        let local = ends.pod.local_addr().expect("it has one");
        let remote = ends.peer.local_addr().expect("it has one");
        assert_eq!(connections, [TcpConnection { local, remote, opened_by }], "{way}");
        let socket = pair.socket();
        assert_eq!(socket.remember(&connections).expect("it may"), 1, "{way}");
        assert_eq!(socket.remember(&connections).expect("it knows it"), 0, "{way}");
        assert_eq!(socket.tracked().expect("it is told"), 1, "{way}");
        pair.rules(RULES);

        let (first, second) = match speaks_first {
            End::Local => (&ends.pod, &ends.peer),
            End::Remote => (&ends.peer, &ends.pod),
        };
        for length in [1, MUCH] {
            assert_eq!(pass(first, second, length), Ok(()), "{way}: {length} bytes there");
            assert_eq!(pass(second, first, length), Ok(()), "{way}: {length} bytes back");
        }
        let seen = [counted(&pair, "in_original") > 0, counted(&pair, "in_reply") > 0];
        assert_eq!(seen, [opened_by == End::Remote, opened_by == End::Local], "{way}");
        assert_eq!(socket.tracked().expect("it is told"), 1, "{way}: no other entry is made");
    }
}

#[test]
fn a_connection_that_the_kernel_was_not_told_of_is_a_stranger() {
    for (addresses, opened_by, speaks_first) in ways() {
        let Some(pair) = Pair::new() else { return };
        let ends = opened(&pair, addresses, opened_by);
        pair.rules(RULES);
        let mut speaker = if speaks_first == End::Local { &ends.pod } else { &ends.peer };
        speaker.write_all(b"x").expect("it is taken");
        let error = speaker.read(&mut [0]).expect_err("it is refused");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_connection_that_speaks_while_the_kernel_begins_to_track_has_its_true_direction_and_room_for_labels() {
    for (addresses, opened_by, speaks_first) in ways() {
        let way = format!("{addresses:?}, opened by {opened_by:?}, {speaks_first:?} speaks first");
        let Some(pair) = Pair::new() else { return };
        let ends = opened(&pair, addresses, opened_by);
        let socket = pair.socket();
        socket.commit(&Batch::track(Protection::Owned)).expect("it may");
        let speaker =
            if speaks_first == End::Local { [&ends.pod, &ends.peer] } else { [&ends.peer, &ends.pod] };
        assert_eq!(pass(speaker[0], speaker[1], 1), Ok(()), "{way}");
        assert_eq!(socket.tracked().expect("it is told"), 1, "{way}");
        // The kernel takes whoever speaks first for who has opened it.
        let is_wrong = opened_by != speaks_first;
        assert_eq!(socket.remember(&pair.connections()).expect("it may"), usize::from(is_wrong), "{way}");
        pair.rules(RULES);
        assert_eq!(pass(speaker[0], speaker[1], 1), Ok(()), "{way}");
        assert_eq!(pass(speaker[1], speaker[0], 1), Ok(()), "{way}");
        let seen = [counted(&pair, "in_original") > 0, counted(&pair, "in_reply") > 0];
        assert_eq!(seen, [opened_by == End::Remote, opened_by == End::Local], "{way}");
        assert_eq!(socket.clear_labels(1 << 5).expect("it may"), 1, "{way}");
    }
}

#[test]
fn a_connection_that_waits_for_a_reply_while_the_kernel_begins_to_track_is_no_stranger() {
    let Some(pair) = Pair::new() else { return };
    let (ends, socket) = (opened(&pair, V4, End::Local), pair.socket());
    socket.commit(&Batch::track(Protection::Owned)).expect("it may");
    pair.peer.run("nft", &["--file", "-"], DEAF);
    (&ends.pod).write_all(b"x").expect("it is taken");
    assert_eq!(socket.tracked().expect("it is told"), 1);
    assert_eq!(socket.remember(&pair.connections()).expect("it may"), 1, "nobody has answered");
    pair.rules(RULES);
    pair.peer.run("nft", &["flush", "ruleset"], "");
    // It is sent again, and heard this time.
    (&ends.peer).read_exact(&mut [0]).expect("it comes");
    assert_eq!(socket.remember(&pair.connections()).expect("it may"), 0, "it is known as it is");
}

#[test]
fn connections_whose_addresses_are_translated_in_the_pod_are_left_as_they_are() {
    let Some(pair) = Pair::new() else { return };
    pair.rules(TRANSLATION);
    let socket = pair.socket();
    let (inbound, outbound) = (SocketAddr::new(V4[0], 8_080), SocketAddr::new(V4[1], 8_080));
    let into = pair.pod.within(|| TcpListener::bind(inbound)).expect("a listener");
    let out = pair.peer.within(|| TcpListener::bind(outbound)).expect("a listener");
    let caller = pair.peer.within(|| TcpStream::connect((V4[0], 80))).expect("it is connected");
    let called = into.accept().expect("it is called").0;
    let calling = pair.pod.within(|| TcpStream::connect((V4[1], 80))).expect("it is connected");
    let answering = out.accept().expect("it is called").0;
    let connections = pair.connections();
    assert_eq!(connections.len(), 2);
    assert_eq!(socket.remember(&connections).expect("it knows them"), 0);
    pair.rules(RULES);
    for (one, other) in [(&caller, &called), (&calling, &answering)] {
        assert_eq!(pass(one, other, 1), Ok(()));
        assert_eq!(pass(other, one, 1), Ok(()));
    }
    assert_eq!(socket.tracked().expect("it is told"), 2);
}

#[test]
fn an_entry_has_room_for_labels_only_if_a_rule_sets_one_when_it_is_made() {
    for is_tracking in [false, true] {
        let Some(pair) = Pair::new() else { return };
        let (socket, ends) = (pair.socket(), opened(&pair, V4, End::Remote));
        if is_tracking {
            socket.commit(&Batch::track(Protection::Shared)).expect("it may");
        }
        assert_eq!(socket.remember(&pair.connections()).expect("it may"), 1);
        pair.rules(RULES);
        assert_eq!(pass(&ends.pod, &ends.peer, 1), Ok(()));
        assert_eq!(socket.clear_labels(1 << 5).expect("it may"), usize::from(is_tracking));
    }
}

#[test]
fn rules_that_are_there_already_stay_when_tracking_begins() {
    let Some(namespace) = Namespace::new() else { return };
    let socket = Socket::open_in(&namespace.path()).expect("a socket");
    socket.commit(&Batch::replace(&isolating_program(), Protection::Owned)).expect("it is sound");
    let before = listed(&namespace);
    socket.commit(&Batch::track(Protection::Owned)).expect("it may");
    let (begin, end) = (before.trim_end_matches("}\n"), listed(&namespace));
    assert!(end.starts_with(begin) && end.contains("chain tracking"), "{end}");
}

#[test]
fn a_connection_that_the_kernel_does_not_take_is_named_and_others_are_remembered() {
    let Some(namespace) = Namespace::new() else { return };
    let socket = Socket::open_in(&namespace.path()).expect("a socket");
    let connection = |port: u16| TcpConnection {
        local: (V4[0], 80).into(),
        remote: (if port == 170 { V6[1] } else { V4[1] }, port).into(),
        opened_by: End::Remote,
    };
    let connections: Vec<TcpConnection> = (1..=200).map(connection).collect();
    let error = socket.remember(&connections).expect_err("one has ends of two families").to_string();
    assert!(error.contains("TCP connection from [fd09::2]:170 to 10.9.0.1:80"), "{error}");
    assert_eq!(socket.tracked().expect("it is told"), 199);
}

#[test]
fn where_nobody_uses_tcp_there_are_no_connections_and_loopback_has_none() {
    let Some(pair) = Pair::new() else { return };
    assert_eq!(pair.connections(), []);
    let to_itself = connect(&pair.pod, &pair.pod, SocketAddr::new(V4[0], 0));
    let over_loopback = connect(&pair.pod, &pair.pod, "[::1]:0".parse().expect("an address"));
    assert_eq!(pair.connections(), []);
    let ends = opened(&pair, V6, End::Remote);
    assert_eq!(pair.connections().len(), 1);
    drop((to_itself, over_loopback, ends));
}

#[test]
fn a_call_of_ipv4_to_somebody_who_listens_on_all_addresses_of_ipv6_is_one_of_ipv4() {
    let Some(pair) = Pair::new() else { return };
    let listener = pair.pod.within(|| TcpListener::bind("[::]:8080")).expect("a listener");
    let client = pair.peer.within(|| TcpStream::connect((V4[0], 8080))).expect("it is connected");
    let _server = listener.accept().expect("it is called");
    let local = SocketAddr::new(V4[0], 8080);
    let remote = client.local_addr().expect("it has one");
    assert_eq!(pair.connections(), [TcpConnection { local, remote, opened_by: End::Remote }]);
}
