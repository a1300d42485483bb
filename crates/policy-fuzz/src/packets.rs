//! All packets of a small alphabet at a Pod: every interface, every address that means something or nothing, and enough
//! protocols and ports to tell ranges, names and directions apart.

use std::net::IpAddr;

use danm_api::Protocol;
use policy_engine::{Direction, InterfaceName, Packet, Traffic};

use crate::objects::{ADDRESSES, ADDRESSES_V6, CLUSTER_ADDRESSES};

/// An address that nobody holds, of each family.
const STRANGERS: [&str; 2] = ["192.0.2.7", "fd00:1::9"];

/// Interfaces, one of which no endpoint names.
const INTERFACES: [&str; 4] = ["eth0", "net1", "net2", "net9"];

/// To and from ports that are never the same, so that whoever takes one for the other is caught.
const TRAFFIC: [Traffic; 8] = [
    ports(Protocol::Tcp, 81, 80),
    ports(Protocol::Tcp, 80, 81),
    ports(Protocol::Tcp, 80, 442),
    ports(Protocol::Tcp, 80, 443),
    ports(Protocol::Udp, 81, 80),
    ports(Protocol::Sctp, 80, 81),
    ports(Protocol::Sctp, 81, 82),
    Traffic::Portless,
];

const fn ports(protocol: Protocol, source: u16, destination: u16) -> Traffic {
    Traffic::Ports { protocol, source, destination }
}

/// Whether a packet is the first to or from its address by its interface.
pub fn is_first(packet: &Packet) -> bool {
    packet.traffic == TRAFFIC[0]
}

/// The packets.
pub fn packets() -> Vec<Packet> {
    let texts = [&ADDRESSES[..], &ADDRESSES_V6[..], &CLUSTER_ADDRESSES[..], &STRANGERS[..]].concat();
    let remotes: Vec<IpAddr> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    let interfaces: Vec<InterfaceName> = INTERFACES.into_iter().filter_map(InterfaceName::new).collect();
    let mut packets = Vec::new();
    for direction in Direction::ALL {
        for interface in &interfaces {
            for remote in &remotes {
                packets.extend(TRAFFIC.map(|traffic| Packet {
                    direction,
                    interface: interface.clone(),
                    remote: *remote,
                    traffic,
                }));
            }
        }
    }
    packets
}
