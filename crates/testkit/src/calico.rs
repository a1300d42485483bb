//! Calico in the Kubernetes API, as JSON: the definitions of its kinds where they matter, and pools, blocks and handles as it
//! writes them. Not what becomes of them: that `calico-ipam` knows, and Calico's own recordings.

use serde_json::{Map, Value, json};

/// Larger than what a floating point number holds exactly.
pub const SEQUENCE_NUMBER: u64 = 1_795_472_210_105_771_795;

/// The group and version of its objects in nearly every cluster.
pub const V1: (&str, &str) = ("crd.projectcalico.org", "v1");

/// The kinds, with what their definitions require.
const KINDS: [(&str, &[&str]); 6] = [
    ("IPAMBlock", &["allocations", "attributes", "cidr", "strictAffinity", "unallocated"]),
    ("IPAMHandle", &["block", "handleID"]),
    ("IPPool", &["cidr"]),
    ("IPAMConfig", &[]),
    ("IPAMConfiguration", &[]),
    ("ClusterInformation", &[]),
];

/// The definitions of its kinds in a group and version. Its own prune what they do not know; these keep everything, and
/// require what those require.
pub fn definitions((group, version): (&str, &str)) -> Vec<Value> {
    KINDS.into_iter().map(|(kind, required)| definition(group, version, kind, required)).collect()
}

/// Where objects of its kinds are.
pub fn collections((group, version): (&str, &str)) -> Vec<String> {
    KINDS.into_iter().map(|(kind, _)| format!("/apis/{group}/{version}/{}", plural(kind))).collect()
}

/// An object of one of its kinds.
pub fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": format!("{}/{}", V1.0, V1.1),
        "kind": kind,
        "metadata": {"name": name, "annotations": {"projectcalico.org/metadata": "{}"}},
        "spec": spec,
    })
}

/// A pool whose blocks have prefixes of this length.
pub fn pool(name: &str, cidr: &str, block_size: u8) -> Value {
    object("IPPool", name, &json!({"cidr": cidr, "blockSize": block_size}))
}

/// A block of `node-a` in which these places are held by these endpoints.
///
/// # Panics
/// If it is larger than any.
pub fn block(cidr: &str, held: &[(usize, &Value)]) -> Value {
    let size = size_of(cidr);
    let mut allocations = vec![Value::Null; size];
    for (index, (place, _)) in held.iter().enumerate() {
        allocations[*place] = json!(index);
    }
    let unallocated: Vec<usize> = (0..size).filter(|place| allocations[*place].is_null()).collect();
    let numbers: Map<String, Value> =
        held.iter().map(|(place, _)| (place.to_string(), json!(SEQUENCE_NUMBER - 1))).collect();
    let spec = json!({
        "cidr": cidr,
        "affinity": "host:node-a",
        "allocations": allocations,
        "unallocated": unallocated,
        "attributes": held.iter().map(|(_, endpoint)| attribute(endpoint)).collect::<Vec<Value>>(),
        "sequenceNumber": SEQUENCE_NUMBER,
        "sequenceNumberForAllocation": numbers,
        "deleted": false,
        "strictAffinity": false,
    });
    object("IPAMBlock", &name_of(cidr), &spec)
}

/// The handle of an endpoint that counts so many addresses in these blocks.
pub fn handle(endpoint: &Value, blocks: &[(&str, u32)]) -> Value {
    let blocks: Map<String, Value> =
        blocks.iter().map(|(cidr, count)| ((*cidr).to_owned(), json!(count))).collect();
    let id = handle_id(endpoint);
    object("IPAMHandle", &id, &json!({"handleID": id, "block": blocks, "deleted": false}))
}

/// Its information about the cluster, by which its datastore is locked.
pub fn cluster_information(is_ready: bool) -> Value {
    object("ClusterInformation", "default", &json!({"datastoreReady": is_ready}))
}

fn handle_id(endpoint: &Value) -> String {
    format!("k8s-pod-network.{}", endpoint["spec"]["CID"].as_str().unwrap_or_default())
}

fn attribute(endpoint: &Value) -> Value {
    json!({
        "handle_id": handle_id(endpoint),
        "secondary": {
            "namespace": endpoint["metadata"]["namespace"],
            "node": endpoint["spec"]["Host"],
            "pod": endpoint["spec"]["Pod"],
            "timestamp": "2026-08-01 10:00:00 +0000 UTC",
        },
    })
}

fn size_of(cidr: &str) -> usize {
    let prefix: u32 = cidr.split('/').nth(1).and_then(|prefix| prefix.parse().ok()).expect("a prefix");
    let bits = if cidr.contains(':') { 128 } else { 32 };
    1_usize.checked_shl(bits - prefix).expect("a small block")
}

/// The name of a block.
fn name_of(cidr: &str) -> String {
    cidr.replace(['.', ':', '/'], "-")
}

fn plural(kind: &str) -> String {
    format!("{}s", kind.to_lowercase())
}

fn definition(group: &str, version: &str, kind: &str, required: &[&str]) -> Value {
    let plural = plural(kind);
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group,
            "scope": "Cluster",
            "names": {
                "kind": kind,
                "listKind": format!("{kind}List"),
                "plural": plural,
                "singular": kind.to_lowercase(),
            },
            "versions": [{
                "name": version,
                "served": true,
                "storage": true,
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {"spec": {
                        "type": "object", "required": required, "x-kubernetes-preserve-unknown-fields": true,
                    }},
                }},
            }],
        },
    })
}
