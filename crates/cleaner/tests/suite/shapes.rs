//! A cluster with an endpoint of every shape there is, beside each other, and what has to become of each.

use danm_api::{ApiGroup, DanmKind, NetworkKind};
use http::Method;
use serde_json::{Value, json};
use testkit::{
    Cluster, calico,
    objects::{self, endpoint, network, set_bits, uid, with, with_bits},
};

const OLD: ApiGroup = ApiGroup::DanmK8sIo;
const NEW: ApiGroup = ApiGroup::DanmIo;

/// What the report has to say of each, in the order of names.
pub const REPORT: &str = "\
(ClusterNetwork no-endpoint) unknown no-endpoint held 10.0.0.77=danm:keep
(DanmNet no-endpoint) unknown no-endpoint held 10.0.0.99=danm:keep
address-malformed unknown unreadable-address held
address-none dangling pod-gone released
address-outside-net dangling pod-gone released 192.168.7.7=none:already-free
alive live pod-exists kept 10.0.0.5=danm:keep
bit-clear dangling pod-gone released 10.0.0.60=danm:already-free
broken-network dangling network-unreadable held 10.0.0.5=danm:keep
by-calico dangling pod-gone released 10.233.64.7=calico:free
cluster-net dangling pod-gone released 10.0.0.5=danm:free
dead dangling pod-gone released 10.0.0.6=danm:free
dual-stack dangling pod-gone released 10.0.0.5=danm:free 2001:db8::5=danm:free
dynamic dangling pod-gone released
finished unknown pod-finished held 10.0.0.13=danm:keep
foreign dangling pod-gone released 10.9.9.9=foreign:keep
gateway dangling pod-gone released 10.0.0.1=danm:keep
job-done dangling pod-finished released 10.0.0.17=danm:free
layer-2 dangling pod-gone released
lost-network dangling pod-gone released 10.0.0.5=danm:already-free
lost-node dangling node-gone released 10.0.0.9=danm:free
namesake-new live pod-exists kept 10.0.0.8=danm:keep
namesake-old dangling pod-gone released 10.0.0.7=danm:free
new-dialect dangling pod-gone released 10.0.0.5=danm:free
no-uid-alive live same-name-pod kept 10.0.0.10=danm:keep
no-uid-dead dangling pod-gone released 10.0.0.11=danm:free
rival-of-the-living dangling pod-gone released 10.0.0.5=danm:refuse
silent-node unknown node-not-ready held 10.0.0.12=danm:keep
static-outside-pool dangling pod-gone released 2001:db8::1:5=none:already-free
static-pod unknown static-pod held 10.0.0.15=danm:keep
tenant-net dangling pod-gone released 10.0.0.5=danm:free
terminating live pod-terminating kept 10.0.0.14=danm:keep
twin-1 dangling pod-gone released 10.0.0.16=danm:free
twin-2 dangling pod-gone released 10.0.0.16=danm:free";

/// The networks with an array, and the bits that are set when the dead are gone.
pub const BITS: [(&str, NetworkKind, &[u32]); 5] = [
    ("n", NetworkKind::DanmNet, &[1, 5, 8, 10, 12, 13, 14, 15, 99]),
    ("n", NetworkKind::TenantNetwork, &[]),
    ("n", NetworkKind::ClusterNetwork, &[77]),
    ("dual", NetworkKind::DanmNet, &[]),
    ("new", NetworkKind::DanmNet, &[]),
];

/// The endpoints that have to be there when the dead are gone, in order.
pub fn survivors() -> Vec<&'static str> {
    let names =
        REPORT.lines().filter(|line| !line.contains(" released")).filter_map(|line| line.split(' ').next());
    names.filter(|name| !name.starts_with('(')).collect()
}

/// The bits of each of [`BITS`] that have to be set when the dead are gone.
pub fn bits_without_the_dead() -> Vec<Vec<u32>> {
    BITS.iter().map(|(_, _, bits)| bits.to_vec()).collect()
}

