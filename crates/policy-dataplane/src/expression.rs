//! Rules as `nf_tables` runs them: expressions that load a part of a packet into a register, compare it, look it up, or decide.
//! Numbers and layouts are those of Linux' `uapi/linux/netfilter/nf_tables.h`.

use std::net::IpAddr;

use danm_api::Protocol;
use policy_engine::{
    Direction,
    program::{Action, Family, Match},
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

/// In which header `payload` looks.
#[derive(Clone, Copy)]
enum Header {
    Network = 1,
    Transport = 2,
}

/// Verdicts, as the kernel counts them.
const ACCEPT: u32 = 1;
const GOTO: u32 = u32::MAX - 3;

/// The loopback has this index in every network namespace.
const LOOPBACK: u32 = 1;

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const TCP: u8 = 6;

/// The flag of TCP that resets.
const RESET: u8 = 4;

const ESTABLISHED: u32 = 2;
const RELATED: u32 = 4;

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
            Match::Loopback => {
                self.meta(index_of(direction), FIRST);
                self.compare(FIRST, &LOOPBACK.to_ne_bytes());
            }
            // Redirects and solicitations come from the link: what has passed a router has a smaller hop limit.
            Match::NeighbourDiscovery => self.icmpv6(&[133, 134, 135, 136, 137], 255),
            Match::MulticastListeners => self.icmpv6(&[130, 131, 132, 143], 1),
            Match::Established => self.state(ESTABLISHED),
            Match::Errors => {
                self.state(RELATED);
                self.meta(Meta::Protocol, FIRST);
                self.look_up_new(AnonymousSet::protocols(&[ICMP, ICMPV6]));
            }
            Match::Resets => {
                self.state(RELATED);
                self.protocol(Protocol::Tcp);
                self.payload(Header::Transport, 13, 1, FIRST);
                self.mask(&[RESET]);
                self.compare(FIRST, &[RESET]);
            }
            Match::Remote(family, set) => {
                self.address(*family, direction);
                self.look_up(set, None);
            }
            Match::RemotePort(family, set) => {
                self.address(*family, direction);
                let after = NARROW + address_words(*family);
                self.meta(Meta::Protocol, after);
                self.payload(Header::Transport, 2, 2, after + 1);
                self.look_up(set, None);
            }
            Match::Protocol(protocol) => self.protocol(*protocol),
            Match::Ports(protocol, ranges) => {
                self.protocol(*protocol);
                self.payload(Header::Transport, 2, 2, FIRST);
                match ranges.as_slice() {
                    [(first, last)] if first == last => self.compare(FIRST, &first.to_be_bytes()),
                    [(first, last)] => self.range(&first.to_be_bytes(), &last.to_be_bytes()),
                    several => self.look_up_new(AnonymousSet::ports(several)),
                }
            }
        }
    }

    pub fn counter(&mut self) {
        self.expression("counter", |data| {
            data.u64(1, 0);
            data.u64(2, 0);
        });
    }

    /// What becomes of packets.
    pub fn action(&mut self, action: &Action, direction: Direction) {
        match action {
            Action::Continue => {}
            Action::Accept => self.verdict(ACCEPT, None),
            Action::Goto(chain) => self.verdict(GOTO, Some(chain)),
            Action::ResetTcp => self.expression("reject", |data| {
                data.u32(1, 1);
                data.u8(2, 0);
            }),
            Action::Prohibit => self.expression("reject", |data| {
                data.u32(1, 2);
                data.u8(2, 3);
            }),
            Action::ByInterface(targets) => {
                self.meta(name_of(direction), FIRST);
                self.look_up_verdict(AnonymousSet::interfaces(targets));
            }
        }
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

    /// One of the bits of a connection's state; they are in the host's order.
    fn state(&mut self, bit: u32) {
        self.expression("ct", |data| {
            data.u32(1, FIRST);
            data.u32(2, 0);
        });
        self.mask(&bit.to_ne_bytes());
        self.expression("cmp", |data| {
            data.u32(1, FIRST);
            data.u32(2, 1);
            data.nest(3, |value| value.raw(1, &[0; 4]));
        });
    }

    /// Leaves some bits of the first register, which has at most four bytes.
    fn mask(&mut self, mask: &[u8]) {
        let length = u32::try_from(mask.len()).unwrap_or(u32::MAX);
        self.expression("bitwise", |data| {
            data.u32(1, FIRST);
            data.u32(2, FIRST);
            data.u32(3, length);
            data.nest(4, |value| value.raw(1, mask));
            data.nest(5, |xor| xor.raw(1, [0; 4].get(..mask.len()).unwrap_or_default()));
        });
    }

    /// The address at the other end, of a packet of this family.
    fn address(&mut self, family: Family, direction: Direction) {
        self.meta(Meta::Family, FIRST);
        self.compare(FIRST, &[family_number(family)]);
        let offset = match (family, direction) {
            (Family::V4, Direction::Ingress) => 12,
            (Family::V4, Direction::Egress) => 16,
            (Family::V6, Direction::Ingress) => 8,
            (Family::V6, Direction::Egress) => 24,
        };
        self.payload(Header::Network, offset, 4 * address_words(family), FIRST);
    }

    fn protocol(&mut self, protocol: Protocol) {
        self.meta(Meta::Protocol, FIRST);
        self.compare(FIRST, &[protocol_number(protocol)]);
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

    fn look_up_verdict(&mut self, map: AnonymousSet) {
        let id = self.note(map);
        self.expression("lookup", |data| {
            data.text(1, AnonymousSet::NAME);
            data.u32(2, FIRST);
            data.u32(3, VERDICT_REGISTER);
            data.u32(4, id);
        });
    }

    fn note(&mut self, set: AnonymousSet) -> u32 {
        self.next_set += 1;
        self.sets.push(set.with_id(self.next_set));
        self.next_set
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

/// That packets go on to a chain, or are accepted if there is none.
pub fn write_target(value: &mut Attributes, chain: Option<&str>) {
    write_verdict(value, if chain.is_some() { GOTO } else { ACCEPT }, chain);
}

fn write_verdict(value: &mut Attributes, code: u32, chain: Option<&str>) {
    value.nest(2, |verdict| {
        verdict.u32(1, code);
        if let Some(chain) = chain {
            verdict.text(2, chain);
        }
    });
}

const fn index_of(direction: Direction) -> Meta {
    match direction {
        Direction::Ingress => Meta::InputIndex,
        Direction::Egress => Meta::OutputIndex,
    }
}

const fn name_of(direction: Direction) -> Meta {
    match direction {
        Direction::Ingress => Meta::InputName,
        Direction::Egress => Meta::OutputName,
    }
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
        Protocol::Udp => 17,
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
