//! What the cases beside the crate do not show: who is no target, interfaces of which little is known, and Services.

#![expect(clippy::needless_pass_by_value, reason = "an object is written where it is handed over")]

use std::net::IpAddr;

use danm_api::Protocol;
use serde_json::{Value, json};

use super::*;
use crate::Object;

pub(super) fn world(objects: &[Value]) -> World {
    let mut world = World::default();
    for object in objects {
        world.apply(Object::read(object).unwrap().unwrap());
    }
    world
}

pub(super) fn pod(namespace: &str, name: &str, ports: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "uid": name, "labels": {"pod": name}},
        "spec": {"containers": [{"ports": ports}]},
    })
}

pub(super) fn endpoint(namespace: &str, pod: &str, interface: &str, network: &str, address: &str) -> Value {
    json!({
        "apiVersion": "danm.k8s.io/v1", "kind": "DanmEp",
        "metadata": {"namespace": namespace, "name": format!("{pod}-{interface}-{network}-{address}")},
        "spec": {"Pod": pod, "PodUID": pod, "NetworkName": network, "apiType": "ClusterNetwork",
                 "Interface": {"Name": interface, "Address": address}},
    })
}

pub(super) fn policy(spec: Value) -> Value {
    json!({"apiVersion": "danm.k8s.io/v1", "kind": "DanmNetworkPolicy",
           "metadata": {"namespace": "x", "name": "p"}, "spec": spec})
}

/// What becomes of a packet at x/a on TCP.
fn at_a(world: &World, direction: Direction, interface: &str, remote: &str, port: u16) -> Judgement {
    let packet = Packet {
        direction,
        interface: InterfaceName::new(interface).unwrap(),
        remote: remote.parse().unwrap(),
        traffic: Traffic::to(Protocol::Tcp, port),
    };
    judge(world, &NamespacedName::new("x", "a"), &packet)
}

fn comes_in(world: &World, interface: &str, remote: &str) -> bool {
    at_a(world, Direction::Ingress, interface, remote, 80).verdict.allows()
}

fn goes_out(world: &World, remote: &str, port: u16) -> bool {
    at_a(world, Direction::Egress, "net1", remote, port).verdict.allows()
}

fn closed() -> Value {
    policy(json!({}))
}

fn from_b(peer: Value) -> Value {
    policy(json!({"podSelector": {"matchLabels": {"pod": "a"}}, "ingress": [{"from": [peer]}]}))
}

#[test]
fn a_pod_that_is_not_there_or_on_the_host_network_or_without_endpoints_is_no_target() {
    let why = |objects: &[Value]| at_a(&world(objects), Direction::Ingress, "net1", "10.1.0.9", 80).why;
    let endpoint = endpoint("x", "a", "net1", "lan1", "10.1.0.1/24");
    let mut on_host = pod("x", "a", json!([]));
    on_host["spec"]["hostNetwork"] = json!(true);
    assert_eq!(why(&[closed(), endpoint.clone()]), Why::NoTarget(NoTarget::NotThere));
    assert_eq!(why(&[closed(), endpoint.clone(), on_host]), Why::NoTarget(NoTarget::OnHostNetwork));
    assert_eq!(why(&[closed(), pod("x", "a", json!([]))]), Why::NoTarget(NoTarget::WithoutEndpoints));
    let mut ended = pod("x", "a", json!([]));
    ended["status"] = json!({"phase": "Succeeded"});
    assert!(matches!(why(&[closed(), endpoint, ended]), Why::DeniedBy(_)), "closed until it is gone");
}

