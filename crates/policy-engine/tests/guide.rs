//! The guide for those who write policies: each of its examples means what the table beside it says, to the evaluator and to the
//! rules alike, and the Pods that it speaks of are those of its topology.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]

#[path = "fixtures/objects.rs"]
mod objects;

use std::{
    collections::BTreeSet,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use danm_api::Protocol;
use policy_engine::{
    Direction, Flow, InterfaceName, NamespacedName, Packet, Side, Traffic, Verdict, World, compile, verdict,
};

/// A policy or several, and what they make of connections.
struct Example {
    line: usize,
    policies: String,
    rows: Vec<Row>,
}

/// A line of a table.
struct Row {
    line: usize,
    from: String,
    to: String,
    port: String,
    verdict: String,
}

const HEADING: &str = "| from | to | port | verdict |";

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn guide() -> String {
    fs::read_to_string(docs().join("policies.md")).expect("the guide")
}

/// The topology and these policies.
fn world(policies: &str) -> World {
    let mut world = World::default();
    for object in objects::read(&docs().join("examples/policies/topology.yaml")) {
        world.apply(object);
    }
    for object in objects::parse(policies).expect("objects") {
        world.apply(object);
    }
    world
}

/// The cells of a line of a table.
fn cells(line: &str) -> Vec<&str> {
    line.trim().trim_matches('|').split('|').map(str::trim).collect()
}

/// Every example of YAML, with the table after it.
fn examples(guide: &str) -> Vec<Example> {
    let mut lines = (1..).zip(guide.lines());
    let mut examples = Vec::new();
    while let Some((line, text)) = lines.next() {
        if text != "```yaml" {
            assert_ne!(text, HEADING, "the table at line {line} is beside no example");
            continue;
        }
        let policies: Vec<&str> =
            lines.by_ref().map(|(_, text)| text).take_while(|text| *text != "```").collect();
        let mut after = lines.by_ref().skip_while(|(_, text)| text.is_empty());
        let heading = after.next().map(|(_, text)| text);
        assert_eq!(heading, Some(HEADING), "there is no table after the example at line {line}");
        let rows = after.skip(1).take_while(|(_, text)| text.starts_with('|'));
        let rows = rows.map(|(line, text)| row(line, text)).collect();
        examples.push(Example { line, policies: policies.join("\n"), rows });
    }
    examples
}

fn row(line: usize, text: &str) -> Row {
    let [from, to, port, verdict] = cells(text)[..] else { panic!("line {line} has not four cells") };
    assert!(["allow", "deny"].contains(&verdict), "line {line} says {verdict}");
    let [from, to, port, verdict] = [from, to, port, verdict].map(str::to_owned);
    Row { line, from, to, port, verdict }
}

/// The addresses of an end: of a Pod's interface (`ran/cu@net1`), of a Pod that has only a status (`ran/logs`), or itself.
fn sides(world: &World, end: &str) -> Vec<Side> {
    if let Ok(address) = end.parse() {
        return vec![Side { pod: None, address }];
    }
    let (pod, interface) = end.split_once('@').map_or((end, None), |(pod, it)| (pod, Some(it)));
    let (namespace, name) = pod.split_once('/').expect("a namespace and a name");
    let pod = NamespacedName::new(namespace, name);
    let interface = interface.map(|name| InterfaceName::new(name).expect("an interface"));
    let holders = world.addresses_of(&pod);
    let meant = holders.iter().filter(|holder| {
        holder.endpoint.and_then(|endpoint| endpoint.interface.as_ref()) == interface.as_ref()
    });
    let side = |address| Side { pod: interface.clone().map(|it| (pod.clone(), it)), address };
    let sides: Vec<Side> = meant.map(|holder| side(holder.address)).collect();
    assert!(!sides.is_empty(), "there is no {end}");
    sides
}

fn traffic(port: &str) -> Traffic {
    let (protocol, number) = port.split_once('/').expect("a protocol and a port");
    Traffic::to(Protocol::named(protocol).expect("a protocol"), number.parse().expect("a port"))
}

/// What the rules of both ends make of a connection.
fn traced(world: &World, flow: &Flow) -> Verdict {
    let passes = |side: &Side, direction: Direction, remote: IpAddr| {
        let Some((pod, interface)) = &side.pod else { return true };
        let packet = Packet { direction, interface: interface.clone(), remote, traffic: flow.traffic };
        compile(world, pod).is_none_or(|ruleset| ruleset.trace(&packet).allows())
    };
    Verdict::from(
        passes(&flow.from, Direction::Egress, flow.to.address)
            && passes(&flow.to, Direction::Ingress, flow.from.address),
    )
}

#[test]
fn every_example_means_what_the_table_beside_it_says() {
    let examples = examples(&guide());
    assert!(examples.len() >= 6, "there are only {} examples", examples.len());
    for example in &examples {
        let world = world(&example.policies);
        assert!(world.policies().next().is_some(), "there is no policy at line {}", example.line);
        let problems: Vec<_> = world.policies().flat_map(|(_, policy)| &policy.problems).collect();
        assert!(problems.is_empty(), "at line {}: {problems:?}", example.line);
        assert!(!example.rows.is_empty(), "the table of line {} is empty", example.line);
        for row in &example.rows {
            check(&world, row);
        }
    }
}

/// Holds a row against the evaluator and the rules, in each family of which both ends have an address.
fn check(world: &World, row: &Row) {
    let mut count = 0;
    for from in sides(world, &row.from) {
        for to in sides(world, &row.to) {
            if from.address.is_ipv4() != to.address.is_ipv4() {
                continue;
            }
            count += 1;
            let flow = Flow { from: from.clone(), to, traffic: traffic(&row.port) };
            let verdicts = [("evaluator", verdict(world, &flow).total()), ("rules", traced(world, &flow))];
            for (who, verdict) in verdicts {
                assert_eq!(verdict.name(), row.verdict, "line {}: the {who} of {flow:?}", row.line);
            }
        }
    }
    assert!(count > 0, "the ends of line {} have no family in common", row.line);
}

#[test]
fn every_example_denies_something_and_allows_something() {
    for example in examples(&guide()) {
        let verdicts: BTreeSet<&str> = example.rows.iter().map(|row| row.verdict.as_str()).collect();
        assert_eq!(verdicts.len(), 2, "the table of line {} says only one thing", example.line);
    }
}

#[test]
fn the_guide_shows_every_pod_network_and_address_of_the_topology() {
    let world = world("");
    let mut words = BTreeSet::new();
    for holder in world.pods().flat_map(|(name, _)| world.addresses_of(name)) {
        words.extend([holder.name.to_string(), holder.address.to_string()]);
        words.extend(holder.network().map(|network| network.name.to_string()));
        words.extend(holder.endpoint.and_then(|it| it.interface.as_ref()).map(ToString::to_string));
        words.extend(holder.pod.ports.iter().map(|port| format!("{} {}", port.protocol.name(), port.number)));
    }
    for (name, service) in world.services() {
        words.insert(format!("Service {name}"));
        words.extend(service.addresses.iter().map(ToString::to_string));
    }
    let guide = guide();
    let (_, shown) = guide.split_once("## The Pods of the examples").expect("the part about them");
    let (shown, _) = shown.split_once("\n## ").expect("the next part");
    let missing: Vec<&String> = words.iter().filter(|word| !shown.contains(word.as_str())).collect();
    assert!(missing.is_empty(), "the guide does not show {missing:?}");
}
