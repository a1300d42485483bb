//! Builders of the objects a cleaner looks at, as JSON: a test sends them to an API server, or reads them as
//! their type and hands them to an index.
//!
//! Defaults are what DANM's CNI plugin writes. Uids are made from names, so that a test can say `pod-a` where a
//! cluster has 36 random characters.

use danm_api::{ApiGroup, NetworkKind, VERSION};
use danm_ipam::{AllocBits, BitIndex};
use serde_json::{Value, json};

/// A stable UUID for a name.
pub fn uid(name: &str) -> String {
    // FNV-1a, widened to 128 bits: any hash that spreads short names will do.
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for byte in name.bytes() {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B);
    }
    let hex = format!("{hash:032x}");
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// A Pod that runs on a Node. Its uid is made from `namespace/name`.
pub fn pod(namespace: &str, name: &str, node: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid(&format!("{namespace}/{name}")),
            "resourceVersion": "1",
        },
        "spec": {"nodeName": node, "containers": [{"name": "c", "image": "none.invalid/none"}]},
        "status": {"phase": "Running"},
    })
}

/// A Node with a Ready condition of this status (`True`, `False` or `Unknown`) and its name as host name.
pub fn node(name: &str, ready: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "uid": uid(name),
            "resourceVersion": "1",
            "labels": {"kubernetes.io/hostname": name},
        },
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    })
}

/// A Node that is in a certain boot, as told by a heartbeat of its kubelet.
pub fn booted(node: Value, boot: &str, heartbeat: u32) -> Value {
    let node = with(node, "/status/nodeInfo/bootID", uid(boot));
    let ready = node["status"]["conditions"][0]["status"].clone();
    let heartbeat = format!("2026-11-01T12:00:{heartbeat:02}Z");
    with(
        node,
        "/status/conditions",
        json!([{"type": "Ready", "status": ready, "lastHeartbeatTime": heartbeat}]),
    )
}

/// A Namespace with this word about how the addresses in it are treated.
pub fn namespace(name: &str, treatment: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "uid": uid(name),
            "resourceVersion": "1",
            "annotations": {"danm.io/cleaner": treatment},
        },
    })
}

/// A network of `ipvlan` type without options.
pub fn network(group: ApiGroup, kind: NetworkKind, namespace: &str, name: &str) -> Value {
    let mut network = json!({
        "apiVersion": format!("{group}/{VERSION}"),
        "kind": kind.name(),
        "metadata": {
            "name": name,
            "uid": uid(&format!("{group}/{kind}/{namespace}/{name}")),
            "resourceVersion": "1",
            "creationTimestamp": "2026-11-01T10:00:00Z",
        },
        "spec": {"NetworkID": name, "NetworkType": "ipvlan", "Options": {"host_device": "ens4"}},
    });
    if kind.is_namespaced() {
        network["metadata"]["namespace"] = json!(namespace);
    }
    network
}

/// An endpoint of a Pod, as [`pod`] makes it, on a `DanmNet`.
pub fn endpoint(group: ApiGroup, namespace: &str, name: &str, pod: &str, network: &str) -> Value {
    json!({
        "apiVersion": format!("{group}/{VERSION}"),
        "kind": "DanmEp",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid(&format!("{group}/DanmEp/{namespace}/{name}")),
            "resourceVersion": "1",
            "creationTimestamp": "2026-11-01T11:00:00Z",
        },
        "spec": {
            "NetworkName": network,
            "NetworkType": "ipvlan",
            "EndpointID": name,
            "Interface": {
                "Name": "eth1",
                "Address": "",
                "AddressIPv6": "",
                "MacAddress": "",
                "proutes": null,
                "proutes6": null,
            },
            "Host": "node-a",
            "Pod": pod,
            "PodUID": uid(&format!("{namespace}/{pod}")),
            "CID": format!("{:064x}", name.len()),
            "netns": "/var/run/netns/cni-1",
            "apiType": "DanmNet",
        },
    })
}

/// Gives a network the subnet 10.0.0.0/24 with these bits set besides its ends.
#[must_use]
pub fn with_bits(network: Value, set: &[u32]) -> Value {
    let network = with(network, "/spec/Options/cidr", "10.0.0.0/24");
    with(network, "/spec/Options/alloc", alloc(set))
}

/// The array of a /24 with these bits set besides its ends.
pub fn alloc(set: &[u32]) -> String {
    let mut bits = AllocBits::clear(256);
    [0, 255].iter().chain(set).for_each(|&bit| bits.set(BitIndex(bit)));
    bits.encode()
}

/// The bits that are set in the array of a /24, besides its ends.
///
/// # Panics
/// Where the array is of another size.
pub fn set_bits(alloc: &str) -> Vec<u32> {
    let bits = AllocBits::decode(alloc, 256).expect("a /24");
    (1..255).filter(|&bit| bits.is_set(BitIndex(bit))).collect()
}

/// Sets the member at a JSON pointer, making the objects on the way.
///
/// # Panics
/// Where something on the way is no object.
#[must_use]
pub fn with(mut object: Value, pointer: &str, value: impl Into<Value>) -> Value {
    let mut place = &mut object;
    for member in pointer.trim_start_matches('/').split('/') {
        let member = member.replace("~1", "/").replace("~0", "~");
        if place.is_null() {
            *place = json!({});
        }
        place = place.as_object_mut().expect("an object").entry(member).or_insert(Value::Null);
    }
    *place = value.into();
    object
}
