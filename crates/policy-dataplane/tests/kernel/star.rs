//! A Pod with two interfaces, each with a cable to a namespace of those it talks to: a friend and a stranger, by their addresses.
//! Rules are made of policies by the engine, and put there as an agent does it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Instant,
};

use policy_dataplane::{Memory, Outcome};
use policy_engine::{NamespacedName, Object, Ruleset, World, compile};
use serde_json::{Value, json};

use crate::{enforcement::Enforcement, lab::PATIENCE, namespace::Namespace};

/// The Pod's interfaces.
pub const DEVICES: [&str; 2] = ["eth0", "net1"];

/// Who has an address on each cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Pod = 1,
    Friend = 2,
    Stranger = 3,
}

/// What interfaces are.
#[derive(Clone, Copy, Debug)]
pub enum Cable {
    /// Ends of a cable.
    Veth,
    /// Each a part of one of the node's.
    Macvlan,
}

/// A Pod and those it talks to.
pub struct Star {
    /// Where the interfaces are of which those of the Pod may be a part.
    node: Namespace,
    pub pod: Namespace,
    /// Who is at the other end of each cable.
    pub peers: [Namespace; 2],
    pub enforcement: Enforcement,
}

// === impl Who ===

impl Who {
    /// Its address on the cable of a device of the Pod.
    pub fn address(self, device: usize, is_v4: bool) -> IpAddr {
        let place = u8::try_from(device).expect("one of two");
        if is_v4 {
            Ipv4Addr::new(10, 9, place, self as u8).into()
        } else {
            Ipv6Addr::new(0xfd09, place.into(), 0, 0, 0, 0, 0, self as u16).into()
        }
    }
}

// === impl Star ===

impl Star {
    /// None where no namespaces can be had.
    pub fn new() -> Option<Self> {
        Self::with(Memory::Labels)
    }

    /// Where the kernel knows connections in this way.
    pub fn with(memory: Memory) -> Option<Self> {
        Self::of(Cable::Veth, memory)
    }

    /// With such interfaces.
    pub fn of(cable: Cable, memory: Memory) -> Option<Self> {
        let (node, pod) = (Namespace::new()?, Namespace::new()?);
        let peers = [Namespace::new()?, Namespace::new()?];
        let star = Self { node, pod, peers, enforcement: Enforcement::with(memory) };
        // Everybody who is rejected is to be told, not one a second.
        for file in ["net/ipv4/icmp_ratelimit", "net/ipv6/icmp/ratelimit"] {
            star.pod.set(file, "0");
        }
        for namespace in star.peers.iter().chain([&star.pod]) {
            // Nobody else has the addresses; to make sure would take a second.
            namespace.set("net/ipv6/conf/default/dad_transmits", "0");
            // Packets may come from where their sender is not.
            for file in ["net/ipv4/conf/all/rp_filter", "net/ipv4/conf/default/rp_filter"] {
                namespace.set(file, "0");
            }
        }
        star.pod.run("ip", &["link", "set", "lo", "up"], "");
        for (device, name) in DEVICES.into_iter().enumerate() {
            star.plug(device, name, cable);
        }
        Some(star)
    }

    fn plug(&self, device: usize, name: &str, cable: Cable) {
        let peer = &self.peers[device];
        match cable {
            Cable::Veth => self.lay(name, peer, "eth0"),
            Cable::Macvlan => {
                let other = format!("{name}-end");
                self.node.run("ip", &["link", "add", name, "type", "veth", "peer", &other], "");
                for (namespace, part) in [(&self.pod, name), (peer, "eth0")] {
                    let process = namespace.process().to_string();
                    let add =
                        ["link", "add", "link", name, "name", "part", "type", "macvlan", "mode", "bridge"];
                    self.node.run("ip", &add, "");
                    self.node.run("ip", &["link", "set", "part", "netns", &process, "name", part], "");
                }
                for end in [name, &other] {
                    self.node.run("ip", &["link", "set", end, "up"], "");
                }
            }
        }
        peer.run("ip", &["link", "set", "lo", "up"], "");
        self.pod.run("ip", &["link", "set", name, "up"], "");
        peer.run("ip", &["link", "set", "eth0", "up"], "");
        give(&self.pod, name, Who::Pod, device);
        give(peer, "eth0", Who::Friend, device);
        give(peer, "eth0", Who::Stranger, device);
    }

    /// A cable between the Pod and somebody.
    pub fn lay(&self, name: &str, peer: &Namespace, end: &str) {
        let process = peer.process().to_string();
        self.pod.run("ip", &["link", "add", name, "type", "veth", "peer", end, "netns", &process], "");
    }

