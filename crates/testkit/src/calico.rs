//! Calico's kinds in the Kubernetes API, and its objects as it writes them.

use serde_json::{Map, Value, json};

/// The group of Calico's objects nearly everywhere.
const GROUP: &str = "crd.projectcalico.org";

/// The version of the group.
const VERSION: &str = "v1";

/// The kinds, with what Calico's own definitions require.
const KINDS: [(&str, &str, &[&str]); 5] = [
    ("IPAMBlock", "ipamblocks", &["allocations", "attributes", "cidr", "strictAffinity", "unallocated"]),
    ("IPAMHandle", "ipamhandles", &["block", "handleID"]),
    ("IPPool", "ippools", &["cidr"]),
    ("IPAMConfig", "ipamconfigs", &[]),
    ("ClusterInformation", "clusterinformations", &[]),
];

/// Definitions of the kinds. Calico's prune what they do not know; these keep everything.
pub fn definitions() -> impl Iterator<Item = Value> {
    KINDS.into_iter().map(|(kind, plural, required)| {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{GROUP}")},
            "spec": {
                "group": GROUP,
                "scope": "Cluster",
                "names": {
                    "kind": kind, "listKind": format!("{kind}List"), "plural": plural,
                    "singular": kind.to_lowercase(),
                },
                "versions": [{
                    "name": VERSION, "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {
                            "type": "object", "required": required,
                            "x-kubernetes-preserve-unknown-fields": true,
                        }},
                    }},
                }],
            },
        })
    })
}

/// The collections of the kinds.
pub fn collections() -> impl Iterator<Item = String> {
    KINDS.into_iter().map(|(_, plural, _)| format!("/apis/{GROUP}/{VERSION}/{plural}"))
}

/// An object.
pub fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": kind,
        "metadata": {"name": name, "annotations": {"projectcalico.org/metadata": "{}"}},
        "spec": spec,
    })
}

/// A pool with blocks of eight addresses, as its specification.
pub fn pool(cidr: &str) -> Value {
    json!({"cidr": cidr, "blockSize": if cidr.contains(':') { 125 } else { 29 }})
}

/// A block of eight addresses that is for `node-a`, as its specification. At these places are addresses of which this is
/// said.
pub fn block(cidr: &str, held: &[(usize, Value)]) -> Value {
    let place_of = |ordinal: usize| held.iter().position(|(place, _)| *place == ordinal);
    let allocations: Vec<Option<usize>> = (0..8).map(place_of).collect();
    let unallocated: Vec<usize> = (0..8).filter(|ordinal| place_of(*ordinal).is_none()).collect();
    let attributes: Vec<&Value> = held.iter().map(|(_, attribute)| attribute).collect();
    let numbers: Map<String, Value> =
        held.iter().map(|(place, _)| (place.to_string(), json!(SEQUENCE_NUMBER - 1))).collect();
    json!({
        "cidr": cidr, "affinity": "host:node-a", "allocations": allocations, "unallocated": unallocated,
        "attributes": attributes, "sequenceNumber": SEQUENCE_NUMBER, "sequenceNumberForAllocation": numbers,
        "deleted": false, "strictAffinity": false,
    })
}

/// Larger than what a floating point number holds exactly.
pub const SEQUENCE_NUMBER: u64 = 1_795_472_210_105_771_795;

/// What a block says of an address of a Pod on `node-a` in the namespace `ran`.
pub fn attribute(pod: &str, handle: &str) -> Value {
    json!({
        "handle_id": handle,
        "secondary": {
            "namespace": "ran", "node": "node-a", "pod": pod, "timestamp": "2026-08-01 10:00:00 +0000 UTC",
        },
    })
}

/// A handle that counts so many addresses in these blocks, as its specification.
pub fn handle(id: &str, blocks: &[(&str, i64)]) -> Value {
    let blocks: Map<String, Value> =
        blocks.iter().map(|(cidr, count)| ((*cidr).to_owned(), json!(count))).collect();
    json!({"handleID": id, "block": blocks, "deleted": false})
}

/// What the object of a block is called.
pub fn block_name(cidr: &str) -> String {
    cidr.replace(['.', ':', '/'], "-")
}
