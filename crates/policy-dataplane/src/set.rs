//! Sets as `nf_tables` keeps them, named and without a name. An attribute takes less than 64 KiB, so elements come in pieces.

use std::{
    borrow::Borrow,
    net::{Ipv4Addr, Ipv6Addr},
};

use danm_api::Protocol;
use policy_engine::{
    program::{DENIED_MINUTES, Family, FamilySet, MOST_DENIED},
    set::Members,
};

use crate::{
    attributes::Attributes,
    batch::TABLE,
    expression::{octets, protocol_number},
};

const ANONYMOUS: u32 = 1;
const CONSTANT: u32 = 2;
const INTERVAL: u32 = 4;

/// That the kernel forgets elements after a while, and that rules make them.
const TIMEOUT: u32 = 0x10;
pub const MADE_BY_RULES: u32 = 0x20;

/// That the element ends the range that the one before it begins.
const INTERVAL_END: u32 = 1;

/// Types of keys, for those who list them; six bits each where there are several.
const IPV4: u32 = 7;
const IPV6: u32 = 8;
const PROTOCOL: u32 = 12;
const SERVICE: u32 = 13;
const INTERFACE_NAME: u32 = 41;
const ICMPV6_TYPE: u32 = 29;

/// An interface's name takes so many bytes in a key.
const NAME_BYTES: u32 = 16;

/// The most elements of one message: of the longest they take some 60 KiB.
const PIECE: usize = 800;

/// A set that belongs to one rule.
pub struct AnonymousSet {
    id: u32,
    key_type: u32,
    key_length: u32,
    elements: Vec<Element>,
}

/// An element: its key, and whether it ends a range.
pub struct Element {
    key: Vec<u8>,
    ends_range: bool,
}

// === impl AnonymousSet ===

impl AnonymousSet {
    /// The kernel puts a number in place of the last letters.
    pub const NAME: &str = "__set%d";

    pub fn protocols(numbers: &[u8]) -> Self {
        Self::new(PROTOCOL, 1, numbers.iter().map(|number| Element::of(vec![*number])).collect())
    }

    pub fn icmpv6_types(types: &[u8]) -> Self {
        Self::new(ICMPV6_TYPE, 1, types.iter().map(|number| Element::of(vec![*number])).collect())
    }

    /// One element for each port: a set of ranges that is new is empty for a moment in some kernels.
    pub fn ports(ranges: &[(u16, u16)]) -> Self {
        let ports = ranges.iter().flat_map(|(first, last)| *first..=*last);
        Self::new(SERVICE, 2, ports.map(|port| Element::of(port.to_be_bytes().to_vec())).collect())
    }

    const fn new(key_type: u32, key_length: u32, elements: Vec<Element>) -> Self {
        Self { id: 0, key_type, key_length, elements }
    }

    pub fn with_id(self, id: u32) -> Self {
        Self { id, ..self }
    }

    /// What makes the set.
    pub fn declaration(&self) -> Attributes {
        let mut attributes = Attributes::default();
        declare(&mut attributes, Self::NAME, ANONYMOUS | CONSTANT, (self.key_type, self.key_length));
        attributes.u32(10, self.id);
        attributes
    }

    /// What fills it.
    pub fn contents(&self) -> Vec<Attributes> {
        pieces(Self::NAME, Some(self.id), self.elements.iter())
    }
}

/// What makes a named set.
pub fn declaration(set: &FamilySet) -> Attributes {
    let (address, length) = address_type(set.family);
    let (flags, key_type, key_length) = match &*set.members {
        Members::Addresses(..) => (0, address, length),
        Members::Ranges(..) => (INTERVAL, address, length),
        Members::Ports(..) => (0, concatenated(&[address, PROTOCOL, SERVICE]), length + 8),
        Members::Denied => (
            TIMEOUT | MADE_BY_RULES,
            concatenated(&[INTERFACE_NAME, address, address, PROTOCOL, SERVICE]),
            NAME_BYTES + 2 * length + 8,
        ),
    };
    let mut attributes = Attributes::default();
    declare(&mut attributes, &set.name, flags, (key_type, key_length));
    if *set.members == Members::Denied {
        attributes.nest(9, |description| description.u32(1, MOST_DENIED));
    }
    attributes.u32(10, 0);
    if *set.members == Members::Denied {
        // In milliseconds. As often what is over is swept out.
        let lifetime = 60_000 * DENIED_MINUTES;
        attributes.u64(11, u64::from(lifetime));
        attributes.u32(12, lifetime);
    }
    attributes
}

/// The type of a key of several parts.
fn concatenated(types: &[u32]) -> u32 {
    types.iter().fold(0, |all, one| (all << 6) | one)
}

/// The type of an address, and how long it is.
const fn address_type(family: Family) -> (u32, u32) {
    match family {
        Family::V4 => (IPV4, 4),
        Family::V6 => (IPV6, 16),
    }
}

/// What fills it.
pub fn contents(set: &FamilySet) -> Vec<Attributes> {
    pieces(&set.name, None, members(set, None))
}

