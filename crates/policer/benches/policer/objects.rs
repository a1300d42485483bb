//! The objects that the rules come from: Pods of this node, and peers elsewhere.

use std::{collections::BTreeMap, net::IpAddr};

use policy_engine::{
    InterfaceName,
    program::{Dns, Surroundings},
};
use serde_json::{Value, json};

/// The node, and the namespaces of its Pods and of their peers.
pub const NODE: &str = "node-a";
pub const HERE: &str = "here";
pub const THERE: &str = "there";

const ELSEWHERE: &str = "node-b";

/// The uid of a Pod of this node.
pub fn uid(pod: usize) -> String {
    testkit::objects::uid(&format!("{HERE}/{}", name(pod)))
}

pub fn name(pod: usize) -> String {
    format!("pod-{pod:05}")
}

/// The address of a Pod of this node.
pub fn address(pod: usize) -> String {
    format!("10.9.{}.{}", pod >> 8, pod & 255)
}

/// The address of a peer.
pub fn peer_address(peer: usize) -> String {
    format!("10.{}.{}.{}", 32 + (peer >> 16), (peer >> 8) & 255, peer & 255)
}

/// Pods of this node, all of which may talk to and from all of these peers.
pub fn all(pods: usize, peers: usize) -> Vec<Value> {
    let mut objects = vec![namespace(HERE), namespace(THERE)];
    objects.extend((0..pods).flat_map(pod));
    objects.extend((0..peers).flat_map(peer));
    let from = json!([{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": THERE}}}]);
    let spec = json!({"podSelector": {}, "ingress": [{"from": from}], "egress": [{"to": from}]});
    objects.push(policy("p", &spec));
    objects
}

pub fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace",
           "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}})
}

/// A Pod of this node, and its endpoint.
pub fn pod(number: usize) -> [Value; 2] {
    with_endpoint(testkit::objects::pod(HERE, &name(number), NODE), &address(number))
}

/// A peer, and its endpoint.
pub fn peer(number: usize) -> [Value; 2] {
    with_endpoint(testkit::objects::pod(THERE, &name(number), ELSEWHERE), &peer_address(number))
}

/// A Pod with this label, and its endpoint.
pub fn labelled([mut pod, endpoint]: [Value; 2], label: &str) -> [Value; 2] {
    pod["metadata"]["labels"] = json!({"app": label});
    [pod, endpoint]
}

pub fn policy(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "danm.io/v1", "kind": "DanmNetworkPolicy",
           "metadata": {"namespace": HERE, "name": name}, "spec": spec})
}

fn with_endpoint(pod: Value, address: &str) -> [Value; 2] {
    let metadata = &pod["metadata"];
    let endpoint = json!({
        "apiVersion": "danm.io/v1", "kind": "DanmEp",
        "metadata": {"namespace": metadata["namespace"], "name": metadata["name"], "resourceVersion": "1"},
        "spec": {
            "NetworkName": "lan", "apiType": "ClusterNetwork",
            "Pod": metadata["name"], "PodUID": metadata["uid"],
            "Interface": {"Name": "eth0", "Address": format!("{address}/8")},
        },
    });
    [pod, endpoint]
}

/// What the agent finds around a Pod of this node.
pub fn surroundings(pod: usize) -> Surroundings {
    let interface = || InterfaceName::new("eth0").expect("a name");
    let own: IpAddr = address(pod).parse().expect("an address");
    Surroundings {
        dns: Dns::Any,
        addresses: Some(BTreeMap::from([(own, interface())])),
        ..Surroundings::default()
    }
}
