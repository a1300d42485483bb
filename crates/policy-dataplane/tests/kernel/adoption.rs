//! An agent after another: rules that are right stay as they are, those that are not are corrected where they differ, and whatever an
//! agent was doing when it was killed, what is there is one whole program.

use std::{
    env,
    io::{Read, Write},
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use policy_dataplane::{Outcome, Protection, Snapshot, Socket};
use policy_engine::{
    nft,
    program::{Flows, Program, Surroundings, gates},
};
use serde_json::Value;

use crate::{
    enforcement::Enforcement,
    namespace::Namespace,
    port,
    star::{Star, Who, friend_on, ruleset},
    stream::Stream,
};

/// The port that is always open, and those that are so at times.
const OPEN: u16 = 80;
const AT_TIMES: [u16; 4] = [81, 90, 100, 443];

/// Where the child is to put rules.
const PLACE: &str = "DANM_POLICER_TEST_NAMESPACE";

const KILLS: u64 = 50;

fn streams(star: &Star) -> Vec<Stream> {
    let pod = |is_v4, port| (&star.pod, SocketAddr::new(Who::Pod.address(0, is_v4), port));
    let friend = |is_v4, port| (&star.peers[0], SocketAddr::new(Who::Friend.address(0, is_v4), port));
    vec![
        Stream::udp(friend(false, 0), pod(false, OPEN)),
        Stream::udp(pod(true, 0), friend(true, OPEN)),
        Stream::tcp(&star.peers[0], pod(true, OPEN)),
    ]
}

/// Our table with the numbers of its rules; who owns it is said in the first lines.
fn listed(namespace: &Namespace) -> String {
    let table = namespace.run("nft", &["-a", "list", "table", "inet", "danm_policer"], "");
    table[table.find("set ").expect("sets")..].to_owned()
}

/// A table without what counters have counted.
fn without_counts(listed: &str) -> Vec<Vec<&str>> {
    let is_count = |word: &&str| !word.bytes().all(|byte| byte.is_ascii_digit());
    listed.lines().map(|line| line.split_whitespace().filter(is_count).collect()).collect()
}

/// Regression: a hook that translates addresses is shown the first packet of a connection alone, and was taken for one that judges all.
#[test]
fn a_chain_that_sees_the_first_packets_alone_is_not_taken_for_ours() {
    let policies = [friend_on(&[OPEN])];
    let text = nft::text_of(&Program::of(&ruleset(&policies)));
    for (kind, expected) in [("filter", Outcome::Unchanged), ("nat", Outcome::Changed)] {
        let Some(mut star) = Star::new() else { return };
        star.enforcement.options.protection = Protection::Shared;
        let text = text.replace("type filter hook output", &format!("type {kind} hook output"));
        star.pod.run("nft", &["-f", "-"], &text);
        assert_eq!(star.enforce(&policies), expected, "{kind}");
        assert!(listed(&star.pod).contains("type filter hook output"), "{kind}");
    }
}

#[test]
fn rules_that_are_right_stay_as_they_are_with_what_they_counted() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[friend_on(&[OPEN])]);
    let before = listed(&star.pod);
    let streams = streams(&star);
    let counted = listed(&star.pod);
    assert_ne!(before, counted, "rules have counted");
    star.enforcement.let_go(&star.pod);
    assert_eq!(star.enforce(&[friend_on(&[OPEN])]), Outcome::Unchanged);
    assert_eq!(listed(&star.pod), counted);
    for stream in streams {
        stream.goes_on();
        assert!(stream.end().expect("nothing is lost") > 10);
    }
    assert_eq!(listed(&star.pod), counted, "connections that were allowed are not judged again");
}

#[test]
fn of_rules_that_are_not_right_only_those_are_changed() {
    let Some(mut star) = Star::new() else { return };
    star.enforce(&[friend_on(&[OPEN]), friend_on(&AT_TIMES)]);
    let streams = streams(&star);
    let before = listed(&star.pod);
    star.enforcement.let_go(&star.pod);
    assert_eq!(star.enforce(&[friend_on(&[OPEN])]), Outcome::Changed);
    let after = listed(&star.pod);
    for chain in ["chain input ", "chain judge_ingress ", "chain output_replies "] {
        let of_chain = |listed: &str| {
            let text = &listed[listed.find(chain).expect("a chain")..];
            text[..text.find('}').expect("its end")].to_owned()
        };
        assert_eq!(of_chain(&before), of_chain(&after));
    }
    assert_ne!(without_counts(&before), without_counts(&after));
    for stream in streams {
        stream.goes_on();
        assert!(stream.end().expect("nothing is lost") > 10);
    }
}

