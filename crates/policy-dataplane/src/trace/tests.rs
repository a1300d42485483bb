//! What a table does with a packet, as it is read and as somebody has changed it.

use std::net::IpAddr;

use danm_api::Protocol;
use policy_engine::{
    Direction, InterfaceName, Packet, Ruleset, Traffic, Verdict,
    program::{Action, Flows, Program, ProgramRule, Surroundings, gates},
};

use super::*;
use crate::{
    fixture::{interface, ruleset},
    snapshot::{Comment, Expression, Rule},
};

const OWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

/// Its address at another interface.
const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 0, 1));

fn other() -> InterfaceName {
    InterfaceName::new("net1").expect("a name")
}

fn packet(direction: Direction, interface: InterfaceName, remote: &str, traffic: Traffic) -> Packet {
    Packet { direction, interface, remote: remote.parse().expect("an address"), traffic }
}

fn from(remote: &str, port: u16) -> Packet {
    packet(Direction::Ingress, interface(), remote, Traffic::to(Protocol::Tcp, port))
}

fn table() -> Snapshot {
    Snapshot::of(&Program::of(&ruleset()))
}

#[test]
fn a_table_as_it_should_be_does_what_the_ruleset_does() {
    for flows in [Flows::Labelled(5), Flows::Kept, Flows::Unknown] {
        let ruleset = ruleset();
        let surroundings = Surroundings {
            addresses: Some([(OWN, interface()), (OTHER, other())].into()),
            ..Surroundings::default()
        };
        for surroundings in [Surroundings::default(), surroundings] {
            let program = Program::around(gates(&ruleset).into(), &ruleset, &surroundings, flows);
            does_what_the_ruleset_does(&Snapshot::of(&program), &ruleset);
        }
    }
}

fn does_what_the_ruleset_does(table: &Snapshot, ruleset: &Ruleset) {
    let remotes =
        ["10.0.0.2", "10.0.0.4", "10.0.0.5", "192.0.2.0", "192.0.2.127", "192.0.2.128", "2001:db8::1"];
    let ports = [1, 79, 80, 81, 90, 99, 100, 105, 110, 111, 65_535];
    let of_port = |port| Protocol::ALL.map(|protocol| Traffic::to(protocol, port));
    let traffic: Vec<Traffic> = ports.into_iter().flat_map(of_port).chain([Traffic::Portless]).collect();
    let mut seen = [0, 0];
    for direction in Direction::ALL {
        for (name, v4) in [(interface(), OWN), (other(), OTHER)] {
            for remote in remotes {
                let own = if remote.contains(':') { "2001:db8::2".parse().expect("an address") } else { v4 };
                for traffic in &traffic {
                    let packet = packet(direction, name.clone(), remote, *traffic);
                    let verdict = ruleset.trace(&packet);
                    let expected = if verdict == Verdict::Allow { Fate::Passes } else { Fate::Denied };
                    assert_eq!(table.trace(&packet, own).fate, expected, "{packet:?}");
                    seen[usize::from(verdict.allows())] += 1;
                }
            }
        }
    }
    assert!(seen.iter().all(|times| *times > 50), "{seen:?}");
}

#[test]
fn the_rule_that_decides_is_told() {
    let comment = |packet: &Packet| table().trace(packet, OWN).rule.and_then(|rule| rule.comment);
    assert_eq!(comment(&from("10.0.0.2", 105)).as_deref(), Some("shop/db ingress[0]"));
    assert_eq!(comment(&from("192.0.2.1", 1)).as_deref(), Some("shop/db ingress[1]"));
    assert_eq!(comment(&from("10.0.0.4", 80)).as_deref(), Some("denied"));
}

#[test]
fn what_somebody_has_done_to_a_table_is_what_counts() {
    let (allowed, denied) = (from("10.0.0.2", 80), from("10.0.0.4", 80));
    let fates = |table: &Snapshot| [&allowed, &denied].map(|packet| table.trace(packet, OWN).fate);
    assert_eq!(fates(&table()), [Fate::Passes, Fate::Denied]);

    // A rule that accepts everything, before all others.
    let mut opened = table();
    let accept = ProgramRule { matches: Vec::new(), purpose: None, action: Action::Accept };
    let mut program = Program::of(&ruleset());
    let mut frame = (*program.frame).clone();
    frame.chains.iter_mut().find(|chain| chain.name == "opening").expect("a chain").rules.push(accept);
    program.frame = frame.into();
    assert_eq!(fates(&Snapshot::of(&program)), [Fate::Passes, Fate::Passes]);

    // No member, no set, no rule, no hook, a table that sleeps.
    let mut emptied = table();
    emptied.sets.values_mut().for_each(|set| set.members.clear());
    assert_eq!(fates(&emptied), [Fate::Denied, Fate::Denied]);
    emptied.sets.clear();
    assert_eq!(fates(&emptied), [Fate::Unknown, Fate::Unknown]);
    opened.chains.get_mut("ingress_eth0").expect("a gate").rules.clear();
    assert_eq!(fates(&opened), [Fate::Passes, Fate::Passes]);
    let mut unhooked = table();
    unhooked.chains.values_mut().for_each(|chain| chain.hook = None);
    assert_eq!(fates(&unhooked), [Fate::Passes, Fate::Passes]);
    let mut asleep = table();
    asleep.is_dormant = true;
    assert_eq!(fates(&asleep), [Fate::Passes, Fate::Passes]);
    assert_eq!(asleep.trace(&allowed, OWN).rule, None);
}

