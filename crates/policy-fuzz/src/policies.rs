//! Policies by chance, with entries that nobody understands among them.

use proptest::{
    collection::vec,
    option::weighted,
    prelude::{Just, Strategy, prop_oneof},
    sample::{select, subsequence},
    strategy::BoxedStrategy,
};
use serde_json::{Map, Value, json};

use crate::objects::{GROUPS, LABELS, namespaces, network};

/// A policy.
pub fn policy() -> BoxedStrategy<Value> {
    let name = (select(&GROUPS[..]), namespaces(), select(&["p", "q", "r"][..]));
    let types = prop_oneof![
        4 => Just(None),
        2 => Just(Some(json!(["Ingress"]))),
        2 => Just(Some(json!(["Egress"]))),
        3 => Just(Some(json!(["Ingress", "Egress"]))),
        1 => Just(Some(json!(["Both"]))),
    ];
    let spec = (
        weighted(0.9, selector()),
        weighted(0.2, vec(network_name(), 1..3)),
        types,
        weighted(0.7, vec(rule("from"), 0..4)),
        weighted(0.6, vec(rule("to"), 0..4)),
        enforcement(),
    );
    (name, spec)
        .prop_map(|((group, namespace, name), (pods, networks, types, ingress, egress, enforcement))| {
            let spec = members([
                ("podSelector", pods),
                ("networkSelector", networks.map(Value::from)),
                ("policyTypes", types),
                ("ingress", ingress.map(Value::from)),
                ("egress", egress.map(Value::from)),
                ("enforcement", enforcement.map(Value::from)),
            ]);
            json!({
                "apiVersion": group, "kind": "DanmNetworkPolicy",
                "metadata": {"namespace": namespace, "name": name},
                "spec": spec,
            })
        })
        .boxed()
}

fn enforcement() -> impl Strategy<Value = Option<&'static str>> {
    let words = [None, None, None, Some("enforce"), Some("audit"), Some("audit"), Some("perhaps")];
    select(words.to_vec())
}

fn members<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let present = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(present.collect::<Map<_, _>>())
}

fn rule(peers: &'static str) -> BoxedStrategy<Value> {
    let lists = (weighted(0.8, vec(peer(), 0..4)), weighted(0.6, vec(port(), 0..4)));
    let rule = lists.prop_map(move |(list, ports)| {
        members([(peers, list.map(Value::from)), ("ports", ports.map(Value::from))])
    });
    prop_oneof![30 => rule, 1 => Just(json!({"until": "tomorrow"})), 1 => Just(json!("everything"))].boxed()
}

fn peer() -> BoxedStrategy<Value> {
    let networks = vec(network_name(), 0..3);
    let pods = (weighted(0.6, selector()), weighted(0.4, selector()), weighted(0.4, networks));
    let pods = pods.prop_map(|(pods, namespaces, networks)| {
        members([
            ("podSelector", pods),
            ("namespaceSelector", namespaces),
            ("networkSelector", networks.map(Value::from)),
        ])
    });
    prop_oneof![8 => pods, 4 => block().prop_map(|block| json!({"ipBlock": block}))].boxed()
}

fn network_name() -> BoxedStrategy<Value> {
    network().prop_map(|(kind, name)| json!({"name": name, "type": kind})).boxed()
}

fn block() -> BoxedStrategy<Value> {
    let cidrs =
        ["10.1.0.0/30", "10.1.0.2/31", "10.1.0.4/32", "0.0.0.0/0", "fd00::/16", "::/0", "10.1.0.0/33"];
    let except =
        subsequence(vec!["10.1.0.1/32", "10.1.0.2/31", "10.0.0.0/8", "fd00::2/127", "192.0.2.0/24"], 0..3);
    (select(cidrs.to_vec()), weighted(0.5, except))
        .prop_map(|(cidr, except)| {
            members([("cidr", Some(cidr.into())), ("except", except.map(Value::from))])
        })
        .boxed()
}

fn port() -> BoxedStrategy<Value> {
    let protocol = prop_oneof![
        3 => Just(None),
        3 => Just(Some("TCP")),
        3 => Just(Some("UDP")),
        2 => Just(Some("SCTP")),
        1 => Just(Some("ICMP")),
    ];
    let numbers = prop_oneof![
        2 => Just((None, None)),
        3 => select(&[80, 81]).prop_map(|port| (Some(json!(port)), None)),
        2 => Just((Some(json!(80)), Some(json!(442)))),
        1 => Just((Some(json!(81)), Some(json!(80)))),
        3 => select(&["web", "sig"]).prop_map(|name| (Some(json!(name)), None)),
    ];
    (protocol, numbers)
        .prop_map(|(protocol, (port, end))| {
            members([("protocol", protocol.map(Value::from)), ("port", port), ("endPort", end)])
        })
        .boxed()
}

fn selector() -> BoxedStrategy<Value> {
    let label = select(&LABELS[..]).prop_flat_map(|(key, values)| (Just(key), select(values)));
    let labels = vec(label, 1..3).prop_map(|pairs| {
        let pairs = pairs.into_iter().map(|(key, value)| (key.to_owned(), json!(value)));
        json!({"matchLabels": pairs.collect::<Map<_, _>>()})
    });
    let expression = prop_oneof![
        Just(json!({"key": "app", "operator": "In", "values": ["1", "2"]})),
        Just(json!({"key": "app", "operator": "NotIn", "values": ["1"]})),
        Just(json!({"key": "tier", "operator": "Exists"})),
        Just(json!({"key": "team", "operator": "DoesNotExist"})),
        Just(json!({"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["y"]})),
    ];
    let expressions = vec(expression, 1..3).prop_map(|all| json!({"matchExpressions": all}));
    let broken = Just(json!({"matchExpressions": [{"key": "app", "operator": "In", "values": []}]}));
    prop_oneof![8 => Just(json!({})), 8 => labels, 5 => expressions, 1 => broken].boxed()
}