/// Regression: a table of our name that somebody in the Pod had made before there were rules could not be owned, so that there never
/// were any.
#[test]
fn a_table_that_somebody_has_made_before_the_first_rules_is_in_nobodys_way() {
    for table in [
        "table inet danm_policer { }",
        "table inet danm_policer { flags dormant; }",
        "table inet danm_policer { set nodes_v4 { type inet_service; }; chain opening { accept; }; }",
    ] {
        let Some(mut star) = Star::new() else { return };
        star.pod.run("nft", &["--file", "-"], table);
        assert_eq!(star.enforce(&[friend_on(&[OPEN])]), Outcome::Replaced);
        assert!(is_one_of(&star.pod.path(), &[friend_on(&[OPEN])]));
    }
}

/// What the child has the Pod's rules say, one after the other.
fn turns() -> Vec<Value> {
    let ports = |number: usize| [&[OPEN][..], &AT_TIMES[..number]].concat();
    (0..=AT_TIMES.len()).map(|number| friend_on(&ports(number))).collect()
}

/// Whether a namespace has exactly what one of these policies says, in any generation.
fn is_one_of(namespace: &Path, policies: &[Value]) -> bool {
    let found = Socket::open_in(namespace).expect("a socket").snapshot().expect("it is read");
    let generation = found.generation().expect("it is told");
    policies.iter().any(|policy| {
        let ruleset = ruleset(std::slice::from_ref(policy));
        let flows = Flows::Labelled(generation);
        let program = Program::around(Arc::new(gates(&ruleset)), &ruleset, &Surroundings::default(), flows);
        Snapshot::of(&program) == found
    })
}

#[test]
#[ignore = "another test starts it, and kills it"]
fn changes_rules_until_it_is_killed() {
    let place = PathBuf::from(env::var_os(PLACE).expect("it is told where"));
    let mut enforcement = Enforcement::new();
    let rulesets: Vec<_> = turns().into_iter().map(|policy| ruleset(&[policy])).collect();
    for ruleset in rulesets.iter().rev().cycle() {
        enforcement.put(&place, ruleset);
        let mut out = std::io::stdout();
        out.write_all(b"!").and_then(|()| out.flush()).expect("somebody reads");
    }
}

/// Starts the child. It has put rules there.
fn start(namespace: &Namespace) -> Child {
    let mut child = Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "adoption::changes_rules_until_it_is_killed", "--ignored", "--nocapture"])
        .env(PLACE, namespace.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut out = child.stdout.take().expect("piped");
    let mut byte = [0];
    while byte != *b"!" {
        out.read_exact(&mut byte).expect("it puts rules there");
    }
    // It is to have somebody who reads.
    thread::spawn(move || while out.read_exact(&mut [0]).is_ok() {});
    child
}

/// Sends to a port that is never open, until it is told to stop. Gives how often it tried.
fn try_all_the_time(star: &Star, is_over: &Arc<AtomicBool>) -> JoinHandle<u64> {
    let sender = port::udp(&star.peers[0], SocketAddr::new(Who::Stranger.address(0, true), 0));
    let is_over = Arc::clone(is_over);
    thread::spawn(move || {
        let mut tries = 0;
        while !is_over.load(SeqCst) {
            let _ = sender.send_to(b"x", SocketAddr::new(Who::Pod.address(0, true), OPEN + 1_000));
            tries += 1;
            thread::sleep(Duration::from_micros(100));
        }
        tries
    })
}

fn count(receiver: UdpSocket) -> Arc<AtomicU64> {
    let counted = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&counted);
    thread::spawn(move || {
        while receiver.recv(&mut [0; 8]).is_ok() {
            counter.fetch_add(1, SeqCst);
        }
    });
    counted
}

#[test]
fn whenever_an_agent_is_killed_what_is_there_is_one_whole_program_and_nothing_is_lost_or_passes() {
    let Some(star) = Star::new() else { return };
    let passed = count(port::udp(&star.pod, SocketAddr::new(Who::Pod.address(0, true), OPEN + 1_000)));
    let mut child = start(&star.pod);
    let (streams, is_over) = (streams(&star), Arc::new(AtomicBool::new(false)));
    let tries = try_all_the_time(&star, &is_over);
    for number in 0..KILLS {
        // Any moment will do.
        thread::sleep(Duration::from_micros(number.wrapping_mul(7_919) % 3_000));
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        assert!(is_one_of(&star.pod.path(), &turns()), "after {number} kills");
        streams.iter().for_each(Stream::goes_on);
        child = start(&star.pod);
    }
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    for stream in streams {
        assert!(stream.end().expect("nothing is lost") > KILLS);
    }
    is_over.store(true, SeqCst);
    let tries = tries.join().expect("it ends");
    assert!(tries > KILLS && passed.load(SeqCst) == 0, "{} of {tries} passed", passed.load(SeqCst));
}
