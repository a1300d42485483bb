//! What is read of a policy, field by field, right and wrong.

use serde_json::{Value, json};

use super::{
    PortNumbers::{All, Named, Range},
    *,
};
use crate::Requirement;

fn read(spec: &Value) -> PolicySpec {
    PolicySpec::read(spec)
}

/// The one peer of the one rule for what comes in.
fn peer(peer: &Value) -> (Option<PolicyPeer>, Vec<FieldProblem>) {
    let spec = read(&json!({"ingress": [{"from": [peer]}]}));
    let rule = spec.ingress.and_then(|rules| rules.into_iter().next().flatten());
    let peers = rule.and_then(|rule| rule.peers).expect("a rule with peers");
    (peers.into_iter().next().flatten(), spec.problems)
}

fn port(port: &Value) -> (Option<PolicyPort>, Vec<FieldProblem>) {
    let spec = read(&json!({"ingress": [{"ports": [port]}]}));
    let rule = spec.ingress.and_then(|rules| rules.into_iter().next().flatten());
    let ports = rule.and_then(|rule| rule.ports).expect("a rule with ports");
    (ports.into_iter().next().flatten(), spec.problems)
}

#[test]
fn unless_it_is_said_a_policy_is_about_what_comes_in_and_about_what_goes_out_if_it_has_rules_for_that() {
    let directions = |spec: Value| {
        let spec = read(&spec);
        (spec.ingress.map(|rules| rules.len()), spec.egress.map(|rules| rules.len()))
    };
    assert_eq!(directions(json!({})), (Some(0), None));
    assert_eq!(directions(json!({"ingress": []})), (Some(0), None));
    assert_eq!(directions(json!({"egress": []})), (Some(0), None));
    assert_eq!(directions(json!({"egress": [{}]})), (Some(0), Some(1)));
    assert_eq!(directions(json!({"policyTypes": [], "egress": [{}]})), (Some(0), Some(1)));
    assert_eq!(directions(json!({"policyTypes": ["Egress"], "ingress": [{}]})), (None, Some(0)));
    assert_eq!(directions(json!({"policyTypes": ["Ingress", "Egress"]})), (Some(0), Some(0)));
}

#[test]
fn whom_a_policy_is_about_in_words_that_nobody_knows_is_not_known() {
    for spec in [
        json!(null),
        json!([]),
        json!({"podSelector": []}),
        json!({"podSelector": {"matchLabels": {"a": 1}}}),
        json!({"podSelector": {"matchExpressions": [{"key": "a", "operator": "Is", "values": ["b"]}]}}),
        json!({"podSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": []}]}}),
        json!({"podSelector": {"matchRegex": "a.*"}}),
    ] {
        let read = read(&spec);
        assert_eq!((read.subject, read.problems.len()), (None, 1), "{spec}");
    }
    assert_eq!(read(&json!({"podSelector": null})).subject, Some(PolicySubject::default()));
}

#[test]
fn directions_and_networks_in_words_that_nobody_knows_are_all_of_them() {
    for types in [json!(["ingress"]), json!("Ingress"), json!([7])] {
        let read = read(&json!({"policyTypes": types, "ingress": [{}]}));
        let rules = (read.ingress.map(|rules| rules.len()), read.egress.map(|rules| rules.len()));
        assert_eq!((rules, read.problems.len()), ((Some(1), Some(0)), 1), "{types}");
    }
    for networks in [json!([]), json!("lan1"), json!([{"name": "a"}, {"name": "b", "type": "Net"}])] {
        let read = read(&json!({"networkSelector": networks}));
        assert_eq!((read.subject, read.problems.len()), (Some(PolicySubject::default()), 1), "{networks}");
    }
}

#[test]
fn members_that_nobody_knows_may_mean_anything_so_the_policy_allows_nothing_in_either_direction() {
    let read = read(&json!({"policyType": ["Egress"], "ingress": [{}], "action": "Deny", "later": null}));
    assert_eq!((read.ingress, read.egress), (Some(Vec::new()), Some(Vec::new())));
    let fields: Vec<String> = read.problems.into_iter().map(|problem| problem.field).collect();
    assert_eq!(fields, ["spec.action", "spec.policyType"]);
}

#[test]
fn an_entry_that_is_not_understood_allows_nobody_and_keeps_its_place() {
    for (entry, field) in [
        (json!({}), ""),
        (json!("x"), ""),
        (json!({"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/24"}}), ""),
        (json!({"podSelector": {"matchLabels": []}}), ".podSelector.matchLabels"),
        (json!({"ipBlock": {"cidr": "10.0.0.0/33"}}), ".ipBlock.cidr"),
        (json!({"ipBlock": {"cidr": "010.1.0.0/24"}}), ".ipBlock.cidr"),
        (json!({"ipBlock": {"cidr": ""}}), ".ipBlock.cidr"),
        (json!({"ipBlock": {}}), ".ipBlock.cidr"),
        (json!({"ipBlock": {"cidr": "::ffff:10.1.0.0/120"}}), ".ipBlock.cidr"),
        (json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["x"]}}), ".ipBlock.except[0]"),
        (json!({"podSelector": {}, "fqdn": "example.org"}), ".fqdn"),
    ] {
        let (peer, problems) = peer(&entry);
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!((peer, fields), (None, vec![&*format!("spec.ingress[0].from[0]{field}")]), "{entry}");
    }
}

