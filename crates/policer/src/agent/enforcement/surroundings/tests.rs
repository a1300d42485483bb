//! What is found out about a Pod beside policies.

use policy_engine::Engine;
use serde_json::{Value, json};

use super::*;
use crate::agent::enforcement::fixture::{endpoint, engine, name, pod};

impl Exceptions {
    /// Nothing passes beside policies.
    pub(in crate::agent::enforcement) fn none() -> Self {
        Self {
            allow_node: AllowNode::None,
            dns: DnsAccess::None,
            dns_services: Vec::new(),
            forward: Forward::Judge,
        }
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn interface(text: &str) -> InterfaceName {
    InterfaceName::new(text).expect("a name")
}

/// The surroundings of Pod `a`.
fn of_pod(common: &Common, engine: &Engine) -> Surroundings {
    let (world, name) = (engine.world(), name("a"));
    let endpoints: Vec<&Endpoint> = world.endpoints_of(&name).map(|(_, endpoint)| endpoint).collect();
    common.around(world.pod(&name).expect("it is there"), &endpoints)
}

/// The same, where nodes may reach it.
fn around(engine: &Engine) -> Surroundings {
    let exceptions = Exceptions { allow_node: AllowNode::Own, ..Exceptions::none() };
    let nodes = [address("192.0.2.1"), address("2001:db8::1")].into();
    of_pod(&Common::of(engine.world(), &exceptions, &nodes), engine)
}

/// Pod `a` with this address in its status, and these endpoints.
fn pod_with(status: &str, endpoints: &[Value]) -> Engine {
    let mut objects = vec![pod("a", "1", status)];
    objects.extend_from_slice(endpoints);
    engine(&objects)
}

#[test]
fn the_first_interface_is_that_of_the_address_in_the_status() {
    let endpoints = [endpoint("a", "eth0", ["10.1.0.1/24", ""]), endpoint("a", "net1", ["10.0.0.1/24", ""])];
    for (status, first) in [("10.0.0.1", "net1"), ("10.1.0.1", "eth0"), ("10.9.9.9", "eth0")] {
        let nodes = around(&pod_with(status, &endpoints)).nodes.expect("nodes reach it");
        assert_eq!(nodes.interface, interface(first), "{status}");
        let expected = Members::Addresses(vec![[192, 0, 2, 1].into()], vec!["2001:db8::1".parse().unwrap()]);
        assert_eq!(*nodes.addresses, expected);
    }
}

#[test]
fn no_node_reaches_a_pod_unless_that_is_allowed() {
    let engine = pod_with("10.0.0.1", &[]);
    let common = Common::of(engine.world(), &Exceptions::none(), &[address("192.0.2.1")].into());
    assert_eq!(of_pod(&common, &engine).nodes, None);
}

#[test]
fn an_interface_asks_for_an_address_if_no_endpoint_gives_it_any() {
    let engine = pod_with(
        "10.0.0.1",
        &[
            endpoint("a", "eth0", ["10.0.0.1/24", "fd00::1/64"]),
            endpoint("a", "net1", ["10.1.0.1/24", ""]),
            endpoint("a", "net2", ["none", "none"]),
            endpoint("a", "no interface/of any kernel", ["", ""]),
        ],
    );
    let expected = [("net2", Family::V4), ("net2", Family::V6)];
    let expected = expected.map(|(name, family)| (interface(name), family));
    assert_eq!(around(&engine).dhcp, expected.into());
}

#[test]
fn an_address_is_of_an_interface_if_no_other_has_it() {
    let engine = pod_with(
        "10.0.0.1",
        &[
            endpoint("a", "eth0", ["10.0.0.1/24", "fd00::1/64"]),
            endpoint("a", "net1", ["10.1.0.1/24", "fd00::1/64"]),
            endpoint("a", "no interface/of any kernel", ["10.2.0.1/24", ""]),
            endpoint("b", "eth0", ["10.3.0.1/24", ""]),
        ],
    );
    let expected = [(address("10.0.0.1"), interface("eth0")), (address("10.1.0.1"), interface("net1"))];
    assert_eq!(around(&engine).addresses, Some(expected.into()));
}

/// A Service with these ports, by name and number, and a slice of it where they are others.
fn dns() -> [Value; 2] {
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"namespace": "kube-system", "name": "kube-dns"},
        "spec": {
            "clusterIP": "10.96.0.10", "clusterIPs": ["10.96.0.10", "fd00:96::a"],
            "ports": [
                {"name": "dns", "protocol": "UDP", "port": 53, "targetPort": 5353},
                {"name": "dns-tcp", "protocol": "TCP", "port": 53, "targetPort": 5353},
                {"name": "metrics", "protocol": "TCP", "port": 9153},
            ],
        },
    });
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {
            "namespace": "kube-system", "name": "kube-dns-1",
            "labels": {"kubernetes.io/service-name": "kube-dns"},
        },
        "endpoints": [
            {"addresses": ["10.0.7.7"], "conditions": {"ready": true}},
            {"addresses": ["10.0.7.8"], "conditions": {"ready": false}},
        ],
        "ports": [
            {"name": "dns", "protocol": "UDP", "port": 5353},
            {"name": "dns-tcp", "protocol": "TCP", "port": 5353},
            {"name": "metrics", "protocol": "TCP", "port": 9153},
        ],
    });
    [service, slice]
}

#[test]
fn names_are_asked_of_the_cache_the_service_and_those_who_are_ready_to_answer_for_it() {
    let engine = engine(&dns());
    let known = servers(engine.world(), &[NamespacedName::new("kube-system", "kube-dns")]);
    let expected = [
        ("169.254.20.10", Protocol::Tcp, 53),
        ("169.254.20.10", Protocol::Udp, 53),
        ("10.96.0.10", Protocol::Tcp, 53),
        ("10.96.0.10", Protocol::Udp, 53),
        ("fd00:96::a", Protocol::Tcp, 53),
        ("fd00:96::a", Protocol::Udp, 53),
        ("10.0.7.7", Protocol::Tcp, 5353),
        ("10.0.7.7", Protocol::Udp, 5353),
    ];
    assert_eq!(known, expected.map(|(text, protocol, port)| (address(text), protocol, port)).into());
    let without = servers(engine.world(), &[NamespacedName::new("kube-system", "other")]);
    assert_eq!(without.len(), 2, "the cache alone");
}

#[test]
fn whom_pods_ask_for_names_is_the_operators_to_say() {
    let engine = engine(&dns());
    let of = |dns| {
        let exceptions = Exceptions { dns, ..Exceptions::none() };
        Common::of(engine.world(), &exceptions, &BTreeSet::new()).dns
    };
    assert_eq!((of(DnsAccess::None), of(DnsAccess::Any)), (Dns::Closed, Dns::Any));
    let cache = Members::Ports(
        [Protocol::Tcp, Protocol::Udp].map(|protocol| ([169, 254, 20, 10].into(), protocol, 53)).into(),
        vec![],
    );
    assert_eq!(of(DnsAccess::Cluster), Dns::Servers(Arc::new(cache)));
}
