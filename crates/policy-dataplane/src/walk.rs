//! Walks through messages of netlink and their attributes. Whatever the bytes are, it ends, and gives what can be read.

/// The bytes before a message's attributes: its own header, and that of `nf_tables`.
const HEADERS: usize = 20;

/// That the value consists of attributes, or is in network order.
const FLAGS: u16 = 0b11 << 14;

/// A message.
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
pub fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        loop {
            let length = usize::try_from(u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?)).ok()?;
            let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
            let message = bytes.get(..length).filter(|_| length >= 16)?;
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
            if let Some(attributes) = message.get(HEADERS..) {
                return Some(Message { kind, attributes });
            }
        }
    })
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
    fn bytes_that_are_no_messages_are_walked_to_an_end() {
        for length in 0..64_u8 {
            let bytes: Vec<u8> = (0..64).map(|place| length.wrapping_mul(37).wrapping_add(place)).collect();
            let bytes = bytes.get(..usize::from(length)).unwrap_or_default();
            let read = messages(bytes).flat_map(|message| attributes(message.attributes)).count();
            assert!(read <= 16, "{read} attributes in {length} bytes");
            assert!(attributes(bytes).count() <= 16);
        }
        // One that says to be empty ends it.
        assert_eq!(messages(&[0; 32]).count(), 0);
        assert_eq!(attributes(&[0; 32]).count(), 0);
    }
}
