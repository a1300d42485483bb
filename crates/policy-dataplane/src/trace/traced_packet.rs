//! A packet of a connection that is tried: the first one, or the first reply. Each byte is known, or not: from which port the connection
//! comes, how far a packet has come and what is in it no probe says.

use std::net::IpAddr;

use danm_api::Protocol;
use policy_engine::{Direction, Packet, Traffic};

use crate::expression::{octets, protocol_number};

/// A byte, if it is known.
pub(super) type Byte = Option<u8>;

/// The first packet of a connection, or the first reply.
#[derive(Clone)]
pub(super) struct TracedPacket {
    /// Which way the connection was opened, seen from the Pod.
    pub(super) direction: Direction,
    pub(super) is_reply: bool,
    /// The name of the interface by which it comes or goes.
    pub(super) interface: String,
    /// Who opens the connection.
    pub(super) opener: IpAddr,
    /// Who is spoken to.
    pub(super) opened: IpAddr,
    /// The number of its protocol in IP.
    pub(super) protocol: u8,
    /// To which port the connection is, if it has ports.
    pub(super) port: Option<u16>,
    /// The labels that the connection has by now.
    pub(super) labels: [u8; LABEL_BYTES],
}

/// So many bytes of labels a connection has.
pub(super) const LABEL_BYTES: usize = 16;

const SYN: u8 = 2;
const ACK: u8 = 16;
/// A question and its answer, of ICMP for IPv4 and IPv6.
const ECHO: [u8; 2] = [8, 0];
const ECHO_V6: [u8; 2] = [128, 129];
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

// === impl TracedPacket ===

impl TracedPacket {
    /// The first packet of a connection at a Pod whose address this is.
    pub(super) fn first(packet: &Packet, own: IpAddr) -> Self {
        let (opener, opened) = match packet.direction {
            Direction::Ingress => (packet.remote, own),
            Direction::Egress => (own, packet.remote),
        };
        let (protocol, port) = match packet.traffic {
            Traffic::Ports { protocol, destination, .. } => (protocol_number(protocol), Some(destination)),
            Traffic::Portless => (if own.is_ipv4() { ICMP } else { ICMPV6 }, None),
        };
        Self {
            direction: packet.direction,
            is_reply: false,
            interface: packet.interface.as_str().to_owned(),
            opener,
            opened,
            protocol,
            port,
            labels: [0; LABEL_BYTES],
        }
    }

    /// The reply to it, by the same interface.
    pub(super) fn reply(self) -> Self {
        Self { is_reply: true, ..self }
    }

    /// Whether it comes to the Pod.
    pub(super) fn comes_in(&self) -> bool {
        (self.direction == Direction::Ingress) != self.is_reply
    }

    pub(super) const fn is_v4(&self) -> bool {
        self.opener.is_ipv4()
    }

    /// Its header of IP.
    pub(super) fn network(&self) -> Vec<Byte> {
        let (length, protocol, addresses) = if self.is_v4() { (20, 9, [12, 16]) } else { (40, 6, [8, 24]) };
        let ends = if self.is_reply { [self.opened, self.opener] } else { [self.opener, self.opened] };
        let mut header = vec![None; length];
        put(&mut header, protocol, &[self.protocol]);
        for (place, address) in addresses.into_iter().zip(ends) {
            put(&mut header, place, &octets(address));
        }
        header
    }

    /// The header that follows.
    pub(super) fn transport(&self) -> Vec<Byte> {
        let is = |protocol| self.protocol == protocol_number(protocol);
        let length = if is(Protocol::Tcp) {
            20
        } else if is(Protocol::Sctp) {
            12
        } else {
            8
        };
        let mut header = vec![None; length];
        let echo = if self.protocol == ICMP { ECHO } else { ECHO_V6 };
        let echo = echo[usize::from(self.is_reply)];
        match self.port {
            Some(port) => put(&mut header, if self.is_reply { 0 } else { 2 }, &port.to_be_bytes()),
            None => put(&mut header, 0, &[echo, 0]),
        }
        if is(Protocol::Tcp) {
            put(&mut header, 13, &[if self.is_reply { SYN | ACK } else { SYN }]);
        }
        header
    }
}

fn put(header: &mut [Byte], place: usize, bytes: &[u8]) {
    for (kept, byte) in header.iter_mut().skip(place).zip(bytes) {
        *kept = Some(*byte);
    }
}
