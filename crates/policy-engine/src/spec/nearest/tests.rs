//! What people are told about a packet that is denied.

#![expect(clippy::needless_pass_by_value, reason = "an object is written where it is handed over")]

use danm_api::Protocol;
use serde_json::{Value, json};

use super::{
    super::tests::{a_and_two_who_answer, egress_to_b, endpoint, pod, policy, service, world},
    *,
};
use crate::InterfaceName;

/// x/a, b and c on lan1, b also on lan2, and y/d on lan1, whose Namespace is there.
fn objects() -> Vec<Value> {
    let mut objects = a_and_two_who_answer();
    objects.extend([
        endpoint("x", "b", "net2", "lan2", "10.2.0.2/24"),
        pod("y", "d", json!([])),
        endpoint("y", "d", "net1", "lan1", "10.1.0.4/24"),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "y", "labels": {"ns": "y"}}}),
    ]);
    objects
}

/// What is missing for TCP to 80 that comes in from an address, by these rules.
fn missing(ingress: Value, remote: &str) -> Vec<String> {
    words(&miss(&[policy(json!({"ingress": ingress}))], Direction::Ingress, remote, 80))
}

fn miss(more: &[Value], direction: Direction, remote: &str, port: u16) -> NearMiss {
    let world = world(&[&objects()[..], more].concat());
    let packet = Packet {
        direction,
        interface: InterfaceName::new("net1").unwrap(),
        remote: remote.parse().unwrap(),
        traffic: Traffic::to(Protocol::Tcp, port),
    };
    nearest(&world, &NamespacedName::new("x", "a"), &packet).unwrap()
}

fn words(miss: &NearMiss) -> Vec<String> {
    miss.closest.as_ref().unwrap().missing.iter().map(ToString::to_string).collect()
}

#[test]
fn what_a_peer_lacks_is_named() {
    let from = |peer: Value, remote| missing(json!([{"from": [peer]}]), remote);
    let pods = |name: &str| json!({"podSelector": {"matchLabels": {"pod": name}}});
    assert_eq!(from(pods("b"), "10.1.0.3"), ["x/c is not pod=b"]);
    assert_eq!(from(pods("d"), "10.1.0.4"), ["y/d is not of the policy's namespace"]);
    assert_eq!(from(pods("b"), "192.0.2.1"), ["no Pod holds 192.0.2.1"]);
    let namespaces = json!({"namespaceSelector": {"matchLabels": {"ns": "z"}}});
    assert_eq!(from(namespaces, "10.1.0.4"), ["the namespace y is not ns=z"]);
    let on = |network: &str| json!({"networkSelector": [{"name": network, "type": "ClusterNetwork"}]});
    let wrong = "x/b has the address on ClusterNetwork lan1, not on ClusterNetwork lan2";
    assert_eq!(from(on("lan2"), "10.1.0.2"), [wrong]);
    let block = json!({"ipBlock": {"cidr": "10.1.0.0/24", "except": ["10.1.0.3/32"]}});
    assert_eq!(from(block.clone(), "10.1.0.3"), ["the address is in 10.1.0.3/32, which is excepted"]);
    assert_eq!(from(block, "10.2.0.2"), ["the address is not in 10.1.0.0/24"]);
    assert_eq!(from(json!({}), "10.1.0.2"), ["no peer of the rule is understood"]);
}

#[test]
fn what_a_port_lacks_is_named_with_what_is_open() {
    let on = |ports: Value| missing(json!([{"ports": ports}]), "10.1.0.2");
    let ports = json!([{"port": 81}, {"port": 8000, "endPort": 8010}, {"port": "web"}, {"protocol": "UDP"}]);
    assert_eq!(
        on(ports),
        ["it goes to 80, and the rule opens TCP 81 or TCP 8000-8010 or TCP web, which the Pod calls no port"]
    );
    assert_eq!(on(json!([{"protocol": "UDP", "port": 80}])), ["it is TCP, and the rule opens UDP 80"]);
    assert_eq!(on(json!([{"port": 0}])), ["no port of the rule is understood"]);
}

#[test]
fn of_all_rules_and_peers_the_one_that_lacks_the_least_is_told() {
    let rules = json!([
        {"from": [{"podSelector": {"matchLabels": {"pod": "b"}}}], "ports": [{"port": 81}]},
        {"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"pod": "b"}}},
                  {"podSelector": {}}], "ports": [{"port": 81}]},
    ]);
    let miss = miss(&[policy(json!({"ingress": rules}))], Direction::Ingress, "10.1.0.3", 80);
    assert_eq!(words(&miss), ["it goes to 80, and the rule opens TCP 81"]);
    let closest = miss.closest.unwrap();
    assert_eq!((closest.rule, closest.peer), (1, Some(1)));
}

