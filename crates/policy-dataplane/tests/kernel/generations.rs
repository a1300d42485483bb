//! Rules that become stricter again and again: labels come round, and what an old one says is forgotten before.

use std::net::{SocketAddr, TcpStream};

use crate::{
    star::{Star, Who, friend_on},
    stream::Stream,
    tcp::{connect, is_reset, pass},
};

/// Labels are used round and round: so many generations later it is the same one.
const LABELS: u16 = 128;

const TIGHTENINGS: u16 = 300;

/// The port that is open in each generation, and the first of those that are open in one.
const OPEN: u16 = 80;
const FIRST: u16 = 1_000;

/// The friend calls the Pod, or is called. Gives both ends.
fn call(star: &Star, is_inwards: bool, port: u16) -> [TcpStream; 2] {
    let (from, to, who) = if is_inwards {
        (&star.peers[0], &star.pod, Who::Pod)
    } else {
        (&star.pod, &star.peers[0], Who::Friend)
    };
    let (client, server, _) = connect(from, to, SocketAddr::new(who.address(0, true), port));
    [client, server]
}

/// The generation that the kernel's rules know.
fn generation(star: &Star) -> String {
    let chain = star.pod.run("nft", &["list", "chain", "inet", "danm_policer", "judged"], "");
    let words = chain.split("generation ").nth(1).expect("a comment");
    words.chars().take_while(char::is_ascii_digit).collect()
}

#[test]
fn a_connection_whose_label_comes_round_is_judged_again_and_one_that_is_always_allowed_loses_nothing() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[friend_on(&[OPEN, FIRST])]);
    let pod = |port| (&star.pod, SocketAddr::new(Who::Pod.address(0, false), port));
    let friend = |port| (&star.peers[0], SocketAddr::new(Who::Friend.address(0, false), port));
    let streams = [Stream::udp(friend(0), pod(OPEN)), Stream::udp(pod(0), friend(OPEN))];
    let idle = [true, false].map(|is_inwards| call(&star, is_inwards, OPEN));
    let mut of_generations = Vec::new();
    for number in 0..=TIGHTENINGS {
        if number > 0 {
            star.enforce(&[friend_on(&[OPEN, FIRST + number])]);
        }
        of_generations.push([call(&star, true, FIRST + number), call(&star, false, FIRST + number)]);
        let Some(of_same_label) = number.checked_sub(LABELS) else { continue };
        for [client, server] in &of_generations[usize::from(of_same_label)] {
            let (first, second) = if number % 2 == 0 { (client, server) } else { (server, client) };
            assert!(is_reset(first).expect("it is told"), "of generation {of_same_label} in {number}");
            assert!(is_reset(second).expect("it is told"), "of generation {of_same_label} in {number}");
        }
    }
    assert_eq!(generation(&star), TIGHTENINGS.to_string());
    for [client, server] in &idle {
        assert_eq!(pass(server, client, 1), Ok(()));
        assert_eq!(pass(client, server, 1), Ok(()));
    }
    for stream in streams {
        stream.goes_on();
        assert!(stream.end().expect("nothing is lost") > u64::from(TIGHTENINGS));
    }
}
