//! A small world for tests of what is enforced: Pods of one namespace, each on one interface, and policies about them.

use std::sync::Arc;

use danm_api::ApiGroup;
use policy_engine::{Engine, Key, NamespacedName, Object, PolicyKey};
use serde_json::{Value, json};

use crate::{agent::openings::Openings, opening::Word};

/// Takes objects in, and keeps the rulesets of all Pods.
pub(super) fn apply(engine: &mut Engine, objects: &[Value]) {
    for object in objects {
        let object = Object::read(object).expect("it is read").expect("policies are about it");
        if let Object::Pod(name, _) = &object {
            engine.track(name);
        }
        engine.apply(object);
    }
}

/// An engine that knows these objects.
pub(super) fn engine(objects: &[Value]) -> Engine {
    let mut engine = Engine::default();
    apply(&mut engine, objects);
    engine
}

/// The name of a Pod.
pub(super) fn name(pod: &str) -> NamespacedName {
    NamespacedName::new("x", pod)
}

/// A Pod with this uid, whose label is its name.
pub(super) fn pod(name: &str, uid: &str, address: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": "x", "name": name, "uid": uid, "labels": {"app": name}},
        "status": {"podIPs": [{"ip": address}]},
    })
}

/// An endpoint of a Pod.
pub(super) fn endpoint(pod: &str, interface: &str, addresses: [&str; 2]) -> Value {
    json!({
        "apiVersion": "danm.io/v1", "kind": "DanmEp",
        "metadata": {"namespace": "x", "name": format!("{pod}-{interface}")},
        "spec": {
            "Pod": pod, "NetworkName": "lan", "apiType": "DanmNet", "netns": format!("/run/netns/{pod}"),
            "Interface": {"Name": interface, "Address": addresses[0], "AddressIPv6": addresses[1]},
        },
    })
}

/// A policy that lets nobody but these blocks come in to a Pod.
pub(super) fn policy(pod: &str, blocks: &[&str]) -> Value {
    let from: Vec<Value> = blocks.iter().map(|cidr| json!({"ipBlock": {"cidr": cidr}})).collect();
    let ingress = if from.is_empty() { json!([]) } else { json!([{"from": from}]) };
    json!({
        "apiVersion": "danm.io/v1", "kind": "DanmNetworkPolicy",
        "metadata": {"namespace": "x", "name": pod},
        "spec": {"podSelector": {"matchLabels": {"app": pod}}, "ingress": ingress},
    })
}

/// What is open if the namespace of all Pods is.
pub(super) fn open_namespace() -> Openings {
    let mut openings = Openings::default();
    openings.hear(&Key::Namespace(Arc::from("x")), &Arc::from(""), Some(Word::Open));
    openings
}

/// Its key.
pub(super) fn policy_key(pod: &str) -> Key {
    Key::Policy(PolicyKey { name: name(pod), group: ApiGroup::DanmIo })
}
