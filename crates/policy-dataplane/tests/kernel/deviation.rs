//! A table as a kernel tells it, held against what should be there: what somebody changed is named, and what the table does with a
//! packet is what real packets meet.

use std::net::SocketAddr;

use policy_dataplane::{Deviation, Fate, Protection, Snapshot, Socket, deviations};
use policy_engine::{
    Direction, InterfaceName, Packet, Traffic,
    program::{Family, Flows, Match, Program, Surroundings, gates},
};

use crate::{
    listing::{self, rulesets},
    namespace::Namespace,
    probe::connection,
    star::{DEVICES, Star, Who, friend_on, ruleset},
};

const OPEN: u16 = 80;
const CLOSED: u16 = 81;

fn found(namespace: &Namespace) -> Snapshot {
    Socket::open_in(&namespace.path()).expect("a socket").snapshot().expect("it is read")
}

fn wanted(found: &Snapshot) -> Program {
    let ruleset = ruleset(&[friend_on(&[OPEN])]);
    let flows = Flows::Labelled(found.generation().unwrap_or_default());
    Program::around(gates(&ruleset).into(), &ruleset, &Surroundings::default(), flows)
}

/// What is told of the Pod's table.
fn told(star: &Star) -> Vec<String> {
    let found = found(&star.pod);
    deviations(&found, &wanted(&found)).iter().map(ToString::to_string).collect()
}

/// The set of addresses of IPv4 into which rules look that let in at `eth0`.
fn looked_into(program: &Program) -> String {
    let gate = program.chains().find(|chain| chain.name == "ingress_eth0").expect("a gate");
    let set = gate.rules.iter().flat_map(|rule| &rule.matches).find_map(|matched| match matched {
        Match::Remote(Family::V4, set) => Some(set.clone()),
        _ => None,
    });
    set.expect("a set")
}

/// Whether connections come about by real packets, and whether they should by what is read of the table.
fn agrees(star: &Star) -> Vec<bool> {
    let ways = [
        (0, Who::Friend, OPEN),
        (0, Who::Friend, CLOSED),
        (0, Who::Stranger, OPEN),
        (1, Who::Stranger, CLOSED),
        (1, Who::Friend, OPEN),
    ];
    let mut seen = Vec::new();
    for (device, who, port) in ways {
        for is_v4 in [true, false] {
            let (peer, pod) = (who.address(device, is_v4), Who::Pod.address(device, is_v4));
            for direction in Direction::ALL {
                let [from, to] = match direction {
                    Direction::Ingress => [(&star.peers[device], peer), (&star.pod, pod)],
                    Direction::Egress => [(&star.pod, pod), (&star.peers[device], peer)],
                };
                let packet = Packet {
                    direction,
                    interface: InterfaceName::new(DEVICES[device]).expect("a name"),
                    remote: peer,
                    traffic: Traffic::to(danm_api::Protocol::Tcp, port),
                };
                let passes =
                    connection((from.0, SocketAddr::new(from.1, 0)), (to.0, SocketAddr::new(to.1, port)));
                let trace = found(&star.pod).trace(&packet, pod);
                let expected = if passes { Fate::Passes } else { Fate::Denied };
                assert_eq!(trace.fate, expected, "{packet:?} by {:?}", trace.rule);
                seen.push(passes);
            }
        }
    }
    seen
}

#[test]
fn what_a_table_does_with_a_packet_is_what_real_packets_meet_whoever_has_changed_it() {
    let Some(mut star) = Star::new() else { return };
    star.enforcement.options.protection = Protection::Shared;
    star.enforce(&[friend_on(&[OPEN])]);
    let friend = looked_into(&wanted(&found(&star.pod)));
    let cases = [
        (String::new(), String::new()),
        (
            format!("delete element inet danm_policer {friend} {{ 10.9.0.2 }}"),
            ") lacks 10.9.0.2".to_owned(),
        ),
        (
            format!("add element inet danm_policer {friend} {{ 10.9.0.3 }}"),
            ") has 10.9.0.3 too much".to_owned(),
        ),
        (
            "insert rule inet danm_policer opening accept".to_owned(),
            "the chain opening has rule number 1 too much".to_owned(),
        ),
        (
            "flush chain inet danm_policer ingress_eth0".to_owned(),
            "the chain ingress_eth0 (ingress at eth0) lacks rule number 1, x/p0 ingress[0], number 6 (3 more)"
                .to_owned(),
        ),
        (
            "insert rule inet danm_policer input tcp dport 80 iifname eth0 ct state new counter reject with tcp reset"
                .to_owned(),
            "the chain input has rule number 1 too much".to_owned(),
        ),
        (
            "add table inet danm_policer { flags dormant; }".to_owned(),
            "the table sleeps: no packet comes to its rules".to_owned(),
        ),
        ("delete table inet danm_policer".to_owned(), "there are no rules, though policies are about it".to_owned()),
    ];
    let mut all = Vec::new();
    for (change, expected) in cases {
        assert_eq!(told(&star), [""; 0]);
        if !change.is_empty() {
            star.pod.run("nft", &["--file", "-"], &change);
            let told = told(&star);
            assert!(told.len() == 1 && told[0].ends_with(&expected), "{change}: {told:?}");
        }
        let seen = agrees(&star);
        assert!(!all.contains(&seen) || change.contains("table"), "{change} makes a difference: {seen:?}");
        all.push(seen);
        star.enforcement.mend(&ruleset(&[friend_on(&[OPEN])]));
    }
}

#[test]
fn nothing_is_told_of_any_program_that_a_kernel_has() {
    let Some(namespace) = Namespace::new() else { return };
    let socket = Socket::open_in(&namespace.path()).expect("a socket");
    for (name, ruleset) in rulesets() {
        let program = Program::of(&ruleset);
        let batch = policy_dataplane::Batch::replace(&program, Protection::Shared);
        socket.commit(&batch).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(deviations(&found(&namespace), &program), [], "{name}");
    }
}

/// What others have made of our name is no reason to fail, nor for anybody else's rules to be spoken of.
#[test]
fn a_foreign_table_of_our_name_is_told_and_one_of_another_name_is_not() {
    let Some(namespace) = Namespace::new() else { return };
    let program = listing::isolating_program();
    let theirs = "table inet theirs { chain input { type filter hook input priority 0; policy drop; }; }";
    namespace.run("nft", &["--file", "-"], theirs);
    assert_eq!(deviations(&found(&namespace), &program), [Deviation::NoRules]);
    let ours = "table inet danm_policer {
        map verdicts { type ipv4_addr : verdict; elements = { 10.9.0.2 : drop } }
        set timed { type ipv4_addr; timeout 1h; elements = { 10.9.0.2 } }
        chain input { type filter hook input priority -5; policy drop; ip saddr vmap @verdicts; limit rate 1/second accept; }
    }";
    namespace.run("nft", &["--file", "-"], ours);
    let found = found(&namespace);
    let told = deviations(&found, &program);
    assert!(told.len() > 10, "{told:?}");
    let packet = Packet {
        direction: Direction::Ingress,
        interface: InterfaceName::new("eth0").expect("a name"),
        remote: [10, 9, 0, 9].into(),
        traffic: Traffic::Portless,
    };
    assert_eq!(found.trace(&packet, [10, 9, 0, 1].into()).fate, Fate::Unknown);
}
