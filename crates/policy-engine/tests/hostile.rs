//! Rulesets that nobody writes by hand: many peers, many ports, names that rules cannot have. nft has to accept each of them, and
//! the kernel has to have the rules that the text says.

#![expect(clippy::expect_used, reason = "a test that has not what it needs has failed")]

#[path = "fixtures/nft.rs"]
mod nft;

use nft::Nft;
use policy_engine::{NamespacedName, Object, World, compile};
use serde_json::{Value, json};

/// The text of the Pod `x/a` among these objects.
fn text(objects: &[Value]) -> String {
    let mut world = World::default();
    for object in objects {
        world.apply(Object::read(object).expect("an object").expect("one that policies are about"));
    }
    let ruleset = compile(&world, &NamespacedName::new("x", "a")).expect("a target");
    policy_engine::nft::text(&ruleset)
}

fn pod(name: &str, labels: &Value, ports: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
           "metadata": {"namespace": "x", "name": name, "uid": name, "labels": labels},
           "spec": {"containers": [{"ports": ports}]}})
}

fn endpoint(name: &str, pod: &str, interface: &str, v4: &str, v6: &str) -> Value {
    json!({"apiVersion": "danm.k8s.io/v1", "kind": "DanmEp", "metadata": {"namespace": "x", "name": name},
           "spec": {"Pod": pod, "PodUID": pod, "NetworkName": "lan1", "apiType": "ClusterNetwork",
                    "Interface": {"Name": interface, "Address": v4, "AddressIPv6": v6}}})
}

fn policy(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "danm.k8s.io/v1", "kind": "DanmNetworkPolicy",
           "metadata": {"namespace": "x", "name": name}, "spec": spec})
}

fn target() -> Vec<Value> {
    vec![
        pod("a", &json!({"pod": "a"}), &json!([])),
        endpoint("a-net1", "a", "net1", "10.1.0.1/16", "fd01::1/64"),
    ]
}

/// Holds a text against what the kernel makes of it.
fn loads(text: &str) {
    if let Some(nft) = Nft::find() {
        nft.holds(text).expect("a text that loads as it is meant");
    }
}

/// Whatever is long is broken into lines that a terminal shows.
fn is_narrow(text: &str) -> bool {
    text.lines().filter(|line| !line.trim_start().starts_with("icmpv6")).all(|line| line.len() < 300)
}

