//! A cluster in which there is one of everything that Showalloc tells apart, in the two namespaces `ran` and `core` and in
//! both API groups.

use danm_api::{ApiGroup, NetworkKind};
use serde_json::{Value, json};
use testkit::{
    Cluster,
    objects::{self, with},
};

pub const OLD: ApiGroup = ApiGroup::DanmK8sIo;
pub const NEW: ApiGroup = ApiGroup::DanmIo;

/// An empty cluster with all of it; none where the server is not available.
pub async fn town() -> Option<Cluster> {
    let mut cluster = crate::cluster().await.ok()?;
    fill(&mut cluster).await;
    Some(cluster)
}

/// Makes all of it.
pub async fn fill(cluster: &mut Cluster) {
    let first = [objects::node("node-a", "True")].into_iter().chain(pods());
    cluster.create(first).await;
    cluster.create_at_once(networks().into_iter().chain([reservation()])).await;
    cluster.create(endpoints()).await;
}

/// A Pod on the only Node.
pub fn pod(namespace: &str, name: &str) -> Value {
    objects::pod(namespace, name, "node-a")
}

/// A network of 10.SECOND.0.0/24 with these bits set, whose addresses are given dynamically from .1 on.
pub fn network(kind: NetworkKind, name: &str, second: u8, set: &[u32]) -> Value {
    let network = objects::with_bits(objects::network(OLD, kind, "ran", name), set);
    let pool =
        json!({"start": format!("10.{second}.0.1"), "end": format!("10.{second}.0.254"), "lastIp": ""});
    let network = with(network, "/spec/Options/allocation_pool", pool);
    with(network, "/spec/Options/cidr", format!("10.{second}.0.0/24"))
}

/// An endpoint of a Pod on a `DanmNet`, with an IPv4 address or none.
pub fn endpoint(name: &str, (namespace, pod): (&str, &str), network: &str, address: &str) -> Value {
    let endpoint = objects::endpoint(OLD, namespace, name, pod, network);
    // All of a Pod were made for the same sandbox.
    let endpoint = with(endpoint, "/spec/CID", objects::uid(pod));
    with(endpoint, "/spec/Interface/Address", address)
}

/// The same on a network of another kind.
pub fn on_kind(endpoint: Value, kind: NetworkKind) -> Value {
    with(endpoint, "/spec/apiType", kind.name())
}

/// The same in the other group.
pub fn in_group(object: Value, group: ApiGroup) -> Value {
    with(object, "/apiVersion", format!("{group}/v1"))
}

fn pods() -> Vec<Value> {
    let of_ran = ["web-0", "web-1", "web-2", "web-3", "web-4", "web-5", "new-0"];
    of_ran.iter().map(|name| pod("ran", name)).chain([pod("core", "db-0")]).collect()
}

fn networks() -> Vec<Value> {
    use NetworkKind::{ClusterNetwork, DanmNet, TenantNetwork};
    let internal = network(DanmNet, "internal", 0, &[1, 5, 6, 8, 9, 11]);
    let internal = with(internal, "/spec/Options/routes", json!({"10.99.0.0/16": "10.0.0.1"}));
    let internal = with(internal, "/spec/Options/allocation_pool/end", "10.0.0.99");
    let backbone = network(ClusterNetwork, "backbone", 2, &[5, 6]);
    let backbone = with(backbone, "/spec/Options/net6", "2001:db8::/64");
    let pool = json!({"start": "2001:db8::1", "end": "2001:db8::fe", "cidr": "2001:db8::/120", "lastIp": ""});
    let backbone = with(backbone, "/spec/Options/allocation_pool_v6", pool);
    let layer_2 = with(objects::network(OLD, DanmNet, "ran", "layer-2"), "/spec/NetworkType", "ipvlan");
    vec![
        with(internal, "/metadata/labels", json!({"tier": "user"})),
        network(DanmNet, "overlap", 0, &[5]),
        with(network(DanmNet, "broken", 3, &[]), "/spec/Options/alloc", "AAAA"),
        with(backbone, "/spec/Options/alloc6", objects::alloc(&[5])),
        in_group(network(TenantNetwork, "vip", 1, &[5, 100, 101]), NEW),
        in_group(network(DanmNet, "internal", 4, &[7]), NEW),
        with(network(DanmNet, "archive", 5, &[]), "/metadata/namespace", "core"),
        layer_2,
    ]
}

fn reservation() -> Value {
    json!({
        "apiVersion": "danm.io/v1",
        "kind": "ReservedIP",
        "metadata": {"name": "vip", "namespace": "ran"},
        "spec": {
            "network": {"name": "vip", "type": "TenantNetwork"},
            "ips": [{"address": "10.1.0.100", "shareable": true}],
        },
    })
}

fn endpoints() -> Vec<Value> {
    let of = |name: &str, pod: &str, address: &str| endpoint(name, ("ran", pod), "internal", address);
    let web = endpoint("web-0-core", ("ran", "web-0"), "backbone", "10.2.0.5/24");
    let web = with(web, "/spec/Interface/Name", "eth2");
    let web = with(web, "/spec/Interface/AddressIPv6", "2001:db8::5/64");
    let db = endpoint("db-0-core", ("core", "db-0"), "backbone", "10.2.0.6/24");
    let vip = endpoint("new-0-vip", ("ran", "new-0"), "vip", "10.1.0.5/24");
    let twin = endpoint("new-0-internal", ("ran", "new-0"), "internal", "10.4.0.7/24");
    vec![
        of("web-0-internal", "web-0", "10.0.0.5/24"),
        of("gone-internal", "gone", "10.0.0.6/24"),
        of("web-1-internal", "web-1", "10.0.0.10/24"),
        of("web-2-internal", "web-2", "10.0.0.11/24"),
        of("web-3-internal", "web-3", "10.0.0.11/24"),
        of("web-4-internal", "web-4", "192.168.7.7/24"),
        of("web-4-broken", "web-4", "10.0.0.300/24"),
        endpoint("web-5-overlap", ("ran", "web-5"), "overlap", "10.0.0.5/24"),
        endpoint("web-5-nowhere", ("ran", "web-5"), "nowhere", "10.7.0.5/24"),
        endpoint("gone-layer-2", ("ran", "gone"), "layer-2", ""),
        on_kind(web, NetworkKind::ClusterNetwork),
        on_kind(db, NetworkKind::ClusterNetwork),
        in_group(on_kind(vip, NetworkKind::TenantNetwork), NEW),
        in_group(twin, NEW),
    ]
}
