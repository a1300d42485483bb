//! How a message of netlink begins: its length, kind, flags, number and port. What follows is the business of whoever writes it.

use crate::attributes::Attributes;

/// That something is asked for.
const REQUEST: u16 = 1;

/// That all there are of a kind are asked for.
pub const DUMP: u16 = 0x300;

/// Where the number of a message is.
const NUMBER: usize = 8;

/// Families of addresses.
pub const INET: u8 = 2;
pub const INET6: u8 = 10;

/// The number of a protocol.
pub const TCP: u8 = 6;

/// The subsystems of netfilter.
#[derive(Clone, Copy)]
pub enum Subsystem {
    Conntrack = 1,
    NfTables = 10,
}

/// Writes a message behind others.
pub fn put(bytes: &mut Vec<u8>, kind: u16, flags: u16, number: u32, body: [&[u8]; 2]) {
    let length = 16 + body.iter().map(|part| part.len()).sum::<usize>();
    // None is ever as long as that.
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((flags | REQUEST).to_ne_bytes());
    bytes.extend(number.to_ne_bytes());
    bytes.extend([0; 4]);
    body.iter().for_each(|part| bytes.extend(*part));
}

/// The first message of some bytes, and what follows it.
pub fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?);
    bytes.split_at_checked(usize::try_from(length).ok()?)
}

/// Writes a message behind others that was written before, with another number.
pub fn put_numbered(bytes: &mut Vec<u8>, message: &[u8], number: u32) {
    let (before, rest) = message.split_at(message.len().min(NUMBER));
    bytes.extend(before);
    bytes.extend(number.to_ne_bytes());
    bytes.extend(rest.get(4..).unwrap_or_default());
}

/// A message to netfilter that is alone.
pub fn question(subsystem: Subsystem, kind: u16, flags: u16, family: u8, attributes: &Attributes) -> Vec<u8> {
    let mut bytes = Vec::new();
    let kind = ((subsystem as u16) << 8) | kind;
    put(&mut bytes, kind, flags, 0, [&[family, 0, 0, 0], attributes.bytes()]);
    bytes
}