/// Makes the cluster.
pub async fn fill(cluster: &mut Cluster) {
    cluster.create([objects::node("node-a", "True"), objects::node("node-b", "Unknown")]).await;
    cluster.create(pods()).await;
    cluster.delete(&pod("terminating")).await;
    cluster.create(networks()).await;
    let endpoints = endpoints();
    let is_of_calico = |endpoint: &&Value| endpoint["metadata"]["name"] == "by-calico";
    let by_calico = endpoints.iter().find(is_of_calico).expect("there is one").clone();
    cluster.create(endpoints).await;
    fill_calico(cluster, &by_calico).await;
}

async fn fill_calico(cluster: &mut Cluster, endpoint: &Value) {
    cluster.install(calico::definitions(calico::V1)).await;
    let block = "10.233.64.0/29";
    cluster
        .create([
            calico::pool("default", "10.233.64.0/18", 29),
            calico::block(block, &[(7, endpoint)]),
            calico::handle(endpoint, &[(block, 1)]),
        ])
        .await;
}

/// What is still held in Calico's books: allocated places and handles.
pub async fn held_in_calico(cluster: &Cluster) -> (usize, usize) {
    let list = async |plural: &str| {
        let path = format!("/apis/crd.projectcalico.org/v1/{plural}");
        let list = cluster.send(Method::GET, &path, None).await.expect("it is served");
        list["items"].as_array().cloned().unwrap_or_default()
    };
    let blocks = list("ipamblocks").await;
    let places = blocks.iter().filter_map(|block| block["spec"]["allocations"].as_array()).flatten();
    (places.filter(|place| !place.is_null()).count(), list("ipamhandles").await.len())
}

/// The bits of each of [`BITS`] that are set now.
pub async fn bits_of(cluster: &Cluster) -> Vec<Vec<u32>> {
    let mut networks = Vec::new();
    for kind in NetworkKind::ALL {
        networks.extend(cluster.all(DanmKind::Network(kind)).await);
    }
    let bits = |(name, kind, _): &(&str, NetworkKind, &[u32])| {
        let is_it = |object: &&Value| object["kind"] == kind.name() && object["metadata"]["name"] == *name;
        let network = networks.iter().find(is_it).expect("it was made");
        set_bits(network["spec"]["Options"]["alloc"].as_str().expect("an array"))
    };
    BITS.iter().map(bits).collect()
}

fn pod(name: &str) -> Value {
    objects::pod("ran", name, "node-a")
}

fn pods() -> Vec<Value> {
    vec![
        pod("alive"),
        pod("namesake"),
        with(pod("finished"), "/status/phase", "Succeeded"),
        with(with(pod("job-done"), "/status/phase", "Succeeded"), "/spec/restartPolicy", "Never"),
        with(pod("terminating"), "/metadata/finalizers", json!(["danm.io/test"])),
        pod("no-uid-alive"),
    ]
}

fn networks() -> Vec<Value> {
    let net = |kind, name| network(OLD, kind, "ran", name);
    let n = net(NetworkKind::DanmNet, "n");
    let n = with(n, "/spec/Options/routes", json!({"10.1.0.0/16": "10.0.0.1"}));
    let dual = with_bits(net(NetworkKind::DanmNet, "dual"), &[5]);
    let dual = with(dual, "/spec/Options/net6", "2001:db8::/64");
    let dual = with(dual, "/spec/Options/allocation_pool_v6/cidr", "2001:db8::/120");
    let broken = with(net(NetworkKind::DanmNet, "broken"), "/spec/Options/cidr", "10.0.0.0/24");
    let new = network(NEW, NetworkKind::DanmNet, "ran", "new");
    let by_calico = with(net(NetworkKind::DanmNet, "calico"), "/spec/NetworkType", "calico");
    vec![
        with_bits(n, &[1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 99]),
        with_bits(net(NetworkKind::TenantNetwork, "n"), &[5]),
        with_bits(net(NetworkKind::ClusterNetwork, "n"), &[5, 77]),
        with(dual, "/spec/Options/alloc6", objects::alloc(&[5])),
        with(broken, "/spec/Options/alloc", "AAAA"),
        with_bits(new, &[5]),
        net(NetworkKind::DanmNet, "layer-2"),
        with(net(NetworkKind::DanmNet, "foreign"), "/spec/NetworkType", "flannel"),
        by_calico,
    ]
}

