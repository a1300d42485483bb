//! A rule that `iptables-nft` has made, read back into the few things that it may say here. Pure. Whose a rule is is not known here.
//!
//! Versions spell one rule in several ways: up to 1.8.7 ports are compared by an extension of iptables, since then by an expression of
//! the kernel; protocols by the header or by what the kernel has found. Whatever says more, or says it otherwise, is `Other`.

use crate::{
    message::{INET, INET6},
    walk::{Message, attributes},
};

/// A table of iptables, by its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    V4,
    V6,
}

/// A rule, in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IptablesRule {
    pub chain: String,
    /// Its number: those that came later to the same table have greater ones.
    pub handle: u64,
    /// What it says, in order; how often it met a packet makes no difference.
    pub parts: Vec<Part>,
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Of packets that come by the loopback interface, or leave by it.
    ByLoopback,
    ToLoopback,
    Protocol(u8),
    /// The port that is spoken to.
    Port(u16),
    /// Whose connection is in one of these states, by the bits of conntrack.
    States(u16),
    Accept,
    /// Refused, with the error of this number in its family.
    Reject(u32),
    /// Led on to a chain.
    Jump(String),
    Other,
}

/// What is loaded into a register, to be compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Load {
    InputName,
    OutputName,
    Protocol,
    Port,
}

// === impl Family ===

impl Family {
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// As netlink calls it.
    pub const fn number(self) -> u8 {
        match self {
            Self::V4 => INET,
            Self::V6 => INET6,
        }
    }

    /// As `nft` calls it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::V4 => "ip",
            Self::V6 => "ip6",
        }
    }

    /// Where a header has its protocol.
    const fn place_of_protocol(self) -> u32 {
        match self {
            Self::V4 => 9,
            Self::V6 => 6,
        }
    }
}

// === impl IptablesRule ===

impl IptablesRule {
    /// What a kernel tells of it.
    pub fn read(family: Family, message: &Message<'_>) -> Option<Self> {
        let handle = u64::from_be_bytes(message.attribute(3)?.try_into().ok()?);
        let list = message.attribute(4).unwrap_or_default();
        let mut parts = parts(family, list);
        if message.attribute(7).is_some_and(has_comment) {
            parts.push(Part::Other);
        }
        Some(Self { chain: message.text(2), handle, parts })
    }
}

/// Whether somebody has written a comment beside a rule: types and lengths of a byte, and texts.
fn has_comment(mut beside: &[u8]) -> bool {
    const COMMENT: u8 = 0;
    while let [kind, length, rest @ ..] = beside {
        if *kind == COMMENT {
            return true;
        }
        beside = rest.get(usize::from(*length)..).unwrap_or_default();
    }
    false
}

fn parts(family: Family, list: &[u8]) -> Vec<Part> {
    let (mut parts, mut loaded) = (Vec::new(), None);
    for element in attributes(list) {
        let expression = Message { kind: 0, attributes: element.value };
        let told = Message { kind: 0, attributes: expression.attribute(2).unwrap_or_default() };
        let part = match &*expression.text(1) {
            "counter" => continue,
            name @ ("meta" | "payload") if loaded.is_none() => {
                loaded = if name == "meta" { of_meta(&told) } else { of_payload(family, &told) };
                if loaded.is_some() {
                    continue;
                }
                Part::Other
            }
            "cmp" => loaded.take().map_or(Part::Other, |load| compared(load, &told)),
            "match" => extension(&told),
            "target" => target(&told),
            "immediate" => verdict(&told),
            _ => Part::Other,
        };
        parts.push(part);
    }
    parts.extend(loaded.map(|_| Part::Other));
    parts
}

fn of_meta(told: &Message<'_>) -> Option<Load> {
    if told.number(1) != Some(1) {
        return None;
    }
    match told.number(2)? {
        6 => Some(Load::InputName),
        7 => Some(Load::OutputName),
        16 => Some(Load::Protocol),
        _ => None,
    }
}

fn of_payload(family: Family, told: &Message<'_>) -> Option<Load> {
    const NETWORK: u32 = 1;
    const TRANSPORT: u32 = 2;
    let [register, base, offset, length] = [1, 2, 3, 4].map(|kind| told.number(kind));
    match (register?, base?, offset?, length?) {
        (1, NETWORK, offset, 1) if offset == family.place_of_protocol() => Some(Load::Protocol),
        (1, TRANSPORT, 2, 2) => Some(Load::Port),
        _ => None,
    }
}

