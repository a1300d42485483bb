//! Rules as `nf_tables` runs them: expressions that load a part of a packet into a register, compare it, look it up, or decide.
//! Numbers and layouts are those of Linux' `uapi/linux/netfilter/nf_tables.h`.

use std::net::IpAddr;

use danm_api::Protocol;
use policy_engine::{
    Direction, InterfaceName,
    program::{Action, DeniedSet, Family, Match, Side},
};

use crate::{attributes::Attributes, set::AnonymousSet};

const ELEMENT: u16 = 1;
const NAME: u16 = 1;
const DATA: u16 = 2;

/// The register of a verdict.
const VERDICT_REGISTER: u32 = 0;
/// The first register, of 16 bytes; registers of 4 bytes are counted from `NARROW` and lie over them.
const FIRST: u32 = 1;
const NARROW: u32 = 8;

/// What `meta` loads.
#[derive(Clone, Copy)]
enum Meta {
    InputIndex = 4,
    OutputIndex = 5,
    InputName = 6,
    OutputName = 7,
    Family = 15,
    Protocol = 16,
}

/// What `ct` loads, of a connection.
#[derive(Clone, Copy)]
enum Connection {
    State = 0,
    Direction = 1,
    SourcePort = 11,
    DestinationPort = 12,
    Labels = 13,
    SourceV4 = 19,
    DestinationV4 = 20,
    SourceV6 = 21,
    DestinationV6 = 22,
}

/// In which header `payload` looks.
#[derive(Clone, Copy)]
enum Header {
    Network = 1,
    Transport = 2,
}

/// To make an element of a set, or to have it last longer.
const UPDATE: u32 = 1;

/// Verdicts, as the kernel counts them.
const DROP: u32 = 0;
const ACCEPT: u32 = 1;
const JUMP: u32 = u32::MAX - 2;
const GOTO: u32 = u32::MAX - 3;
const RETURN: u32 = u32::MAX - 4;

/// An interface's name takes so many bytes in a key.
const NAME_BYTES: usize = 16;

/// The loopback has this index in every network namespace.
const LOOPBACK: u32 = 1;

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Flags of TCP.
const FIN: u8 = 1;
const SYN: u8 = 2;
const RESET: u8 = 4;
const ACK: u8 = 16;

/// States of a connection.
const INVALID: u32 = 1;
const ESTABLISHED: u32 = 2;
const RELATED: u32 = 4;
const NEW: u32 = 8;

/// Addresses of IPv6 that mean something on one link alone, `fe80::/10`; and that of all who give addresses there, `ff02::1:2`.
const LINK_LOCAL: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const LINK_LOCAL_MASK: [u8; 16] = [0xff, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const DHCP_SERVERS: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2];

/// Ways of a packet in its connection.
const ORIGINAL: u8 = 0;
const REPLY: u8 = 1;

/// The expressions of a rule, and the sets without a name that they look into.
#[derive(Default)]
pub struct Expressions {
    pub list: Attributes,
    pub sets: Vec<AnonymousSet>,
    /// The number of the next such set in its batch.
    pub next_set: u32,
}

// === impl Expressions ===