#[test]
fn the_judgement_names_the_rule_that_allows_or_the_policies_that_isolate() {
    let rules = json!([{"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]},
                       {"from": [{}, {"podSelector": {}}], "ports": [{"port": 81}, {"port": 80}]}]);
    let world = world(&[
        pod("x", "a", json!([])),
        pod("x", "b", json!([])),
        endpoint("x", "a", "net1", "lan1", "10.1.0.1/24"),
        endpoint("x", "b", "net1", "lan1", "10.1.0.2/24"),
        policy(json!({"ingress": rules})),
    ]);
    let Why::AllowedBy(grant) = at_a(&world, Direction::Ingress, "net1", "10.1.0.2", 80).why else {
        panic!()
    };
    assert_eq!((grant.rule, grant.peer, grant.port, grant.service), (1, Some(1), Some(1), None));
    let Why::DeniedBy(policies) = at_a(&world, Direction::Ingress, "net1", "10.1.0.3", 80).why else {
        panic!()
    };
    assert_eq!(policies, [grant.policy]);
    assert_eq!(at_a(&world, Direction::Egress, "net1", "10.1.0.3", 80).why, Why::NotIsolated);
}

#[test]
fn an_address_that_two_hold_on_the_network_is_a_peers_if_both_are_peers() {
    let mut objects = vec![
        pod("x", "a", json!([])),
        pod("x", "b", json!([])),
        pod("x", "c", json!([])),
        endpoint("x", "a", "net1", "lan1", "10.1.0.1/24"),
        endpoint("x", "b", "net1", "lan1", "10.1.0.2/24"),
        endpoint("x", "c", "net1", "lan1", "10.1.0.2/24"),
        from_b(json!({"podSelector": {"matchLabels": {"pod": "b"}}})),
    ];
    assert!(!comes_in(&world(&objects), "net1", "10.1.0.2"));
    objects[6] = from_b(json!({"podSelector": {}}));
    assert!(comes_in(&world(&objects), "net1", "10.1.0.2"));
    objects[5] = endpoint("x", "c", "net1", "lan2", "10.1.0.2/24");
    objects[6] = from_b(json!({"podSelector": {"matchLabels": {"pod": "c"}}}));
    assert!(!comes_in(&world(&objects), "net1", "10.1.0.2"), "on lan1 it is b's");
}

#[test]
fn a_bound_peer_reaches_an_interface_that_no_endpoint_names_only_from_networks_that_the_pod_is_not_on() {
    let peer = |network: &str| json!({"networkSelector": [{"name": network, "type": "ClusterNetwork"}]});
    let mut objects = vec![
        pod("x", "a", json!([])),
        pod("x", "b", json!([])),
        endpoint("x", "a", "net1", "lan1", "10.1.0.1/24"),
        endpoint("x", "b", "net1", "lan1", "10.1.0.2/24"),
        endpoint("x", "b", "net2", "lan2", "10.2.0.2/24"),
        from_b(peer("lan1")),
    ];
    let reached = |objects: &[Value], remote| {
        let world = world(objects);
        ["net1", "net9"].map(|interface| comes_in(&world, interface, remote))
    };
    assert_eq!(reached(&objects, "10.1.0.2"), [true, false]);
    objects[5] = from_b(peer("lan2"));
    assert_eq!(reached(&objects, "10.2.0.2"), [true, true]);
}

#[test]
fn at_an_interface_of_which_nobody_knows_the_network_selectors_mean_nobody_and_blocks_mean_addresses() {
    let selector = from_b(json!({"podSelector": {}}));
    let block = from_b(json!({"ipBlock": {"cidr": "10.1.0.0/24"}}));
    let common = [
        pod("x", "a", json!([])),
        pod("x", "b", json!([])),
        endpoint("x", "b", "net1", "lan1", "10.1.0.2/24"),
        endpoint("x", "a", "net1", "lan1", "10.1.0.1/24"),
    ];
    // Two endpoints that do not agree about net1, and one whose interface has no usable name.
    let disagreeing = endpoint("x", "a", "net1", "lan2", "10.2.0.1/24");
    let nameless = endpoint("x", "a", "no name", "lan2", "10.2.0.1/24");
    for (unclear, interface) in [(disagreeing, "net1"), (nameless, "net9")] {
        let with = |policy: &Value| world(&[&common[..], &[unclear.clone(), policy.clone()]].concat());
        assert!(!comes_in(&with(&selector), interface, "10.1.0.2"), "{interface}");
        assert!(comes_in(&with(&block), interface, "10.1.0.2"), "{interface}");
    }
}

#[test]
fn a_policy_with_networks_closes_an_unnamed_interface_only_if_it_may_be_on_one_of_them() {
    let on =
        |network: &str| policy(json!({"networkSelector": [{"name": network, "type": "ClusterNetwork"}]}));
    let common = [pod("x", "a", json!([])), endpoint("x", "a", "net1", "lan1", "10.1.0.1/24")];
    let nameless = endpoint("x", "a", "no name", "lan2", "10.2.0.1/24");
    let is_open =
        |more: &[Value], interface| comes_in(&world(&[&common[..], more].concat()), interface, "192.0.2.1");
    assert!(!is_open(&[on("lan1")], "net1"));
    assert!(is_open(&[on("lan1")], "net9"));
    assert!(is_open(&[on("lan2")], "net1"));
    assert!(!is_open(&[on("lan2"), nameless.clone()], "net9"));
    assert!(is_open(&[on("lan1"), nameless], "net9"));
}

pub(super) fn service(addresses: &[&str], endpoints: &Value, target: u16) -> [Value; 2] {
    let port = json!({"name": "http", "protocol": "TCP", "port": 443});
    let target = json!({"name": "http", "protocol": "TCP", "port": target});
    [
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "x", "name": "web"},
               "spec": {"clusterIPs": addresses, "ports": [port]}}),
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
               "metadata": {"namespace": "x", "name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
               "endpoints": endpoints, "ports": [target]}),
    ]
}

