//! Identifiers in little memory. Nearly all are UUIDs, of which an index holds a million.

use std::{
    fmt::{self, Write},
    hash::{Hash, Hasher},
};

/// A uid, or a name that is a UUID like those of endpoints: 24 bytes, without further memory if it is a
/// UUID in its usual spelling. Any other text is kept as it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(Repr);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Repr {
    Uuid([u8; 16]),
    Text(Box<str>),
}

/// The positions of the dashes in the 36 characters of a UUID.
const DASHES: [usize; 4] = [8, 13, 18, 23];

/// The positions at which each byte of a UUID has its first digit.
const DIGITS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

impl Uid {
    /// Whether it is the empty text.
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, Repr::Text(text) if text.is_empty())
    }
}

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        Self(uuid_bytes(text).map_or_else(|| Repr::Text(text.into()), Repr::Uuid))
    }
}

impl Hash for Repr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Uuid(bytes) => state.write_u128(u128::from_ne_bytes(*bytes)),
            Self::Text(text) => text.hash(state),
        }
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Text(text) => f.write_str(text),
            Repr::Uuid(bytes) => bytes.iter().enumerate().try_for_each(|(index, byte)| {
                if matches!(index, 4 | 6 | 8 | 10) {
                    f.write_char('-')?;
                }
                write!(f, "{byte:02x}")
            }),
        }
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// The bytes of a UUID in lower case with dashes; other spellings would not be written back as they were.
fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    if DASHES.iter().any(|&dash| text[dash] != b'-') {
        return None;
    }
    let mut bytes = [0; 16];
    let mut wrong = 0;
    for (byte, at) in bytes.iter_mut().zip(DIGITS) {
        let [high, low] = [NIBBLES[usize::from(text[at])], NIBBLES[usize::from(text[at + 1])]];
        wrong |= high | low;
        *byte = high << 4 | low & 0x0f;
    }
    (wrong < NO_DIGIT).then_some(bytes)
}

/// What stands for a character that is no digit: a bit that no digit has.
const NO_DIGIT: u8 = 0x80;

/// The values of all characters as digits. An index of a large cluster reads millions of them.
const NIBBLES: [u8; 256] = {
    let digits = *b"0123456789abcdef";
    let mut nibbles = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        nibbles[digits[value as usize] as usize] = value;
        value += 1;
    }
    nibbles
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_given_back_as_it_was() {
        let texts = [
            "",
            "6f1d2c1e-3b7a-4d0e-9a55-0c8b1f2e7a90",
            "6F1D2C1E-3b7a-4d0e-9a55-0c8b1f2e7a90",
            "6f1d2c1e03b7a-4d0e-9a55-0c8b1f2e7a90",
            "6f1d2c1e-3b7a-4d0e-9a55-0c8b1f2e7a9",
            "ü5-characters",
        ];
        for text in texts {
            assert_eq!(Uid::from(text).to_string(), text);
        }
    }

    #[test]
    fn a_uuid_takes_no_memory_of_its_own() {
        assert_eq!(size_of::<Uid>(), 24);
        assert!(matches!(Uid::from("6f1d2c1e-3b7a-4d0e-9a55-0c8b1f2e7a90").0, Repr::Uuid(_)));
    }
}