fn endpoints() -> Vec<Value> {
    let ep = |name: &str, address: &str| {
        with(endpoint(OLD, "ran", name, name, "n"), "/spec/Interface/Address", address)
    };
    let on = |name: &str, network: &str, address: &str| {
        with(with(ep(name, address), "/spec/NetworkName", network), "/spec/apiType", "DanmNet")
    };
    let on_kind = |name: &str, kind: NetworkKind| with(ep(name, "10.0.0.5/24"), "/spec/apiType", kind.name());
    let of_pod = |name: &str, pod: &str, address: &str| with(ep(name, address), "/spec/Pod", pod);
    let without_uid = |name: &str, address: &str| with(ep(name, address), "/spec/PodUID", "");
    let typed = |name: &str, kind: &str, address: &str| {
        with(on(name, kind, address), "/spec/NetworkType", if kind == "foreign" { "flannel" } else { kind })
    };
    let namesake =
        |name: &str, uid: String, address: &str| with(of_pod(name, "namesake", address), "/spec/PodUID", uid);
    let dual = with(on("dual-stack", "dual", "10.0.0.5/24"), "/spec/Interface/AddressIPv6", "2001:DB8::5/64");
    let outside = on("static-outside-pool", "dual", "");
    let new = endpoint(NEW, "ran", "new-dialect", "new-dialect", "new");
    vec![
        ep("alive", "10.0.0.5/24"),
        ep("dead", "10.0.0.6/24"),
        namesake("namesake-old", uid("an earlier Pod"), "10.0.0.7/24"),
        namesake("namesake-new", uid("ran/namesake"), "10.0.0.8/24"),
        with(ep("lost-node", "10.0.0.9/24"), "/spec/Host", "node-z"),
        without_uid("no-uid-alive", "10.0.0.10/24"),
        without_uid("no-uid-dead", "10.0.0.11/24"),
        with(ep("silent-node", "10.0.0.12/24"), "/spec/Host", "node-b"),
        ep("finished", "10.0.0.13/24"),
        ep("job-done", "10.0.0.17/24"),
        ep("terminating", "10.0.0.14/24"),
        of_pod("static-pod", "etcd-node-a", "10.0.0.15/24"),
        ep("twin-1", "10.0.0.16/24"),
        ep("twin-2", "10.0.0.16/24"),
        ep("bit-clear", "10.0.0.60/24"),
        ep("gateway", "10.0.0.1/24"),
        ep("rival-of-the-living", "10.0.0.5/24"),
        ep("address-none", "none"),
        ep("dynamic", "dynamic"),
        ep("address-malformed", "10.0.0.300/24"),
        ep("address-outside-net", "192.168.7.7/24"),
        on_kind("tenant-net", NetworkKind::TenantNetwork),
        on_kind("cluster-net", NetworkKind::ClusterNetwork),
        dual,
        with(outside, "/spec/Interface/AddressIPv6", "2001:db8::1:5/64"),
        on("layer-2", "layer-2", ""),
        on("lost-network", "no-such-network", "10.0.0.5/24"),
        on("broken-network", "broken", "10.0.0.5/24"),
        typed("foreign", "foreign", "10.9.9.9/24"),
        typed("by-calico", "calico", "10.233.64.7/32"),
        with(new, "/spec/Interface/Address", "10.0.0.5/24"),
    ]
}