impl Expressions {
    /// What packets have to be like.
    pub fn matched(&mut self, matched: &Match, direction: Direction) {
        match matched {
            Match::Loopback(side) => {
                self.meta(index_of(*side), FIRST);
                self.compare(FIRST, &LOOPBACK.to_ne_bytes());
            }
            // Redirects and solicitations come from the link: what has passed a router has a smaller hop limit.
            Match::NeighbourDiscovery => self.icmpv6(&[133, 134, 135, 136, 137], 255),
            Match::MulticastListeners => self.icmpv6(&[130, 131, 132, 143], 1),
            Match::Labelled(label) => {
                self.connection(Connection::Labels, None);
                self.any_of(&label_bits(*label));
            }
            Match::Established => self.state(ESTABLISHED),
            Match::Errors => {
                self.state(RELATED);
                self.meta(Meta::Protocol, FIRST);
                self.look_up_new(AnonymousSet::protocols(&[ICMP, ICMPV6]));
            }
            Match::Resets => {
                self.state(RELATED);
                self.tcp_flags(RESET);
                self.compare(FIRST, &[RESET]);
            }
            Match::Invalid => self.state(INVALID),
            Match::Unopened => {
                self.state(NEW);
                self.tcp_flags(FIN | SYN | RESET | ACK);
                self.differ(&[SYN]);
            }
            Match::Reply => self.way(REPLY),
            Match::At(side, name) => {
                self.meta(name_of(*side), FIRST);
                self.compare(FIRST, &name_key(name));
            }
            Match::Own(address) => {
                self.connection(own_end(Family::of(*address), direction), Some(ORIGINAL));
                self.compare(FIRST, &octets(*address));
            }
            Match::Remote(family, set) => {
                self.connection(remote_end(*family, direction), Some(ORIGINAL));
                self.look_up(set, None);
            }
            Match::RemotePort(family, set) => self.address_and_port(*family, set, direction, ORIGINAL),
            Match::ReplyPort(family, set) => self.address_and_port(*family, set, direction, REPLY),
            Match::Icmp(Family::V4) => self.protocol(ICMP),
            Match::Icmp(Family::V6) => self.protocol(ICMPV6),
            Match::Protocol(protocol) => self.protocol(protocol_number(*protocol)),
            Match::Ports(protocol, ranges) => {
                self.protocol(protocol_number(*protocol));
                self.connection(Connection::DestinationPort, Some(ORIGINAL));
                match ranges.as_slice() {
                    [(first, last)] if first == last => self.compare(FIRST, &first.to_be_bytes()),
                    [(first, last)] => self.range(&first.to_be_bytes(), &last.to_be_bytes()),
                    several => self.look_up_new(AnonymousSet::ports(several)),
                }
            }
            Match::Dhcp(family) => self.dhcp(*family, direction),
        }
    }

    pub fn counter(&mut self) {
        self.expression("counter", |data| {
            data.u64(1, 0);
            data.u64(2, 0);
        });
    }

    /// What becomes of packets.
    pub fn action(&mut self, action: &Action) {
        match action {
            Action::Continue => {}
            Action::Note(set) => self.write_down(*set),
            Action::Accept => self.verdict(ACCEPT, None),
            Action::Drop => self.verdict(DROP, None),
            Action::Return => self.verdict(RETURN, None),
            Action::Jump(chain) => self.verdict(JUMP, Some(chain)),
            Action::Goto(chain) => self.verdict(GOTO, Some(chain)),
            Action::Label(label) => {
                self.immediate(&label_bits(*label));
                self.expression("ct", |data| {
                    data.u32(2, Connection::Labels as u32);
                    data.u32(4, FIRST);
                });
                self.verdict(ACCEPT, None);
            }
            Action::ResetTcp => self.expression("reject", |data| {
                data.u32(1, 1);
                data.u8(2, 0);
            }),
            Action::Prohibit => self.expression("reject", |data| {
                data.u32(1, 2);
                data.u8(2, 3);
            }),
        }
    }

    /// Updates the element of a packet's flow in a set. What the packet has not, such as a port, ends the rule before.
    fn write_down(&mut self, set: DeniedSet) {
        let side = if set.direction == Direction::Ingress { Side::In } else { Side::Out };
        let [source, destination] =
            [Direction::Ingress, Direction::Egress].map(|it| remote_end(set.family, it));
        let (first_end, words) = (NARROW + 4, address_words(set.family));
        self.meta(name_of(side), NARROW);
        self.connection_in(source, Some(ORIGINAL), first_end);
        self.connection_in(destination, Some(ORIGINAL), first_end + words);
        self.meta(Meta::Protocol, first_end + 2 * words);
        self.connection_in(Connection::DestinationPort, Some(ORIGINAL), first_end + 2 * words + 1);
        self.expression("dynset", |data| {
            data.text(1, &set.name());
            data.u32(3, UPDATE);
            data.u32(4, NARROW);
        });
    }

    fn icmpv6(&mut self, types: &[u8], hop_limit: u8) {
        self.meta(Meta::Family, FIRST);
        self.compare(FIRST, &[family_number(Family::V6)]);
        self.meta(Meta::Protocol, FIRST);
        self.compare(FIRST, &[ICMPV6]);
        self.payload(Header::Transport, 0, 1, FIRST);
        self.look_up_new(AnonymousSet::icmpv6_types(types));
        self.payload(Header::Network, 7, 1, FIRST);
        self.compare(FIRST, &[hop_limit]);
    }

    /// What `ct` knows of a connection; of its ends, as they were in a packet of this way.
    fn connection(&mut self, key: Connection, way: Option<u8>) {
        self.connection_in(key, way, FIRST);
    }