#[test]
fn an_address_that_several_hold_is_told_with_those_who_are_no_peers() {
    let again = endpoint("x", "c", "net1", "lan1", "10.1.0.2/24");
    let from_b = policy(json!({"ingress": [{"from": [{"podSelector": {"matchLabels": {"pod": "b"}}}]}]}));
    let miss = miss(&[again, from_b], Direction::Ingress, "10.1.0.2", 80);
    assert_eq!(words(&miss), ["x/c is not pod=b", "2 hold the address, and not all of them are peers"]);
}

#[test]
fn a_bound_peer_by_another_interface_is_told_by_which_it_is_one() {
    let mut more = vec![endpoint("x", "a", "net2", "lan2", "10.2.0.1/24")];
    let on_lan2 = json!({"networkSelector": [{"name": "lan2", "type": "ClusterNetwork"}]});
    more.push(policy(json!({"ingress": [{"from": [on_lan2]}]})));
    let miss = miss(&more, Direction::Ingress, "10.2.0.2", 80);
    assert_eq!(words(&miss), ["x/b is a peer by ClusterNetwork lan2, and this is another interface"]);
}

#[test]
fn a_name_that_means_another_port_at_the_peer_is_told() {
    let block = json!({"ipBlock": {"cidr": "10.1.0.0/24"}});
    let egress = json!([{"to": [block], "ports": [{"port": "web"}]}]);
    let named = policy(json!({"policyTypes": ["Egress"], "egress": egress}));
    let miss = miss(&[named], Direction::Egress, "10.1.0.2", 8080);
    assert_eq!(words(&miss), ["the peer does not call 8080 by that name"]);
}

#[test]
fn who_answers_for_a_service_and_is_not_allowed_is_named() {
    let both = json!([{"addresses": ["10.1.0.2"]}, {"addresses": ["10.1.0.3"]}]);
    let mut more = service(&["10.96.0.9", "fd96::9"], &both, 8080).to_vec();
    more.push(egress_to_b(&json!([{"port": 8080}])));
    let told = |remote| words(&miss(&more, Direction::Egress, remote, 443));
    assert_eq!(told("10.96.0.9"), ["10.1.0.3 answers on 8080 for the Service x/web and is not allowed"]);
    assert_eq!(told("fd96::9"), ["nobody answers for the Service x/web"]);
}

#[test]
fn policies_that_would_allow_it_but_are_about_others_are_told() {
    let named = |name: &str, spec: Value| {
        let mut policy = policy(spec);
        policy["metadata"]["name"] = json!(name);
        policy
    };
    let lan2 = json!([{"name": "lan2", "type": "ClusterNetwork"}]);
    let more = [
        named("closed", json!({})),
        named("labels", json!({"podSelector": {"matchLabels": {"pod": "c"}}, "ingress": [{}]})),
        named(
            "narrow",
            json!({"podSelector": {"matchLabels": {"pod": "c"}}, "ingress": [{"ports": [{"port": 1}]}]}),
        ),
        named("networks", json!({"networkSelector": lan2, "ingress": [{}]})),
        named("outward", json!({"policyTypes": ["Egress"], "egress": [{}]})),
    ];
    let miss = miss(&more, Direction::Ingress, "10.1.0.2", 80);
    assert_eq!(miss.closest, None, "there is no rule");
    let beside: Vec<&str> = miss.beside.iter().map(|it| &*it.grant.policy.name.name).collect();
    assert_eq!(beside, ["labels", "networks"]);
    assert!(matches!(&miss.beside[0].lacks, Lacks::Labels(selector) if selector.to_string() == "pod=c"));
    assert!(matches!(&miss.beside[1].lacks, Lacks::Networks(networks) if &*networks[0].name == "lan2"));
}

#[test]
fn what_is_not_denied_has_no_near_miss() {
    let world = world(&objects());
    let interface = InterfaceName::new("net1").unwrap();
    let traffic = Traffic::Portless;
    let remote = [192, 0, 2, 1].into();
    let packet = Packet { direction: Direction::Ingress, interface, remote, traffic };
    assert_eq!(nearest(&world, &NamespacedName::new("x", "a"), &packet), None);
}