#[test]
fn ten_thousand_peers_of_both_families_load_and_are_broken_into_lines() {
    let mut objects = target();
    for number in 0..10_000 {
        let name = format!("peer-{number}");
        let v4 = format!("10.2.{}.{}/16", number / 250, number % 250 + 1);
        objects.push(pod(
            &name,
            &json!({"role": "peer"}),
            &json!([{"name": "web", "containerPort": 1 + number % 60_000}]),
        ));
        objects.push(endpoint(&name, &name, "net1", &v4, &format!("fd02::{number:x}/64")));
    }
    let peer = json!({"podSelector": {"matchLabels": {"role": "peer"}}});
    objects.push(policy(
        "many",
        &json!({"policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [peer]}], "egress": [{"to": [peer], "ports": [{"port": "web"}]}]}),
    ));
    let text = text(&objects);
    assert!(is_narrow(&text));
    loads(&text);
}

#[test]
fn three_hundred_ranges_of_ports_load_for_each_protocol() {
    let mut ports = Vec::new();
    for protocol in ["TCP", "UDP", "SCTP"] {
        for number in 0..300 {
            let first = 1000 + number * 10;
            ports.push(json!({"protocol": protocol, "port": first, "endPort": first + number % 9}));
            // The same again, and one that overlaps: a kernel would refuse both.
            ports.push(json!({"protocol": protocol, "port": first}));
        }
    }
    let peers = json!([{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}]);
    let spec = json!({"ingress": [{"ports": ports}, {"from": peers, "ports": ports}]});
    let text = text(&[target(), vec![policy("ports", &spec)]].concat());
    assert!(is_narrow(&text));
    loads(&text);
}

#[test]
fn thousands_of_blocks_that_overlap_and_end_at_the_ends_of_the_address_space_load() {
    let mut peers = vec![
        json!({"ipBlock": {"cidr": "0.0.0.0/32"}}),
        json!({"ipBlock": {"cidr": "255.255.255.255/32"}}),
        json!({"ipBlock": {"cidr": "128.0.0.0/1", "except": ["255.0.0.0/8", "128.0.0.0/32"]}}),
        json!({"ipBlock": {"cidr": "ffff::/16", "except": ["ffff::/128"]}}),
        json!({"ipBlock": {"cidr": "10.1.0.0/16"}}),
        json!({"ipBlock": {"cidr": "fd00:10::/28"}}),
    ];
    for number in 0..2_000 {
        let cidr = format!("10.{}.{}.0/24", number / 200, number % 200);
        peers.push(json!({"ipBlock": {"cidr": cidr, "except": [cidr.replace(".0/24", ".7/32")]}}));
        peers.push(json!({"ipBlock": {"cidr": format!("fd00:{number:x}::/32")}}));
    }
    let text = text(&[target(), vec![policy("blocks", &json!({"ingress": [{"from": peers}]}))]].concat());
    assert!(is_narrow(&text));
    loads(&text);
}

#[test]
fn a_rule_for_everybody_and_sets_without_members_load() {
    let nobody = json!({"podSelector": {"matchLabels": {"no": "body"}}});
    let nothing = json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}});
    let spec = json!({"policyTypes": ["Ingress", "Egress"],
        "ingress": [{}, {"ports": [{"protocol": "SCTP"}]}, {"from": [nobody, nothing]}],
        "egress": [{"to": [nobody], "ports": [{"port": "web"}]}]});
    loads(&text(&[target(), vec![policy("odd", &spec)]].concat()));
}

#[test]
fn names_that_try_to_write_rules_write_none() {
    let names = [
        "a".repeat(253),
        format!("{}z", "a".repeat(252)),
        "\" accept\n\t\taccept comment \"".to_owned(),
        "}\n}\nflush ruleset\n".to_owned(),
        "ends in a backslash\\".to_owned(),
        "umlauts äöü and \u{202e}others\u{0}\r".to_owned(),
        String::new(),
    ];
    let policies = names.iter().map(|name| {
        let selector = json!({"matchLabels": {"key": name, name: "\"; } accept\nflush ruleset"}});
        let peers = json!([{"podSelector": selector}, {"namespaceSelector": selector},
                           {"networkSelector": [{"name": format!("{name}\n}}"), "type": "ClusterNetwork"}]}]);
        policy(name, &json!({"podSelector": {}, "ingress": [{"from": peers}]}))
    });
    let text = text(&[target(), policies.collect()].concat());
    assert!(text.is_ascii() && is_narrow(&text));
    assert!(text.lines().all(|line| !line.trim_start().starts_with("flush") && !line.contains('\r')));
    let accepting = text.lines().filter(|line| line.trim() == "accept").count();
    assert_eq!(accepting, 0);
    loads(&text);
}

#[test]
fn interfaces_may_be_called_whatever_a_kernel_lets_them_be_called() {
    let names = ["eth0.100", "a-b@c", "others", "@", "-", "1", "a+b", "...", "_", "input", "accept", "0x1F"];
    let mut objects = target();
    for (number, name) in names.iter().enumerate() {
        let addresses = (format!("10.1.1.{number}/16"), format!("fd01::1:{number:x}/64"));
        objects.push(endpoint(&format!("a-{number}"), "a", name, &addresses.0, &addresses.1));
    }
    for number in 0..100 {
        let (name, address) = (format!("more{number}"), format!("10.1.2.{number}/16"));
        objects.push(endpoint(&name, "a", &name, &address, ""));
    }
    objects.push(policy("closed", &json!({"policyTypes": ["Ingress", "Egress"]})));
    let text = text(&objects);
    for name in names {
        assert!(text.contains(&format!("iifname \"{name}\" goto ingress_")), "{name}");
    }
    assert!(is_narrow(&text));
    loads(&text);
}
