//! Objects by chance: Namespaces, Pods, endpoints, networks, Services. Policies have a file of their own.

use proptest::{
    collection::vec,
    option::weighted,
    prelude::{Just, Strategy, prop_oneof},
    sample::{select, subsequence},
    strategy::BoxedStrategy,
};
use serde_json::{Map, Value, json};

use crate::policies;

/// The namespaces.
pub const NAMESPACES: [&str; 3] = ["x", "y", "z"];

/// The groups in which objects of DANM are.
pub const GROUPS: [&str; 2] = ["danm.k8s.io/v1", "danm.io/v1"];

/// Addresses that Pods may hold, with which they collide.
pub const ADDRESSES: [&str; 4] = ["10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.4"];

/// The same for IPv6.
pub const ADDRESSES_V6: [&str; 3] = ["fd00::1", "fd00::2", "fd00::3"];

/// Addresses of Services.
pub const CLUSTER_ADDRESSES: [&str; 2] = ["10.96.0.1", "fd96::1"];

/// Interfaces that endpoints name.
pub const INTERFACES: [&str; 3] = ["eth0", "net1", "net2"];

/// Labels that Pods and Namespaces may have, and selectors may want.
pub const LABELS: [(&str, &[&str]); 3] =
    [("app", &["1", "2", "3"]), ("tier", &["web", "", "db"]), ("team", &["red", "blue", "grey"])];

/// Namespaces by chance: most objects are in the first, so that they have something to do with each other.
pub fn namespaces() -> BoxedStrategy<&'static str> {
    prop_oneof![4 => Just(NAMESPACES[0]), 2 => Just(NAMESPACES[1]), 1 => Just(NAMESPACES[2])].boxed()
}

/// The objects of a world, in no order.
pub fn worlds() -> BoxedStrategy<Vec<Value>> {
    let parts = (
        vec(namespace(), 1..6),
        vec(resident(), 1..5),
        vec(endpoint(), 0..3),
        vec(policies::policy(), 1..6),
        vec(prop_oneof![1 => service(), 2 => slice()], 0..7),
    );
    let together =
        |(namespaces, residents, strays, policies, services): (Vec<_>, Vec<_>, Vec<_>, Vec<_>, Vec<_>)| {
            [namespaces, residents.concat(), strays, policies, services].concat()
        };
    parts.prop_map(together).boxed()
}

/// A Pod with endpoints of its own, or almost: they may be of an earlier Pod of that name.
fn resident() -> BoxedStrategy<Vec<Value>> {
    (pod(), vec(endpoint(), 0..4))
        .prop_map(|(pod, mut endpoints)| {
            let namespace = &pod["metadata"]["namespace"];
            for (number, endpoint) in endpoints.iter_mut().enumerate() {
                endpoint["metadata"]["namespace"] = namespace.clone();
                endpoint["metadata"]["name"] = json!(format!("{}-{number}", pod["metadata"]["name"]));
                endpoint["spec"]["Pod"] = pod["metadata"]["name"].clone();
                if endpoint["spec"]["PodUID"] != "2" {
                    endpoint["spec"]["PodUID"] = pod["metadata"]["uid"].clone();
                }
            }
            endpoints.push(pod);
            endpoints
        })
        .boxed()
}

/// Something that happens to an object.
#[derive(Clone, Debug)]
pub struct Change {
    /// The object.
    pub object: Value,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It comes, in place of what was called so before.
    Comes,
    /// It comes, and its rules are of no interest any more, if it is a Pod.
    LeftAlone,
    /// It goes.
    Goes,
}

/// A world, and what happens in it.
#[derive(Clone, Debug)]
pub struct Story {
    /// The objects with which it begins.
    pub begin: Vec<Value>,
    /// What happens, one after the other.
    pub changes: Vec<Change>,
}

/// Stories.
pub fn stories() -> BoxedStrategy<Story> {
    (worlds(), changes()).prop_map(|(begin, changes)| Story { begin, changes }).boxed()
}

fn changes() -> BoxedStrategy<Vec<Change>> {
    let object = prop_oneof![
        2 => namespace().prop_map(|one| vec![one]),
        4 => resident(),
        3 => endpoint().prop_map(|one| vec![one]),
        4 => policies::policy().prop_map(|one| vec![one]),
        2 => service().prop_map(|one| vec![one]),
        2 => slice().prop_map(|one| vec![one]),
    ];
    let fate = prop_oneof![6 => Just(Fate::Comes), 1 => Just(Fate::LeftAlone), 3 => Just(Fate::Goes)];
    let alone = |changes: Vec<(Vec<Value>, Fate)>| {
        let all = changes
            .into_iter()
            .flat_map(|(objects, fate)| objects.into_iter().map(move |object| Change { object, fate }));
        all.collect()
    };
    vec((object, fate), 1..10).prop_map(alone).boxed()
}