fn compared(load: Load, told: &Message<'_>) -> Part {
    const EQUAL: u32 = 0;
    if (told.number(1), told.number(2)) != (Some(1), Some(EQUAL)) {
        return Part::Other;
    }
    let value = attributes(told.attribute(3).unwrap_or_default()).next().map(|it| it.value);
    match (load, value.unwrap_or_default()) {
        // With the byte that ends it: without, it would be whatever begins so.
        (Load::InputName, [b'l', b'o', 0, rest @ ..]) if is_nothing(rest) => Part::ByLoopback,
        (Load::OutputName, [b'l', b'o', 0, rest @ ..]) if is_nothing(rest) => Part::ToLoopback,
        (Load::Protocol, [protocol]) => Part::Protocol(*protocol),
        (Load::Port, [high, low]) => Part::Port(u16::from_be_bytes([*high, *low])),
        _ => Part::Other,
    }
}

/// What an extension of iptables compares.
fn extension(told: &Message<'_>) -> Part {
    let (name, revision) = (told.text(1), told.number(2));
    let info = told.attribute(3).unwrap_or_default();
    match (&*name, revision) {
        ("tcp" | "udp", Some(0)) => port(info).map_or(Part::Other, Part::Port),
        ("conntrack", Some(2 | 3)) => states(info).map_or(Part::Other, Part::States),
        _ => Part::Other,
    }
}

/// `struct xt_tcp` and `struct xt_udp`, if they say nothing but the one port that is spoken to.
fn port(info: &[u8]) -> Option<u16> {
    let (ports, rest) = info.split_first_chunk::<8>()?;
    let [low, high, first, last] = [0, 2, 4, 6].map(|place| half(ports, place));
    let is_one = (low, high) == (Some(0), Some(u16::MAX)) && first == last;
    first.filter(|_| is_one && is_nothing(rest))
}

/// `struct xt_conntrack_mtinfo3`, and the one before, if they say nothing but states.
fn states(info: &[u8]) -> Option<u16> {
    const FLAGS: usize = 146;
    const STATES: usize = 150;
    const OF_STATES: u16 = 1;
    let is_told = |place: &usize| (FLAGS..FLAGS + 2).contains(place) || (STATES..STATES + 2).contains(place);
    let is_all = info.iter().enumerate().all(|(place, byte)| *byte == 0 || is_told(&place));
    half(info, STATES).filter(|_| is_all && half(info, FLAGS) == Some(OF_STATES))
}

fn target(told: &Message<'_>) -> Part {
    let info = told.attribute(3).unwrap_or_default();
    match (&*told.text(1), told.number(2), info) {
        ("REJECT", Some(0), [a, b, c, d, rest @ ..]) if is_nothing(rest) => {
            Part::Reject(u32::from_ne_bytes([*a, *b, *c, *d]))
        }
        _ => Part::Other,
    }
}

fn verdict(told: &Message<'_>) -> Part {
    const ACCEPT: u32 = 1;
    const JUMP: u32 = (-3_i32).cast_unsigned();
    let verdict = attributes(told.attribute(2).unwrap_or_default()).find(|it| it.kind == 2);
    let verdict = Message { kind: 0, attributes: verdict.map(|it| it.value).unwrap_or_default() };
    match verdict.number(1) {
        Some(ACCEPT) => Part::Accept,
        Some(JUMP) => Part::Jump(verdict.text(2)),
        _ => Part::Other,
    }
}

fn half(bytes: &[u8], place: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(place..place + 2)?.try_into().ok()?))
}