    fn connection_in(&mut self, key: Connection, way: Option<u8>, register: u32) {
        self.expression("ct", |data| {
            data.u32(1, register);
            data.u32(2, key as u32);
            if let Some(way) = way {
                data.u8(3, way);
            }
        });
    }

    /// One of the bits of a connection's state; they are in the host's order.
    fn state(&mut self, bit: u32) {
        self.connection(Connection::State, None);
        self.any_of(&bit.to_ne_bytes());
    }

    fn way(&mut self, way: u8) {
        self.connection(Connection::Direction, None);
        self.compare(FIRST, &[way]);
    }

    fn tcp_flags(&mut self, flags: u8) {
        self.protocol(TCP);
        self.payload(Header::Transport, 13, 1, FIRST);
        self.mask(&[flags]);
    }

    /// The other end and its port, of a packet of this way.
    fn address_and_port(&mut self, family: Family, set: &str, direction: Direction, way: u8) {
        self.way(way);
        self.meta(Meta::Family, FIRST);
        self.compare(FIRST, &[family_number(family)]);
        // Who is the source of a connection that comes in is the destination of replies to it.
        let is_source = (direction == Direction::Ingress) == (way == ORIGINAL);
        let offset = match (family, is_source) {
            (Family::V4, true) => 12,
            (Family::V4, false) => 16,
            (Family::V6, true) => 8,
            (Family::V6, false) => 24,
        };
        let words = address_words(family);
        self.payload(Header::Network, offset, 4 * words, FIRST);
        self.meta(Meta::Protocol, NARROW + words);
        self.payload(Header::Transport, if way == ORIGINAL { 2 } else { 0 }, 2, NARROW + words + 1);
        self.look_up(set, None);
    }

    fn dhcp(&mut self, family: Family, direction: Direction) {
        let (client, server) = family.dhcp_ports();
        let (from, to) = match direction {
            Direction::Ingress => (server, client),
            Direction::Egress => (client, server),
        };
        if family == Family::V4 {
            self.meta(Meta::Family, FIRST);
            self.compare(FIRST, &[family_number(family)]);
        }
        self.protocol(UDP);
        for (key, port) in [(Connection::SourcePort, from), (Connection::DestinationPort, to)] {
            self.connection(key, Some(ORIGINAL));
            self.compare(FIRST, &port.to_be_bytes());
        }
        match (family, direction) {
            (Family::V4, _) => {}
            (Family::V6, Direction::Ingress) => {
                self.connection(Connection::SourceV6, Some(ORIGINAL));
                self.mask(&LINK_LOCAL_MASK);
                self.compare(FIRST, &LINK_LOCAL);
            }
            (Family::V6, Direction::Egress) => {
                self.connection(Connection::DestinationV6, Some(ORIGINAL));
                self.compare(FIRST, &DHCP_SERVERS);
            }
        }
    }

    /// Whether any of some bits is set in the first register.
    fn any_of(&mut self, bits: &[u8]) {
        self.mask(bits);
        self.differ([0; 16].get(..bits.len()).unwrap_or_default());
    }

    fn differ(&mut self, value: &[u8]) {
        self.expression("cmp", |data| {
            data.u32(1, FIRST);
            data.u32(2, 1);
            data.nest(3, |unwanted| unwanted.raw(1, value));
        });
    }

    /// Leaves some bits of the first register, which has at most sixteen bytes.
    fn mask(&mut self, mask: &[u8]) {
        let length = u32::try_from(mask.len()).unwrap_or(u32::MAX);
        self.expression("bitwise", |data| {
            data.u32(1, FIRST);
            data.u32(2, FIRST);
            data.u32(3, length);
            data.nest(4, |value| value.raw(1, mask));
            data.nest(5, |xor| xor.raw(1, [0; 16].get(..mask.len()).unwrap_or_default()));
        });
    }

    fn protocol(&mut self, number: u8) {
        self.meta(Meta::Protocol, FIRST);
        self.compare(FIRST, &[number]);
    }

    fn meta(&mut self, key: Meta, register: u32) {
        self.expression("meta", |data| {
            data.u32(1, register);
            data.u32(2, key as u32);
        });
    }

    fn payload(&mut self, header: Header, offset: u32, length: u32, register: u32) {
        self.expression("payload", |data| {
            data.u32(1, register);
            data.u32(2, header as u32);
            data.u32(3, offset);
            data.u32(4, length);
        });
    }