/// What fills it with members that another of the same kind has not.
pub fn contents_without(set: &FamilySet, other: &FamilySet) -> Vec<Attributes> {
    // Those of ranges belong to the definition: sets of one name have the same.
    if set.members == other.members || matches!(*set.members, Members::Ranges(..)) {
        return Vec::new();
    }
    pieces(&set.name, None, members(set, Some(&other.members)))
}

/// Elements of a set by their keys, each with whether it ends a range.
pub fn raw_contents(set: &str, keys: impl Iterator<Item = (Vec<u8>, bool)>) -> Vec<Attributes> {
    pieces(set, None, keys.map(|(key, ends_range)| Element { key, ends_range }))
}

fn declare(attributes: &mut Attributes, name: &str, flags: u32, (key_type, key_length): (u32, u32)) {
    attributes.text(1, TABLE);
    attributes.text(2, name);
    attributes.u32(3, flags);
    attributes.u32(4, key_type);
    attributes.u32(5, key_length);
}

/// Elements as they are told, each in one of the messages. There may be very many: one is made after the other.
fn pieces(
    set: &str,
    id: Option<u32>,
    elements: impl Iterator<Item = impl Borrow<Element>>,
) -> Vec<Attributes> {
    let (mut elements, mut pieces) = (elements.peekable(), Vec::new());
    while elements.peek().is_some() {
        let mut attributes = Attributes::default();
        attributes.text(1, TABLE);
        attributes.text(2, set);
        if let Some(id) = id {
            attributes.u32(4, id);
        }
        let piece = elements.by_ref().take(PIECE);
        attributes.nest(3, |list| piece.for_each(|element| element.borrow().write(list)));
        pieces.push(attributes);
    }
    pieces
}

/// The members of a set, without those that others are, too.
fn members<'a>(set: &'a FamilySet, others: Option<&'a Members>) -> Box<dyn Iterator<Item = Element> + 'a> {
    match (&*set.members, set.family) {
        (Members::Addresses(v4, v6), family) => {
            let (others_v4, others_v6) = match others {
                Some(Members::Addresses(v4, v6)) => (v4.as_slice(), v6.as_slice()),
                _ => Default::default(),
            };
            match family {
                Family::V4 => Box::new(without(v4, others_v4).map(|it| Element::of(octets(*it)))),
                Family::V6 => Box::new(without(v6, others_v6).map(|it| Element::of(octets(*it)))),
            }
        }
        (Members::Ports(v4, v6), family) => {
            let (others_v4, others_v6) = match others {
                Some(Members::Ports(v4, v6)) => (v4.as_slice(), v6.as_slice()),
                _ => Default::default(),
            };
            match family {
                Family::V4 => Box::new(without(v4, others_v4).map(|it| of_port(octets(it.0), it.1, it.2))),
                Family::V6 => Box::new(without(v6, others_v6).map(|it| of_port(octets(it.0), it.1, it.2))),
            }
        }
        (Members::Ranges(v4, _), Family::V4) => Box::new(v4.iter().copied().flat_map(range_v4)),
        (Members::Ranges(_, v6), Family::V6) => Box::new(v6.iter().copied().flat_map(range_v6)),
        (Members::Denied, _) => Box::new(std::iter::empty()),
    }
}

/// Those of one list that are not in the other; both are in order.
fn without<'a, T: Ord>(all: &'a [T], others: &'a [T]) -> impl Iterator<Item = &'a T> {
    let mut others = others.iter().peekable();
    all.iter().filter(move |one| {
        while others.next_if(|other| other < one).is_some() {}
        others.peek() != Some(one)
    })
}

fn range_v4((first, last): (Ipv4Addr, Ipv4Addr)) -> Vec<Element> {
    let end = u32::from(last).checked_add(1).map(|after| after.to_be_bytes().to_vec());
    Element::of_range(octets(first), end)
}

fn range_v6((first, last): (Ipv6Addr, Ipv6Addr)) -> Vec<Element> {
    let end = u128::from(last).checked_add(1).map(|after| after.to_be_bytes().to_vec());
    Element::of_range(octets(first), end)
}

/// Each part of a key begins at a multiple of four bytes.
fn of_port(mut key: Vec<u8>, protocol: Protocol, port: u16) -> Element {
    key.extend([protocol_number(protocol), 0, 0, 0]);
    key.extend(port.to_be_bytes());
    key.extend([0, 0]);
    Element::of(key)
}

// === impl Element ===

impl Element {
    const fn of(key: Vec<u8>) -> Self {
        Self { key, ends_range: false }
    }

    /// A range is its first, and what comes after its last, unless nothing does.
    fn of_range(first: Vec<u8>, after: Option<Vec<u8>>) -> Vec<Self> {
        let end = after.map(|key| Self { key, ends_range: true });
        [Self::of(first)].into_iter().chain(end).collect()
    }

    fn write(&self, list: &mut Attributes) {
        list.nest(1, |element| {
            element.nest(1, |key| key.raw(1, &self.key));
            if self.ends_range {
                element.u32(3, INTERVAL_END);
            }
        });
    }
}