fn is_nothing(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::Attributes;

    type Write<'a> = &'a dyn Fn(&mut Attributes);

    fn read(family: Family, expressions: &[(&str, Write<'_>)], beside: &[u8]) -> Option<Vec<Part>> {
        let mut rule = Attributes::default();
        rule.text(2, "OUTPUT");
        rule.u64(3, 7);
        rule.nest(4, |list| {
            for (name, write) in expressions {
                list.nest(1, |element| {
                    element.text(1, name);
                    element.nest(2, write);
                });
            }
        });
        if !beside.is_empty() {
            rule.raw(7, beside);
        }
        let rule = IptablesRule::read(family, &Message { kind: 6, attributes: rule.bytes() })?;
        assert_eq!((&*rule.chain, rule.handle), ("OUTPUT", 7));
        Some(rule.parts)
    }

    fn meta(key: u32) -> impl Fn(&mut Attributes) {
        move |told| {
            told.u32(2, key);
            told.u32(1, 1);
        }
    }

    fn payload(base: u32, offset: u32, length: u32) -> impl Fn(&mut Attributes) {
        move |told| [1, base, offset, length].into_iter().zip(1..).for_each(|(it, kind)| told.u32(kind, it))
    }

    fn cmp(operation: u32, value: &[u8]) -> impl Fn(&mut Attributes) {
        move |told| {
            told.u32(1, 1);
            told.u32(2, operation);
            told.nest(3, |data| data.raw(1, value));
        }
    }

    fn extension(name: &str, revision: u32, info: &[u8]) -> impl Fn(&mut Attributes) {
        move |told| {
            told.text(1, name);
            told.u32(2, revision);
            told.raw(3, info);
        }
    }

    fn accept(told: &mut Attributes) {
        told.u32(1, 0);
        told.nest(2, |data| data.nest(2, |verdict| verdict.u32(1, 1)));
    }

    /// `struct xt_tcp` for packets to these ports, and the struct of conntrack for these states.
    fn ports(first: u16, last: u16, flags: u8) -> Vec<u8> {
        let ports = [0, u16::MAX, first, last].map(u16::to_ne_bytes).concat();
        [&ports[..], &[flags, 0, 0, 0, 0, 0, 0, 0]].concat()
    }

    fn states(flags: u16, inverted: u16, states: u16) -> Vec<u8> {
        let told = [flags, inverted, states, 0].map(u16::to_ne_bytes).concat();
        [&[0; 146][..], &told, &[0; 14]].concat()
    }

    #[test]
    fn versions_of_iptables_spell_one_rule_in_several_ways() {
        let (states, port) = (states(1, 0, 10), ports(53, 53, 0));
        let conntrack = extension("conntrack", 3, &states);
        let (by_kernel, by_header) = (meta(16), payload(1, 9, 1));
        let (protocol, number) = (cmp(0, &[6]), cmp(0, &[0, 53]));
        let (port, its_place) = (extension("tcp", 0, &port), payload(2, 2, 2));
        let counter: Write<'_> = &|told| told.u64(1, 99);
        let expected = vec![Part::Protocol(6), Part::Port(53), Part::States(10), Part::Accept];
        // As 1.8.9 does it, and as up to 1.8.7.
        let new = [
            ("meta", &by_kernel as Write<'_>),
            ("cmp", &protocol),
            ("payload", &its_place),
            ("cmp", &number),
            ("match", &conntrack),
            ("counter", counter),
            ("immediate", &accept),
        ];
        assert_eq!(read(Family::V4, &new, &[]), Some(expected.clone()));
        for load in [("meta", &by_kernel as Write<'_>), ("payload", &by_header)] {
            let old =
                [load, ("cmp", &protocol), ("match", &port), ("match", &conntrack), ("immediate", &accept)];
            assert_eq!(read(Family::V4, &old, &[]), Some(expected.clone()));
        }
    }

    #[test]
    fn whatever_says_more_or_less_is_not_understood() {
        let other =
            |name, write: Write<'_>| read(Family::V4, &[(name, write)], &[]) == Some(vec![Part::Other]);
        for (flags, inverted) in [(1, 1), (0, 0), (3, 0), (0x2001, 0)] {
            assert!(other("match", &extension("conntrack", 3, &states(flags, inverted, 10))));
        }
        assert!(other("match", &extension("conntrack", 1, &states(1, 0, 10))));
        let mut with_address = states(1, 0, 10);
        with_address[3] = 1;
        assert!(other("match", &extension("conntrack", 3, &with_address)));
        for info in [ports(53, 54, 0), ports(53, 53, 1), vec![0; 3]] {
            assert!(other("match", &extension("tcp", 0, &info)));
        }
        assert!(other("target", &extension("REJECT", 0, &[3, 0, 0])));
        assert!(other("target", &extension("REJECT", 1, &[3, 0, 0, 0])));
        assert!(other("target", &extension("DROP", 0, &[3, 0, 0, 0])));
        let compared = |load: (&str, Write<'_>), value: Write<'_>| {
            read(Family::V6, &[load, ("cmp", value)], &[]).is_some_and(|parts| parts.contains(&Part::Other))
        };
        // Whatever begins so; what is not so; and, of IPv6, a byte of an address.
        assert!(compared(("meta", &meta(6)), &cmp(0, b"lo")));
        assert!(compared(("meta", &meta(6)), &cmp(1, b"lo\0")));
        assert!(compared(("payload", &payload(1, 9, 1)), &cmp(0, &[6])));
        assert!(compared(("meta", &meta(1)), &cmp(0, &[6])));
        // A comment, after something that is none.
        let beside = [1, 2, 9, 9, 0, 3, b'h', b'i', 0];
        assert_eq!(read(Family::V4, &[("immediate", &accept)], &beside[..4]), Some(vec![Part::Accept]));
        let commented = read(Family::V4, &[("immediate", &accept)], &beside);
        assert_eq!(commented, Some(vec![Part::Accept, Part::Other]));
        // Something is loaded that nothing is compared with.
        assert_eq!(read(Family::V4, &[("meta", &meta(6))], &[]), Some(vec![Part::Other]));
    }

    #[test]
    fn bytes_that_are_no_rule_are_read_to_an_end() {
        for length in 0..96_u8 {
            let bytes: Vec<u8> = (0..96).map(|place| length.wrapping_mul(29).wrapping_add(place)).collect();
            let bytes = bytes.get(..usize::from(length)).unwrap_or_default();
            assert!(parts(Family::V4, bytes).len() <= bytes.len());
            // It is enough that this ends.
            has_comment(bytes);
        }
    }
}
