//! The Pods of the Policer's part: who they are, as objects of the API, and as network namespaces on one node with an agent's
//! view of it. What connections between them come to is measured in `connections.rs`.

use std::{
    fmt::{self, Display, Formatter},
    fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::Context;
use danm_api::{ApiGroup, NetworkKind, VERSION};
use serde_json::{Value, json};

use super::{netns::Netns, stage::addresses};

/// The node that all of them are on.
pub(super) const NODE: &str = "worker";

/// The port on which each of them listens.
pub(super) const PORT: u16 = 5432;

/// A network, by which interface Pods are on it, and the first octets of its addresses.
pub(super) struct Lan {
    pub kind: NetworkKind,
    /// Empty for networks of the cluster.
    pub namespace: &'static str,
    pub name: &'static str,
    pub interface: &'static str,
    octets: [u8; 3],
}

/// Who somebody is, and on how many of the networks.
pub(super) struct Inhabitant {
    pub namespace: &'static str,
    pub name: &'static str,
    interfaces: usize,
}

/// The networks. Their addresses are those that RFC 5737 keeps for examples: the machine has none of them, and what a node may
/// do is no matter here.
pub(super) const LANS: [Lan; 2] = [
    Lan {
        kind: NetworkKind::ClusterNetwork,
        namespace: "",
        name: "backbone",
        interface: "eth0",
        octets: [192, 0, 2],
    },
    Lan {
        kind: NetworkKind::DanmNet,
        namespace: "shop",
        name: "storage",
        interface: "net1",
        octets: [198, 51, 100],
    },
];

/// The Pods.
pub(super) const PODS: [Inhabitant; 4] = [
    Inhabitant { namespace: "shop", name: "db", interfaces: 2 },
    Inhabitant { namespace: "shop", name: "web", interfaces: 2 },
    Inhabitant { namespace: "shop", name: "batch", interfaces: 2 },
    Inhabitant { namespace: "lab", name: "guest", interfaces: 1 },
];

/// An interface of a Pod: the number of the Pod, and of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub pod: usize,
    pub lan: usize,
}

/// The Pods as they run.
pub(super) struct Town {
    folder: PathBuf,
    /// What the bridges are in: the node's own network, as far as the agent is told.
    _switch: Netns,
    pods: Vec<Netns>,
    listeners: Vec<TcpListener>,
}

// === impl Place ===

impl Place {
    /// All that there are.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let of_pod = |(pod, one): (usize, &Inhabitant)| (0..one.interfaces).map(move |lan| Self { pod, lan });
        PODS.iter().enumerate().flat_map(of_pod)
    }

    pub(super) fn address(self) -> Ipv4Addr {
        let [a, b, c] = LANS[self.lan].octets;
        Ipv4Addr::new(a, b, c, self.host())
    }

    #[expect(clippy::cast_possible_truncation, reason = "the Pods are few")]
    const fn host(self) -> u8 {
        10 + self.pod as u8
    }
}

/// As `danm-policer explain` takes it.
impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Inhabitant { namespace, name, .. } = PODS[self.pod];
        write!(f, "{namespace}/{name}@{}", LANS[self.lan].interface)
    }
}

// === impl Town ===

impl Town {
    /// Has the Pods run. What the agent is to see of the node is in this folder.
    pub(super) fn build(folder: &Path) -> anyhow::Result<Self> {
        let switch = Netns::new()?;
        let bridges = LANS.map(|lan| format!("link add {0} type bridge\nlink set {0} up\n", lan.name));
        switch.ip(&bridges.concat())?;
        let folder = folder.join("node");
        fs::create_dir_all(folder.join("netns")).context("cannot make a folder")?;
        register(&folder, 1, &switch, "0::/init.scope\n")?;
        let (mut pods, mut listeners) = (Vec::new(), Vec::new());
        for (pod, inhabitant) in PODS.iter().enumerate() {
            let namespace = Netns::new()?;
            for place in Place::all().filter(|place| place.pod == pod) {
                plug(&switch, &namespace, place)?;
            }
            let listener = namespace.within(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)))?;
            listeners.push(listener.with_context(|| format!("cannot listen in {}", inhabitant.name))?);
            register(&folder, namespace.process(), &namespace, &cgroup(pod))?;
            pods.push(namespace);
        }
        Ok(Self { folder, _switch: switch, pods, listeners })
    }

    /// Where things are on the node, as arguments of `danm-policer`.
    pub(super) fn place(&self) -> [String; 3] {
        let folder = self.folder.display();
        [
            format!("--proc={folder}/proc"),
            format!("--netns-root={folder}/netns"),
            format!("--state-dir={folder}/state"),
        ]
    }

    pub(super) fn namespace(&self, place: Place) -> &Netns {
        &self.pods[place.pod]
    }

    pub(super) fn listener(&self, place: Place) -> &TcpListener {
        &self.listeners[place.pod]
    }
}

