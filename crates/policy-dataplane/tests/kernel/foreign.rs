//! Rules of applications in a Pod: ours leave them alone, do not override what they drop, and are not overridden by what they accept.

use std::{
    net::{SocketAddr, TcpStream},
    time::Instant,
};

use crate::{
    lab::PATIENCE,
    port,
    probe::connection,
    star::{Star, Who, friend_on, nothing},
};

const PORT: u16 = 80;

/// What drops a port that we may allow, and accepts everything else, before us and after us.
const FILTER: &str = "table inet filter {
	counter dropped {
		packets 0 bytes 0
	}

	chain early {
		type filter hook input priority filter - 10; policy accept;
		udp dport 90 counter name \"dropped\" drop
		accept
	}

	chain late {
		type filter hook input priority filter + 10; policy accept;
		udp dport 91 counter name \"dropped\" drop
		accept
	}
}
";

/// As a service mesh does it.
const MESH: &str = "table ip mesh {
    chain prerouting { type nat hook prerouting priority dstnat; tcp dport 80 redirect to :15006; }
}";

fn end(who: Who, number: u16) -> SocketAddr {
    SocketAddr::new(who.address(0, true), number)
}

/// Their table, and how many packets it has dropped.
fn theirs(star: &Star) -> (String, u64) {
    let text = star.pod.run("nft", &["list", "table", "inet", "filter"], "");
    let words: Vec<&str> = text.split_whitespace().collect();
    let place = words.iter().position(|word| *word == "packets").expect("it is counted");
    let counted = format!("packets {} bytes {}", words[place + 1], words[place + 3]);
    (text.replacen(&counted, "packets 0 bytes 0", 1), words[place + 1].parse().expect("a number"))
}

#[test]
fn what_an_application_drops_is_dropped_and_what_it_accepts_is_judged_and_its_rules_stay() {
    let Some(mut star) = Star::new() else { return };
    star.pod.run("nft", &["--file", "-"], FILTER);
    let (before, _) = theirs(&star);
    for policies in [vec![], vec![friend_on(&[PORT, 90, 91])], vec![nothing()], vec![]] {
        star.enforce(&policies);
        assert_eq!(theirs(&star).0, before);
    }
    star.enforce(&[friend_on(&[PORT, 90, 91])]);
    for (number, is_open) in [(PORT, true), (PORT + 1, false)] {
        let ends = ((&star.peers[0], end(Who::Friend, 0)), (&star.pod, end(Who::Pod, number)));
        assert_eq!(connection(ends.0, ends.1), is_open);
    }
    let sender = port::udp(&star.peers[0], end(Who::Friend, 0));
    for (number, dropped) in [(90, 1), (91, 2)] {
        let receiver = port::udp(&star.pod, end(Who::Pod, number));
        receiver.set_nonblocking(true).expect("it may be told");
        sender.send_to(b"x", end(Who::Pod, number)).expect("it is sent");
        let begun = Instant::now();
        while theirs(&star).1 < dropped {
            assert!(begun.elapsed() < PATIENCE, "{number}");
        }
        assert!(receiver.recv(&mut [0; 8]).is_err(), "{number}");
    }
}

#[test]
fn a_connection_that_an_application_redirects_is_judged_by_the_port_that_was_called() {
    let Some(mut star) = Star::new() else { return };
    star.pod.run("nft", &["--file", "-"], MESH);
    let _listener = port::listener(&star.pod, end(Who::Pod, 15_006));
    let call = |star: &Star| {
        let to = end(Who::Pod, PORT);
        star.peers[0].within(|| TcpStream::connect_timeout(&to, PATIENCE)).is_ok()
    };
    for (policy, is_open) in [(friend_on(&[PORT]), true), (friend_on(&[15_006]), false), (nothing(), false)] {
        star.enforce(&[policy]);
        assert_eq!(call(&star), is_open);
    }
}