#[test]
fn of_the_networks_of_a_peer_those_count_that_are_understood() {
    let (read, problems) = peer(&json!({"networkSelector": [
        {"name": "a"}, {"name": "b", "type": "Net"}, {"name": "c", "type": "ClusterNetwork"}, {"type": "DanmNet"},
    ]}));
    let name = |kind, name: &str| NetworkName { kind, name: name.into() };
    let networks = vec![name(NetworkKind::DanmNet, "a"), name(NetworkKind::ClusterNetwork, "c")];
    assert_eq!(read, Some(PolicyPeer::Pods(PodPeer { networks: Some(networks), ..PodPeer::default() })));
    assert_eq!(problems.len(), 2);
}

#[test]
fn host_bits_of_a_subnet_do_not_count() {
    let (read, problems) = peer(&json!({"ipBlock": {"cidr": "10.1.0.5/24", "except": ["10.1.0.9/31"]}}));
    let cidr = |text: &str| text.parse().expect("a subnet");
    let block = IpBlock { cidr: cidr("10.1.0.0/24"), except: vec![cidr("10.1.0.8/31")] };
    assert_eq!((read, problems), (Some(PolicyPeer::Block(block)), vec![]));
}

#[test]
fn ports_are_read_as_kubernetes_reads_them() {
    let good = |entry: Value| {
        let (port, problems) = port(&entry);
        assert_eq!(problems, [], "{entry}");
        let port = port.expect("it is understood");
        (port.protocol, port.numbers)
    };
    assert_eq!(good(json!({})), (Protocol::Tcp, All));
    assert_eq!(good(json!({"protocol": "UDP"})), (Protocol::Udp, All));
    assert_eq!(good(json!({"port": 80})), (Protocol::Tcp, Range(80, 80)));
    assert_eq!(good(json!({"port": 80, "endPort": 80})), (Protocol::Tcp, Range(80, 80)));
    assert_eq!(good(json!({"port": 8000, "endPort": 8010})), (Protocol::Tcp, Range(8000, 8010)));
    assert_eq!(good(json!({"port": "web"})), (Protocol::Tcp, Named("web".into())));
    assert_eq!(good(json!({"Protocol": "SCTP", "Port": 38412})), (Protocol::Sctp, Range(38412, 38412)));
    assert_eq!(good(json!({"PROTOCOL": "UDP", "pOrT": 2152})), (Protocol::Udp, Range(2152, 2152)));
}

#[test]
fn a_port_that_is_not_understood_allows_nothing() {
    for entry in [
        json!({"port": 0}),
        json!({"port": 65536}),
        json!({"port": -1}),
        json!({"port": 80.5}),
        json!({"port": "80"}),
        json!({"port": "no such name"}),
        json!({"port": "a-name-that-is-too-long"}),
        json!({"port": 90, "endPort": 80}),
        json!({"endPort": 80}),
        json!({"port": "web", "endPort": 80}),
        json!({"protocol": "tcp"}),
        json!({"protocol": "ICMP"}),
        json!({"port": 80, "Port": 81}),
        json!({"port": 80, "sourcePort": 80}),
        json!(80),
    ] {
        let (port, problems) = port(&entry);
        assert_eq!((port, problems.len()), (None, 1), "{entry}");
    }
}

#[test]
fn empty_lists_of_peers_and_ports_mean_everything_and_lists_of_what_nobody_understands_mean_nothing() {
    let rule = |rule: Value| read(&json!({"ingress": [rule]})).ingress.expect("rules").remove(0);
    let everything = PolicyRule { peers: None, ports: None };
    assert_eq!(rule(json!({})), Some(everything.clone()));
    assert_eq!(rule(json!({"from": [], "ports": []})), Some(everything.clone()));
    assert_eq!(rule(json!({"from": null, "ports": null})), Some(everything));
    assert_eq!(rule(json!({"from": [{}]})), Some(PolicyRule { peers: Some(vec![None]), ports: None }));
    assert_eq!(
        rule(json!({"ports": [{"port": 0}]})),
        Some(PolicyRule { peers: None, ports: Some(vec![None]) })
    );
    assert_eq!(rule(json!({"from": "all"})), None);
    assert_eq!(rule(json!({"to": []})), None, "it is for what goes out");
    assert_eq!(rule(json!({"from": [], "when": "daytime"})), None);
}

#[test]
fn a_selector_wants_all_that_it_says() {
    let selector = |selector: Value| LabelSelector::read(&selector).expect("a selector");
    let labels = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let both = selector(json!({"matchLabels": {"pod": "b", "role": "web"}}));
    assert!(both.matches(&labels(&[("pod", "b"), ("role", "web"), ("x", "y")])));
    assert!(!both.matches(&labels(&[("pod", "b")])));
    assert!(!selector(json!({"matchLabels": {"ab": "c"}})).matches(&labels(&[("a", "bc")])));
    assert!(!selector(json!({"matchLabels": {"key": ""}})).matches(&labels(&[])));
    let expression = |operator: &str, values: Value| {
        selector(json!({"matchExpressions": [{"key": "team", "operator": operator, "values": values}]}))
    };
    let (red, none) = (labels(&[("team", "red")]), labels(&[]));
    for (selector, matches_red, matches_none) in [
        (expression("In", json!(["red", "blue"])), true, false),
        (expression("In", json!(["blue"])), false, false),
        (expression("NotIn", json!(["red"])), false, true),
        (expression("NotIn", json!(["blue"])), true, true),
        (expression("Exists", json!(null)), true, false),
        (expression("DoesNotExist", json!([])), false, true),
    ] {
        assert_eq!(
            (selector.matches(&red), selector.matches(&none)),
            (matches_red, matches_none),
            "{selector}"
        );
    }
    let one = Requirement::In("a".into(), ["b".into()].into_iter().collect());
    assert_eq!(selector(json!({"matchLabels": {"a": "b"}})), LabelSelector::new([one]), "two ways to say it");
}
