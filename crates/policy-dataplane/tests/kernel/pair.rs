//! Two network namespaces, a Pod and somebody it talks to, with a cable between them.

use std::{
    fs::File,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::AsFd,
};

use policy_dataplane::{Socket, TcpConnection};

use crate::namespace::Namespace;

/// The addresses of the Pod and of its peer, by family.
pub const V4: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(10, 9, 0, 1)), IpAddr::V4(Ipv4Addr::new(10, 9, 0, 2))];
pub const V6: [IpAddr; 2] = [
    IpAddr::V6(Ipv6Addr::new(0xfd09, 0, 0, 0, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0xfd09, 0, 0, 0, 0, 0, 0, 2)),
];

/// A Pod and its peer.
pub struct Pair {
    pub pod: Namespace,
    pub peer: Namespace,
}

// === impl Pair ===

impl Pair {
    /// None where no namespaces can be had.
    pub fn new() -> Option<Self> {
        let pair = Self { pod: Namespace::new()?, peer: Namespace::new()? };
        let peer = pair.peer.process().to_string();
        let cable = ["link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", &peer];
        pair.pod.run("ip", &cable, "");
        for (place, namespace) in [&pair.pod, &pair.peer].into_iter().enumerate() {
            for device in ["lo", "eth0"] {
                namespace.run("ip", &["link", "set", device, "up"], "");
            }
            namespace.run("ip", &["addr", "add", &format!("{}/24", V4[place]), "dev", "eth0"], "");
            namespace.run("ip", &["addr", "add", &format!("{}/64", V6[place]), "dev", "eth0", "nodad"], "");
        }
        Some(pair)
    }

    /// A socket to the netfilter of the Pod.
    pub fn socket(&self) -> Socket {
        let place = File::open(self.pod.path()).expect("a namespace");
        Socket::open_at(place.as_fd()).expect("a socket")
    }

    /// The TCP connections of the Pod.
    pub fn connections(&self) -> Vec<TcpConnection> {
        let place = File::open(self.pod.path()).expect("a namespace");
        TcpConnection::all_in(place.as_fd()).expect("they are listed")
    }

    /// Gives the Pod rules.
    pub fn rules(&self, rules: &str) {
        self.pod.run("nft", &["--file", "-"], rules);
    }
}