pub(super) fn egress_to_b(ports: &Value) -> Value {
    policy(json!({"policyTypes": ["Egress"],
                  "egress": [{"to": [{"podSelector": {"matchLabels": {"pod": "b"}}}], "ports": ports}]}))
}

pub(super) fn a_and_two_who_answer() -> Vec<Value> {
    vec![
        pod("x", "a", json!([])),
        pod("x", "b", json!([{"name": "web", "containerPort": 8080}])),
        pod("x", "c", json!([])),
        endpoint("x", "a", "net1", "lan1", "10.1.0.1/24"),
        endpoint("x", "b", "net1", "lan1", "10.1.0.2/24"),
        endpoint("x", "c", "net1", "lan1", "10.1.0.3/24"),
    ]
}

#[test]
fn a_rule_that_allows_all_who_answer_for_a_service_allows_its_cluster_address() {
    let only_b =
        json!([{"addresses": ["10.1.0.2"]}, {"addresses": ["10.1.0.3"], "conditions": {"ready": false}}]);
    let both = json!([{"addresses": ["10.1.0.2"]}, {"addresses": ["10.1.0.3"]}]);
    let objects = |endpoints: &Value, ports: &Value| {
        let mut objects = a_and_two_who_answer();
        objects.extend(service(&["10.96.0.9", "fd96::9"], endpoints, 8080));
        objects.push(egress_to_b(ports));
        world(&objects)
    };
    let on_8080 = json!([{"port": 8080}]);
    assert!(goes_out(&objects(&only_b, &on_8080), "10.96.0.9", 443));
    assert!(goes_out(&objects(&only_b, &json!([{"port": "web"}])), "10.96.0.9", 443));
    assert!(!goes_out(&objects(&only_b, &on_8080), "10.96.0.9", 444), "no port of the Service");
    assert!(!goes_out(&objects(&only_b, &json!([{"port": 443}])), "10.96.0.9", 443), "not the target's port");
    assert!(!goes_out(&objects(&only_b, &on_8080), "fd96::9", 443), "nobody answers there");
    assert!(!goes_out(&objects(&both, &on_8080), "10.96.0.9", 443), "c may answer");
    assert!(!goes_out(&objects(&json!([]), &on_8080), "10.96.0.9", 443), "nobody answers");
    let Why::AllowedBy(grant) =
        at_a(&objects(&only_b, &on_8080), Direction::Egress, "net1", "10.96.0.9", 443).why
    else {
        panic!()
    };
    assert_eq!(grant.service, Some(NamespacedName::new("x", "web")));
}

#[test]
fn two_rules_that_allow_all_who_answer_only_together_do_not_allow_the_service() {
    let to = |pod: &str| json!({"to": [{"podSelector": {"matchLabels": {"pod": pod}}}]});
    let both = json!([{"addresses": ["10.1.0.2"]}, {"addresses": ["10.1.0.3"]}]);
    let mut objects = a_and_two_who_answer();
    objects.extend(service(&["10.96.0.9"], &both, 8080));
    objects.push(policy(json!({"policyTypes": ["Egress"], "egress": [to("b"), to("c")]})));
    let world = world(&objects);
    assert!(goes_out(&world, "10.1.0.2", 8080) && goes_out(&world, "10.1.0.3", 8080));
    assert!(!goes_out(&world, "10.96.0.9", 443));
}

#[test]
fn a_connection_passes_if_it_passes_at_both_ends() {
    let mut objects = a_and_two_who_answer();
    objects.push(egress_to_b(&json!([{"port": 80}])));
    let world = world(&objects);
    let side = |pod: Option<&str>, address: &str| Side {
        pod: pod.map(|pod| (NamespacedName::new("x", pod), InterfaceName::new("net1").unwrap())),
        address: address.parse::<IpAddr>().unwrap(),
    };
    let flow = |from: Side, to: Side| Flow { from, to, traffic: Traffic::to(Protocol::Tcp, 80) };
    let to_b = verdict(&world, &flow(side(Some("a"), "10.1.0.1"), side(Some("b"), "10.1.0.2")));
    assert!(to_b.total().allows() && to_b.egress.is_some() && to_b.ingress.is_some());
    let to_c = verdict(&world, &flow(side(Some("a"), "10.1.0.1"), side(Some("c"), "10.1.0.3")));
    assert!(!to_c.total().allows());
    let outside = verdict(&world, &flow(side(None, "192.0.2.1"), side(Some("c"), "10.1.0.3")));
    assert!(outside.total().allows() && outside.egress.is_none());
}
