//! Packets made by hand, for what sockets do not send.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{lab::PATIENCE, namespace::Namespace};

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const SCTP: u8 = 132;

/// A socket for packets of a protocol, whose header of IP the kernel makes.
pub fn socket(namespace: &Namespace, address: IpAddr, protocol: u8) -> Socket {
    let address = SocketAddr::new(address, 0);
    let opened = namespace.within(|| -> io::Result<Socket> {
        let socket =
            Socket::new(Domain::for_address(address), Type::RAW, Some(Protocol::from(i32::from(protocol))))?;
        socket.bind(&address.into())?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(socket)
    });
    opened.expect("root may")
}

/// A socket for packets whose header of IP is ours.
pub fn socket_with_header(namespace: &Namespace, is_v4: bool) -> Socket {
    let domain = if is_v4 { Domain::IPV4 } else { Domain::IPV6 };
    // This protocol means so.
    namespace.within(|| Socket::new(domain, Type::RAW, Some(Protocol::from(255)))).expect("root may")
}

/// The sum that ends what was summed up before.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let bytes = parts.concat();
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let [_, _, high, low] = (!sum).to_be_bytes();
    [high, low]
}

pub fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().into(),
        IpAddr::V6(address) => address.octets().into(),
    }
}

/// The first segment of a TCP connection.
pub fn syn(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
    let rest = [0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0];
    let mut segment = [&ports[..], &rest].concat();
    let length = u32::try_from(segment.len()).expect("it is short").to_be_bytes();
    let ends = [octets(from.ip()), octets(to.ip())].concat();
    let sum = checksum(&[&ends, &length, &[0, 0, 0, TCP], &segment]);
    segment[16..18].copy_from_slice(&sum);
    segment
}

/// A header of IP, with what comes between it and what it carries: options of IPv4, or extension headers of IPv6.
pub fn ip(from: IpAddr, to: IpAddr, protocol: u8, between: &[u8], carried: &[u8]) -> Vec<u8> {
    let ends = [octets(from), octets(to)].concat();
    let carried_length = u16::try_from(between.len() + carried.len()).expect("it is short");
    let head: Vec<u8> = if from.is_ipv4() {
        let words = u8::try_from(5 + between.len() / 4).expect("they are short");
        let [high, low] = (carried_length + 20).to_be_bytes();
        // The kernel sums it up.
        vec![0x40 | words, 0, high, low, 0, 1, 0, 0, 64, protocol, 0, 0]
    } else {
        let [high, low] = carried_length.to_be_bytes();
        let next = if between.is_empty() { protocol } else { 60 };
        vec![0x60, 0, 0, 0, high, low, next, 64]
    };
    [&head, &ends, between, carried].concat()
}

/// An error of ICMP that says that this packet was too big for a link that takes so many bytes.
pub fn too_big(packet: &[u8], is_v4: bool, takes: u16) -> Vec<u8> {
    let [high, low] = takes.to_be_bytes();
    if is_v4 {
        let mut error = [&[3, 4, 0, 0, 0, 0, high, low], packet].concat();
        let sum = checksum(&[&error]);
        error[2..4].copy_from_slice(&sum);
        error
    } else {
        // The kernel sums up those of IPv6.
        [&[2, 0, 0, 0, 0, 0, high, low], packet].concat()
    }
}

/// The first chunk of an SCTP connection, or, of the other end, its answer.
pub fn sctp(from: u16, to: u16, is_answer: bool) -> Vec<u8> {
    let ports = [from.to_be_bytes(), to.to_be_bytes()].concat();
    let (tag, kind) = if is_answer { ([0, 0, 0, 7], 2) } else { ([0; 4], 1) };
    let chunk = [kind, 0, 0, 20, 0, 0, 0, 7, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1];
    let mut packet = [&ports[..], &tag, &[0; 4], &chunk].concat();
    let sum = crc32c(&packet).to_le_bytes();
    packet[8..12].copy_from_slice(&sum);
    packet
}

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg());
    !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}
