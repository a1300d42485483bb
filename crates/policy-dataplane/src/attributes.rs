//! Attributes of netlink messages: type, length, value, padded to four bytes. What they mean is not known here.
//!
//! The messages of `nf_tables` nest them four levels deep, thousands of times for one Pod: they are written once, in place, and
//! the length is filled in afterwards.

/// That the value consists of attributes (`NLA_F_NESTED`).
pub const NESTED: u16 = 1 << 15;

/// Attributes, one after the other.
#[derive(Debug, Default)]
pub struct Attributes(Vec<u8>);

// === impl Attributes ===

impl Attributes {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn raw(&mut self, kind: u16, value: &[u8]) {
        self.with(kind, |attributes| attributes.0.extend_from_slice(value));
    }

    pub fn u8(&mut self, kind: u16, value: u8) {
        self.raw(kind, &[value]);
    }

    /// Numbers are big-endian wherever `nf_tables` reads one.
    pub fn u32(&mut self, kind: u16, value: u32) {
        self.raw(kind, &value.to_be_bytes());
    }

    pub fn u64(&mut self, kind: u16, value: u64) {
        self.raw(kind, &value.to_be_bytes());
    }

    pub fn text(&mut self, kind: u16, value: &str) {
        self.with(kind, |attributes| {
            attributes.0.extend_from_slice(value.as_bytes());
            attributes.0.push(0);
        });
    }

    pub fn nest(&mut self, kind: u16, write: impl FnOnce(&mut Self)) {
        self.with(kind | NESTED, write);
    }

    /// A value of 64 KiB or more does not fit; whoever writes lists cuts them before (see `set.rs`).
    fn with(&mut self, kind: u16, write: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        self.0.extend_from_slice(&[0, 0]);
        self.0.extend_from_slice(&kind.to_ne_bytes());
        write(self);
        let length = self.0.len() - start;
        debug_assert!(u16::try_from(length).is_ok(), "{length} bytes do not fit into an attribute");
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        if let Some(place) = self.0.get_mut(start..start + 2) {
            place.copy_from_slice(&length.to_ne_bytes());
        }
        while !self.0.len().is_multiple_of(4) {
            self.0.push(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_an_attribute_counts_its_header_and_not_its_padding() {
        let mut attributes = Attributes::default();
        attributes.nest(3, |inner| inner.text(1, "ab"));
        assert_eq!(attributes.bytes(), [12, 0, 3, 128, 7, 0, 1, 0, b'a', b'b', 0, 0]);
    }
}