/// Some labels.
pub fn labels() -> BoxedStrategy<Value> {
    // Nobody has the last value of any: who selects that selects nobody.
    let pair = |(key, values): (&'static str, &'static [&'static str])| {
        (Just(key), select(values.split_last().map_or(values, |(_, others)| others)))
    };
    let all =
        (weighted(0.7, pair(LABELS[0])), weighted(0.5, pair(LABELS[1])), weighted(0.5, pair(LABELS[2])));
    all.prop_map(|(a, b, c)| {
        let pairs = [a, b, c].into_iter().flatten();
        pairs.map(|(key, value)| (key.to_owned(), json!(value))).collect::<Map<_, _>>().into()
    })
    .boxed()
}

fn namespace() -> BoxedStrategy<Value> {
    (select(&NAMESPACES[..]), labels())
        .prop_map(|(name, mut labels)| {
            labels["kubernetes.io/metadata.name"] = json!(name);
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        })
        .boxed()
}

fn pod() -> BoxedStrategy<Value> {
    let ports = subsequence(
        vec![
            json!({"name": "web", "containerPort": 80}),
            json!({"name": "web", "containerPort": 81, "protocol": "TCP"}),
            json!({"name": "web", "containerPort": 80, "protocol": "UDP"}),
            json!({"name": "sig", "containerPort": 81, "protocol": "SCTP"}),
            json!({"containerPort": 443}),
        ],
        0..4,
    );
    let addresses = subsequence(vec![ADDRESSES[0], ADDRESSES[3], ADDRESSES_V6[0]], 0..3);
    let odd = (proptest::bool::weighted(0.05), proptest::bool::weighted(0.07));
    let uid = prop_oneof![3 => Just("1"), 1 => Just("2")];
    let name = (namespaces(), select(&["a", "b"][..]), uid);
    (name, labels(), ports, addresses, odd)
        .prop_map(|((namespace, name, uid), labels, ports, addresses, (is_on_host, has_ended))| {
            let addresses: Vec<Value> = addresses.iter().map(|ip| json!({"ip": ip})).collect();
            json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"namespace": namespace, "name": name, "uid": uid, "labels": labels},
                "spec": {"hostNetwork": is_on_host, "containers": [{"ports": ports}]},
                "status": {"phase": if has_ended { "Succeeded" } else { "Running" }, "podIPs": addresses},
            })
        })
        .boxed()
}

/// A network by kind and name, and sometimes one of a kind that nobody knows.
pub fn network() -> BoxedStrategy<(&'static str, &'static str)> {
    let kinds = prop_oneof![
        6 => Just("ClusterNetwork"),
        3 => Just("TenantNetwork"),
        3 => Just("DanmNet"),
        2 => Just(""),
        1 => Just("Mystery"),
    ];
    (kinds, prop_oneof![3 => Just("lan1"), 1 => Just("lan2")]).boxed()
}

fn endpoint() -> BoxedStrategy<Value> {
    let interface = prop_oneof![12 => select(&INTERFACES[..]), 1 => Just("eth*"), 1 => Just("")];
    let address = prop_oneof![6 => select(&ADDRESSES[..]), 1 => Just("none"), 1 => Just("")];
    let address_v6 = prop_oneof![3 => select(&ADDRESSES_V6[..]), 3 => Just("")];
    let uid = prop_oneof![5 => Just("1"), 2 => Just("2"), 3 => Just("")];
    let name = (select(&GROUPS[..]), namespaces(), 0..9_u8);
    (name, select(&["a", "b"][..]), uid, network(), interface, (address, address_v6))
        .prop_map(|((group, namespace, number), pod, uid, (kind, network), interface, (v4, v6))| {
            json!({
                "apiVersion": group, "kind": "DanmEp",
                "metadata": {"namespace": namespace, "name": format!("e{number}")},
                "spec": {
                    "NetworkName": network, "apiType": kind, "Pod": pod, "PodUID": uid,
                    "Interface": {"Name": interface, "Address": v4, "AddressIPv6": v6},
                },
            })
        })
        .boxed()
}

fn service() -> BoxedStrategy<Value> {
    let addresses = subsequence(CLUSTER_ADDRESSES.to_vec(), 0..=2);
    // The API server takes a name, and a number of a protocol, once.
    let ports = subsequence(vec![("web", "TCP", 80), ("alt", "TCP", 81), ("dns", "UDP", 80)], 1..=3);
    (namespaces(), select(&["s", "t"][..]), addresses, ports)
        .prop_map(|(namespace, name, addresses, ports)| {
            let ports: Vec<Value> = ports
                .iter()
                .map(|(name, protocol, number)| json!({"name": name, "protocol": protocol, "port": number}))
                .collect();
            json!({
                "apiVersion": "v1", "kind": "Service", "metadata": {"namespace": namespace, "name": name},
                "spec": {"clusterIPs": addresses, "ports": ports},
            })
        })
        .boxed()
}

fn slice() -> BoxedStrategy<Value> {
    let all: Vec<&str> = ADDRESSES.into_iter().chain(ADDRESSES_V6).collect();
    let endpoint = (select(all), weighted(0.5, proptest::bool::weighted(0.7)));
    let name = (select(&["1", "2"][..]), select(&["s", "s", "t"][..]));
    let ports = (select(&[80, 81][..]), select(&["TCP", "TCP", "UDP"][..]));
    (namespaces(), name, vec(endpoint, 0..3), ports)
        .prop_map(|(namespace, (name, service), endpoints, (number, protocol))| {
            let endpoints: Vec<Value> = endpoints
                .iter()
                .map(|(address, ready)| json!({"addresses": [address], "conditions": {"ready": ready}}))
                .collect();
            json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {
                    "namespace": namespace, "name": name, "labels": {"kubernetes.io/service-name": service},
                },
                "endpoints": endpoints,
                "ports": [
                    {"name": "web", "protocol": protocol, "port": number},
                    {"name": "alt", "protocol": "TCP", "port": 161 - number},
                    {"name": "dns", "protocol": "UDP", "port": 80},
                ],
            })
        })
        .boxed()
}