/// Their objects. Those of the networks and endpoints are sound in the Cleaner's eyes, too.
pub(super) fn objects() -> Vec<Value> {
    let node = json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    });
    let namespaces = ["shop", "lab"]
        .map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    let networks = (0..LANS.len()).map(network);
    let pods = (0..PODS.len()).map(pod);
    [node]
        .into_iter()
        .chain(namespaces)
        .chain(networks)
        .chain(pods)
        .chain(Place::all().map(endpoint))
        .collect()
}

fn network(index: usize) -> Value {
    let Lan { kind, namespace, name, octets: [a, b, c], .. } = LANS[index];
    let hosts = Place::all().filter(|place| place.lan == index).map(|place| u32::from(place.host()));
    let mut network = json!({
        "apiVersion": format!("{}/{VERSION}", ApiGroup::DanmIo), "kind": kind.name(), "metadata": {"name": name},
        "spec": {
            "NetworkID": name, "NetworkType": "bridge",
            "Options": {"cidr": format!("{a}.{b}.{c}.0/24"), "alloc": addresses(hosts).encode()},
        },
    });
    if kind.is_namespaced() {
        network["metadata"]["namespace"] = json!(namespace);
    }
    network
}

fn pod(index: usize) -> Value {
    let Inhabitant { namespace, name, .. } = PODS[index];
    let first = Place { pod: index, lan: 0 }.address().to_string();
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "uid": uid(index), "labels": {"app": name}},
        "spec": {"nodeName": NODE, "containers": [{"name": "app", "image": "app"}]},
        "status": {"phase": "Running", "podIP": first, "podIPs": [{"ip": first}]},
    })
}

fn endpoint(place: Place) -> Value {
    let (Inhabitant { namespace, name, .. }, lan) = (&PODS[place.pod], &LANS[place.lan]);
    let endpoint = format!("{name}-{}", lan.interface);
    json!({
        "apiVersion": format!("{}/{VERSION}", ApiGroup::DanmIo), "kind": "DanmEp",
        "metadata": {"namespace": namespace, "name": endpoint},
        "spec": {
            "NetworkName": lan.name, "NetworkType": "bridge", "apiType": lan.kind.name(),
            "EndpointID": endpoint, "Host": NODE, "Pod": name, "PodUID": uid(place.pod),
            "Interface": {"Name": lan.interface, "Address": format!("{}/24", place.address())},
        },
    })
}

fn uid(pod: usize) -> String {
    format!("00000000-0000-4000-9000-{pod:012}")
}

/// A cable from a Pod to a bridge.
fn plug(switch: &Netns, pod: &Netns, place: Place) -> anyhow::Result<()> {
    let Lan { name, interface, .. } = LANS[place.lan];
    let cable = format!("{name}{}", place.pod);
    switch.ip(&format!(
        "link add {cable} type veth peer name {interface} netns {}\nlink set {cable} master {name} up\n",
        pod.process()
    ))?;
    pod.ip(&format!(
        "link set lo up\naddr add {}/24 dev {interface}\nlink set {interface} up\n",
        place.address()
    ))
}

/// Shows the agent a process that is in a namespace.
fn register(folder: &Path, process: u32, namespace: &Netns, cgroup: &str) -> anyhow::Result<()> {
    let process = folder.join("proc").join(process.to_string());
    let shown = fs::create_dir_all(process.join("ns"))
        .and_then(|()| symlink(namespace.path(), process.join("ns/net")))
        .and_then(|()| fs::write(process.join("cgroup"), cgroup));
    shown.with_context(|| format!("cannot write {}", process.display()))
}

/// As a kubelet has it.
fn cgroup(pod: usize) -> String {
    let uid = uid(pod).replace('-', "_");
    format!(
        "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{uid}.slice/cri-containerd-app.scope\n"
    )
}