    fn compare(&mut self, register: u32, value: &[u8]) {
        self.expression("cmp", |data| {
            data.u32(1, register);
            data.u32(2, 0);
            data.nest(3, |wanted| wanted.raw(1, value));
        });
    }

    fn range(&mut self, first: &[u8], last: &[u8]) {
        self.expression("range", |data| {
            data.u32(1, FIRST);
            data.u32(2, 0);
            data.nest(3, |from| from.raw(1, first));
            data.nest(4, |to| to.raw(1, last));
        });
    }

    fn look_up(&mut self, set: &str, id: Option<u32>) {
        self.expression("lookup", |data| {
            data.text(1, set);
            data.u32(2, FIRST);
            if let Some(id) = id {
                data.u32(4, id);
            }
        });
    }

    fn look_up_new(&mut self, set: AnonymousSet) {
        let id = self.note(set);
        self.look_up(AnonymousSet::NAME, Some(id));
    }

    fn note(&mut self, set: AnonymousSet) -> u32 {
        self.next_set += 1;
        self.sets.push(set.with_id(self.next_set));
        self.next_set
    }

    fn immediate(&mut self, value: &[u8]) {
        self.expression("immediate", |data| {
            data.u32(1, FIRST);
            data.nest(2, |data| data.raw(1, value));
        });
    }

    fn verdict(&mut self, code: u32, chain: Option<&str>) {
        self.expression("immediate", |data| {
            data.u32(1, VERDICT_REGISTER);
            data.nest(2, |value| write_verdict(value, code, chain));
        });
    }

    fn expression(&mut self, name: &str, write: impl FnOnce(&mut Attributes)) {
        self.list.nest(ELEMENT, |element| {
            element.text(NAME, name);
            element.nest(DATA, write);
        });
    }
}

fn write_verdict(value: &mut Attributes, code: u32, chain: Option<&str>) {
    value.nest(2, |verdict| {
        verdict.u32(1, code);
        if let Some(chain) = chain {
            verdict.text(2, chain);
        }
    });
}

const fn index_of(side: Side) -> Meta {
    match side {
        Side::In => Meta::InputIndex,
        Side::Out => Meta::OutputIndex,
    }
}

const fn name_of(side: Side) -> Meta {
    match side {
        Side::In => Meta::InputName,
        Side::Out => Meta::OutputName,
    }
}

/// Where the remote end of a connection of this direction is.
const fn remote_end(family: Family, direction: Direction) -> Connection {
    match (family, direction) {
        (Family::V4, Direction::Ingress) => Connection::SourceV4,
        (Family::V4, Direction::Egress) => Connection::DestinationV4,
        (Family::V6, Direction::Ingress) => Connection::SourceV6,
        (Family::V6, Direction::Egress) => Connection::DestinationV6,
    }
}

/// And where the Pod's own is.
const fn own_end(family: Family, direction: Direction) -> Connection {
    match direction {
        Direction::Ingress => remote_end(family, Direction::Egress),
        Direction::Egress => remote_end(family, Direction::Ingress),
    }
}

/// The bits of a connection, with one of them set. They are in words of the host's order.
fn label_bits(label: u8) -> Vec<u8> {
    let place = u32::from(label) % 128;
    let word = |word: u32| if place / 32 == word { 1_u32 << (place % 32) } else { 0 };
    (0..4).flat_map(|number| word(number).to_ne_bytes()).collect()
}

/// An interface's name, as long as a kernel keeps it.
fn name_key(name: &InterfaceName) -> Vec<u8> {
    let mut key = name.as_str().as_bytes().to_vec();
    key.resize(NAME_BYTES, 0);
    key
}

/// How many registers of four bytes an address takes.
const fn address_words(family: Family) -> u32 {
    match family {
        Family::V4 => 1,
        Family::V6 => 4,
    }
}

const fn family_number(family: Family) -> u8 {
    match family {
        Family::V4 => 2,
        Family::V6 => 10,
    }
}

/// The protocol's number in IP.
pub const fn protocol_number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => TCP,
        Protocol::Udp => UDP,
        Protocol::Sctp => 132,
    }
}

/// An address as it is in a packet.
pub fn octets(address: impl Into<IpAddr>) -> Vec<u8> {
    match address.into() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
