//! The wire format of protobuf: numbered fields, one after the other.

struct Wire<'a>(&'a [u8]);

/// A field with its number.
pub(super) enum Field<'a> {
    Number(u64, u64),
    Bytes(u64, &'a [u8]),
}

/// All fields; none if the bytes make no sense.
pub(super) fn fields(bytes: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut wire = Wire(bytes);
    let mut fields = Vec::new();
    while !wire.0.is_empty() {
        fields.push(wire.field()?);
    }
    Some(fields)
}

impl Field<'_> {
    pub(super) fn number(&self) -> u64 {
        match self {
            Self::Number(number, _) | Self::Bytes(number, _) => *number,
        }
    }
}

impl<'a> Wire<'a> {
    fn field(&mut self) -> Option<Field<'a>> {
        let tag = self.varint()?;
        let number = tag >> 3;
        match tag & 7 {
            0 => self.varint().map(|value| Field::Number(number, value)),
            1 => self.take(8).map(|bytes| Field::Bytes(number, bytes)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.take(length).map(|bytes| Field::Bytes(number, bytes))
            }
            5 => self.take(4).map(|bytes| Field::Bytes(number, bytes)),
            _ => None,
        }
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}