/// What is accepted where nobody remembers it is denied on its way back.
#[test]
fn a_connection_whose_replies_are_denied_does_not_come_about() {
    let mut program = Program::of(&ruleset());
    let mut frame = (*program.frame).clone();
    let accept = ProgramRule { matches: Vec::new(), purpose: None, action: Action::Accept };
    frame.chains.iter_mut().find(|chain| chain.name == "input").expect("a hook").rules.insert(0, accept);
    program.frame = frame.into();
    let trace = Snapshot::of(&program).trace(&from("10.0.0.4", 80), OWN);
    assert_eq!((trace.fate, trace.is_about_reply), (Fate::Denied, true));
    assert_eq!(trace.rule.map(|rule| rule.chain).as_deref(), Some("ingress_eth0"));
}

#[test]
fn what_is_not_known_of_a_packet_or_a_rule_is_not_guessed() {
    let with = |name: &str, told: &[(u16, Vec<u8>)]| {
        let mut table = table();
        let told = told.iter().cloned().collect();
        let foreign = Expression { name: name.to_owned(), told, set: None };
        let rule = Rule { expressions: vec![foreign], comment: Comment(None) };
        table.chains.get_mut("input").expect("a hook").rules.insert(0, rule);
        let trace = table.trace(&from("10.0.0.2", 80), OWN);
        assert!(trace.fate == Fate::Passes || trace.rule.as_ref().is_some_and(|rule| rule.chain == "input"));
        trace.fate
    };
    assert_eq!(with("counter", &[]), Fate::Passes);
    // What only tells of packets decides nothing, however many it tells of.
    assert_eq!(with("limit", &[]), Fate::Passes);
    assert_eq!(with("log", &[]), Fate::Passes);
    assert_eq!(with("notrack", &[]), Fate::Unknown);
    assert_eq!(with("queue", &[]), Fate::Unknown);
    // A set that is not there, and a verdict of no kind that is known.
    assert_eq!(with("lookup", &[(1, b"elsewhere\0".to_vec())]), Fate::Unknown);
    assert_eq!(with("immediate", &[(2, [&[0, 2, 0, 1][..], &[0, 0, 0, 99]].concat())]), Fate::Unknown);
    // Of so many packets as nobody knows, one is refused.
    let limited = [("limit", Vec::new()), ("reject", Vec::new())];
    let mut table = table();
    let expressions = limited.map(|(name, told): (_, Vec<(u16, Vec<u8>)>)| Expression {
        name: name.to_owned(),
        told: told.into_iter().collect(),
        set: None,
    });
    let rule = Rule { expressions: expressions.into(), comment: Comment(None) };
    table.chains.get_mut("input").expect("a hook").rules.insert(0, rule);
    assert_eq!(table.trace(&from("10.0.0.2", 80), OWN).fate, Fate::Unknown);
    // A jump to nowhere.
    let jump = [&[0, 2, 0, 1][..], &(u32::MAX - 2).to_be_bytes(), &[0, 2], b"nowhere\0"].concat();
    assert_eq!(with("immediate", &[(2, jump)]), Fate::Unknown);
}

#[test]
fn chains_that_lead_to_each_other_in_circles_or_very_many_ways_come_to_an_end() {
    let jump = |to: &str| {
        let verdict =
            [&[0, 2, 0, 1][..], &(u32::MAX - 2).to_be_bytes(), &[0, 2], to.as_bytes(), &[0]].concat();
        let told = [(2, verdict)].into();
        Rule {
            expressions: vec![Expression { name: "immediate".to_owned(), told, set: None }],
            comment: Comment(None),
        }
    };
    let chain = |rules| Chain { rules, ..Chain::default() };
    let mut circle = table();
    circle.chains.get_mut("input").expect("a hook").rules.insert(0, jump("round"));
    circle.chains.insert("round".to_owned(), chain(vec![jump("round")]));
    assert_eq!(circle.trace(&from("10.0.0.2", 80), OWN).fate, Fate::Unknown);

    let mut tree = table();
    tree.chains.get_mut("input").expect("a hook").rules.insert(0, jump("0"));
    for number in 0..12 {
        tree.chains.insert(number.to_string(), chain(vec![jump(&(number + 1).to_string()); 8]));
    }
    tree.chains.insert("12".to_owned(), chain(Vec::new()));
    assert_eq!(tree.trace(&from("10.0.0.2", 80), OWN).fate, Fate::Unknown);
}