    /// How many packets the Pod's rules have denied that came by an interface.
    pub fn denied(&self, device: usize) -> u64 {
        let chain = format!("ingress_{}", DEVICES[device]);
        let text = self.pod.run("nft", &["list", "chain", "inet", "danm_policer", &chain], "");
        let line = text.lines().find(|line| line.contains("\"denied\"")).expect("it is counted");
        let mut words = line.split_whitespace().skip_while(|word| *word != "packets");
        words.nth(1).and_then(|word| word.parse().ok()).expect("a number")
    }

    /// Waits until so many packets were denied that came by an interface.
    pub fn has_denied(&self, device: usize, count: u64) {
        let begun = Instant::now();
        while self.denied(device) < count {
            assert!(begun.elapsed() < PATIENCE, "{} of {count} denied", self.denied(device));
        }
    }

    /// Has these policies, and no others, be what the Pod's rules say.
    pub fn enforce(&mut self, policies: &[Value]) -> Outcome {
        self.enforcement.put(&self.pod.path(), &ruleset(policies))
    }
}

/// What these policies, and no others, make of the Pod's rules.
pub fn ruleset(policies: &[Value]) -> Ruleset {
    let mut world = world();
    for (number, spec) in policies.iter().enumerate() {
        world.apply(object(&policy(number, spec)));
    }
    compile(&world, &NamespacedName::new("x", "pod")).expect("it can be isolated")
}

/// The addresses of somebody on an interface.
fn give(namespace: &Namespace, interface: &str, who: Who, device: usize) {
    let v4 = format!("{}/24", who.address(device, true));
    let v6 = format!("{}/64", who.address(device, false));
    namespace.run("ip", &["addr", "add", &v4, "dev", interface], "");
    // Nobody speaks as the stranger who does not say so.
    let preferred = if who == Who::Stranger { "0" } else { "forever" };
    let add = ["addr", "add", &v6, "dev", interface, "nodad", "preferred_lft", preferred];
    namespace.run("ip", &add, "");
}

fn policy(number: usize, spec: &Value) -> Value {
    let mut spec = spec.clone();
    spec["podSelector"] = json!({"matchLabels": {"is": "Pod"}});
    json!({
        "apiVersion": "danm.k8s.io/v1", "kind": "DanmNetworkPolicy",
        "metadata": {"namespace": "x", "name": format!("p{number}")}, "spec": spec,
    })
}

fn object(value: &Value) -> Object {
    Object::read(value).expect("an object").expect("policies are about it")
}

/// The Pod, its friend and a stranger, each with two endpoints: `eth0` is on a `DanmNet`, `net1` on a `ClusterNetwork`.
fn world() -> World {
    let mut world = World::default();
    let networks = [("DanmNet", "default"), ("ClusterNetwork", "lan1")];
    for (kind, name) in networks {
        let namespace = if kind == "DanmNet" { json!("x") } else { Value::Null };
        world.apply(object(&json!({
            "apiVersion": "danm.k8s.io/v1", "kind": kind, "metadata": {"namespace": namespace, "name": name},
            "spec": {"NetworkID": name},
        })));
    }
    world.apply(object(&json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x", "labels": {}},
    })));
    for who in [Who::Pod, Who::Friend, Who::Stranger] {
        let name = format!("{who:?}").to_lowercase();
        world.apply(object(&json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": "x", "name": name, "uid": name, "labels": {"is": format!("{who:?}")}},
            "spec": {"containers": []},
        })));
        for (device, (kind, network)) in networks.into_iter().enumerate() {
            let (v4, v6) = (who.address(device, true), who.address(device, false));
            world.apply(object(&json!({
                "apiVersion": "danm.k8s.io/v1", "kind": "DanmEp",
                "metadata": {"namespace": "x", "name": format!("{name}-{device}")},
                "spec": {
                    "NetworkName": network, "apiType": kind, "Pod": name, "PodUID": name,
                    "Interface": {
                        "Name": DEVICES[device], "Address": format!("{v4}/24"), "AddressIPv6": format!("{v6}/64"),
                    },
                },
            })));
        }
    }
    world
}

/// What a policy says that has the friend speak and be spoken to on these ports, by TCP and UDP.
pub fn friend_on(ports: &[u16]) -> Value {
    let of_port = |port: &u16| ["TCP", "UDP"].map(|protocol| json!({"port": port, "protocol": protocol}));
    let ports: Vec<Value> = ports.iter().flat_map(of_port).collect();
    let friend = json!([{"podSelector": {"matchLabels": {"is": "Friend"}}}]);
    json!({
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": friend, "ports": ports}],
        "egress": [{"to": friend, "ports": ports}],
    })
}

/// What a policy says that lets nothing in and nothing out.
pub fn nothing() -> Value {
    json!({"policyTypes": ["Ingress", "Egress"]})
}
