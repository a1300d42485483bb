//! Connections that were allowed when rules become stricter: those that are denied now are cut at their next packet, whichever end
//! sends it, and others go on without a packet lost.

use std::{
    io,
    net::{TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use policy_dataplane::{End, Memory, Protection};

use crate::{
    lab::PATIENCE,
    link::{PORTS, Way, hears, refusal},
    namespace::Namespace,
    star::{Star, Who, friend_on, ruleset},
    stream::Stream,
    tcp::{is_reset, pass},
};

/// The port that stays open.
const OTHER: u16 = 80;

fn is_silence(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Whether nothing has come to a socket.
fn has_nothing(socket: &UdpSocket) -> bool {
    socket.set_nonblocking(true).expect("it may be told");
    // It may be told that what it said before was not taken.
    socket.recv(&mut [0; 8]).is_err()
}

/// Streams between the Pod and its friend on the port that stays open, opened each way.
fn streams(star: &Star) -> Vec<Stream> {
    let way = |is_v4, device| Way { device, is_v4, opened_by: End::Local, speaker: End::Local };
    let ends = |way: Way, who, port| {
        let namespace = if who == Who::Pod { &star.pod } else { &star.peers[way.device] };
        (namespace, way.address(who, port))
    };
    let udp = |way, from, to| Stream::udp(ends(way, from, 0), ends(way, to, OTHER));
    vec![
        udp(way(true, 0), Who::Friend, Who::Pod),
        udp(way(false, 1), Who::Pod, Who::Friend),
        Stream::tcp(&star.pod, ends(way(true, 1), Who::Friend, OTHER)),
        Stream::tcp(&star.peers[0], ends(way(false, 0), Who::Pod, OTHER)),
    ]
}

/// Segments of TCP that were sent more than once, by anybody.
fn sent_again(star: &Star) -> Vec<String> {
    let of = |namespace: &Namespace| namespace.run("nstat", &["-asz", "TcpRetransSegs"], "");
    [&star.pod, &star.peers[0], &star.peers[1]].map(of).to_vec()
}

#[test]
fn a_connection_that_is_denied_now_is_cut_whoever_speaks_and_others_lose_nothing() {
    for memory in [Memory::Labels, Memory::Nothing] {
        let Some(mut star) = Star::with(memory) else { return };
        star.enforce(&[friend_on(&[OTHER, PORTS[0], PORTS[1]])]);
        let tcp = Way::all().map(|way| way.tcp(&star)).collect::<Vec<_>>();
        let udp = Way::all().map(|way| way.udp(&star)).collect::<Vec<_>>();
        for link in &tcp {
            assert_eq!(pass(&link.pod, &link.friend, 1), Ok(()));
            assert_eq!(pass(&link.friend, &link.pod, 1), Ok(()));
        }
        let (streams, before) = (streams(&star), sent_again(&star));

        star.enforce(&[friend_on(&[OTHER])]);
        let begun = Instant::now();
        for link in &tcp {
            let (end, other) = link.ends(link.way.speaker);
            let what = format!("{memory:?}: {:?}", link.way);
            assert!(is_reset(end).expect("it is told"), "{what}");
            assert!(is_reset(other).expect("it is told"), "{what}, and then the other");
        }
        for link in &udp {
            let (end, other) = link.ends(link.way.speaker);
            let what = format!("{memory:?}: {:?}", link.way);
            assert!(!is_silence(&refusal(end)), "{what}");
            assert!(has_nothing(other), "{what}");
        }
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());

        streams.iter().for_each(Stream::goes_on);
        assert_eq!(sent_again(&star), before, "{memory:?}");
        for stream in streams {
            assert!(stream.end().expect("nothing is lost") > 10);
        }
        star.enforce(&[friend_on(&[OTHER, PORTS[0], PORTS[1]])]);
        drop((tcp, udp));
        for way in Way::all() {
            let link = way.tcp(&star);
            assert_eq!(pass(&link.pod, &link.friend, 1), Ok(()), "{memory:?}: {way:?}");
            way.udp(&star);
        }
    }
}

/// Regression: what somebody opened while the rules were not ours went on once they were again.
#[test]
fn what_was_opened_while_somebody_had_changed_the_rules_is_cut_once_they_are_put_right() {
    let Some(mut star) = Star::new() else { return };
    star.enforcement.options.protection = Protection::Shared;
    let policies = [friend_on(&[OTHER])];
    star.enforce(&policies);
    let way = |speaker| Way { device: 0, is_v4: true, opened_by: End::Remote, speaker };
    star.pod.run("nft", &["insert", "rule", "inet", "danm_policer", "judge_ingress", "return"], "");
    let (udp, tcp) = (way(End::Remote).udp(&star), way(End::Local).tcp(&star));
    hears(&udp.friend, &udp.pod);
    assert_eq!(pass(&tcp.friend, &tcp.pod, 1), Ok(()));

    let ruleset = ruleset(&policies);
    assert!(star.enforcement.mend(&ruleset));
    assert!(!star.enforcement.mend(&ruleset), "it is as it should be");
    assert!(!is_silence(&refusal(&udp.friend)));
    assert!(has_nothing(&udp.pod));
    assert!(is_reset(&tcp.friend).expect("it is told"));
}

#[test]
fn where_connections_are_kept_they_go_on_as_long_as_they_last_and_new_ones_are_denied() {
    let Some(mut star) = Star::with(Memory::Kept) else { return };
    star.enforce(&[friend_on(&[OTHER, PORTS[0], PORTS[1]])]);
    let (tcp, udp) = (
        Way::all().map(|way| way.tcp(&star)).collect::<Vec<_>>(),
        Way::all().map(|way| way.udp(&star)).collect::<Vec<_>>(),
    );
    star.enforce(&[friend_on(&[OTHER])]);
    for link in &tcp {
        let (first, second) = link.ends(link.way.speaker);
        assert_eq!(pass(first, second, 1), Ok(()), "{:?}", link.way);
        assert_eq!(pass(second, first, 1), Ok(()), "{:?}", link.way);
    }
    for link in &udp {
        let (first, second) = link.ends(link.way.speaker);
        hears(first, second);
        hears(second, first);
    }
    for way in Way::all() {
        let (from, to) = match way.opened_by {
            End::Local => (&star.pod, way.address(Who::Friend, way.port())),
            End::Remote => (&star.peers[way.device], way.address(Who::Pod, way.port())),
        };
        let refused = from.within(|| TcpStream::connect_timeout(&to, PATIENCE)).expect_err("it is denied");
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused, "{way:?}");
    }
}
