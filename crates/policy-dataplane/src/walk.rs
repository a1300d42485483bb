//! Walks through messages of netlink and their attributes. Whatever the bytes are, it ends, and gives what can be read.

use std::io;

/// The header of every message: its length, kind, flags, number and port.
const HEADER: usize = 16;

/// The header that follows in the messages of netfilter, before their attributes.
const NETFILTER_HEADER: usize = 4;

/// Kinds that are netlink's own: an error, and the end of a dump.
const ERROR: u16 = 2;
const DONE: u16 = 3;

/// That what is dumped has changed meanwhile.
const INTERRUPTED: u16 = 0x10;

/// That the value consists of attributes, or is in network order.
const FLAGS: u16 = 0b11 << 14;

/// A message, whatever is in it.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    pub kind: u16,
    pub flags: u16,
    pub number: u32,
    pub body: &'a [u8],
}

/// A message of netfilter.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub kind: u16,
    pub attributes: &'a [u8],
}

/// An attribute.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    pub kind: u16,
    pub value: &'a [u8],
}

/// The messages of some bytes.
pub fn frames(mut bytes: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?)).ok()?;
        let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
        let flags = u16::from_ne_bytes(bytes.get(6..8)?.try_into().ok()?);
        let number = u32::from_ne_bytes(bytes.get(8..12)?.try_into().ok()?);
        let body = bytes.get(HEADER..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Frame { kind, flags, number, body })
    })
}

/// The messages of some bytes that are netfilter's.
pub fn messages(bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    frames(bytes).filter_map(|frame| frame.message())
}

/// The attributes of some bytes.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?) & !FLAGS;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Attribute { kind, value })
    })
}

// === impl Frame ===

impl<'a> Frame<'a> {
    /// As one of netfilter's.
    pub fn message(&self) -> Option<Message<'a>> {
        Some(Message { kind: self.kind, attributes: self.body.get(NETFILTER_HEADER..)? })
    }

    /// The error that it tells. The end of a dump may tell one as well: then it was cut short.
    pub fn error(&self) -> Option<io::Error> {
        let code = matches!(self.kind, ERROR | DONE).then(|| self.body.get(..4))??;
        let code = i32::from_ne_bytes(code.try_into().ok()?);
        (code != 0).then(|| io::Error::from_raw_os_error(code.wrapping_neg()))
    }

    /// Whether it ends a dump.
    pub fn is_end(&self) -> bool {
        self.kind == DONE
    }

    /// Whether it belongs to a dump of what has changed meanwhile.
    pub fn is_interrupted(&self) -> bool {
        self.flags & INTERRUPTED != 0
    }
}

// === impl Message ===

impl<'a> Message<'a> {
    /// The value of an attribute.
    pub fn attribute(&self, kind: u16) -> Option<&'a [u8]> {
        attributes(self.attributes).find(|attribute| attribute.kind == kind).map(|attribute| attribute.value)
    }

    /// A number.
    pub fn number(&self, kind: u16) -> Option<u32> {
        Some(u32::from_be_bytes(self.attribute(kind)?.try_into().ok()?))
    }

    /// A text; empty if there is none.
    pub fn text(&self, kind: u16) -> String {
        let value = self.attribute(kind).unwrap_or_default();
        String::from_utf8_lossy(value).trim_end_matches('\0').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_that_ends_with_an_error_has_failed() {
        let end = |code: i32| Frame { kind: DONE, flags: 0, number: 0, body: &code.to_ne_bytes() }.error();
        assert_eq!(end(-4).and_then(|error| error.raw_os_error()), Some(4));
        assert!(end(0).is_none());
    }

    #[test]
    fn bytes_that_are_no_messages_are_walked_to_an_end() {
        for length in 0..64_u8 {
            let bytes: Vec<u8> = (0..64).map(|place| length.wrapping_mul(37).wrapping_add(place)).collect();
            let bytes = bytes.get(..usize::from(length)).unwrap_or_default();
            let read = messages(bytes).flat_map(|message| attributes(message.attributes)).count();
            assert!(read <= 16, "{read} attributes in {length} bytes");
            assert!(attributes(bytes).count() <= 16);
        }
        // One that says to be empty ends it.
        assert_eq!(frames(&[0; 32]).count(), 0);
        assert_eq!(messages(&[0; 32]).count(), 0);
        assert_eq!(attributes(&[0; 32]).count(), 0);
    }
}
