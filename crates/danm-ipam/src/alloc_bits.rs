//! The bit array itself: base64 text to words and back, and whole-word scans. Does not know addresses.
//!
//! Format (all dialects): bit `i` is in byte `i / 8` under the mask `0x80 >> (i % 8)`, so that in a big-endian
//! word the lowest index is the highest bit; standard base64 with padding. Arrays hold up to 2^23 bits (a
//! text of 1.4 MB), hence no loop here runs over bits where it can run over words.

use std::ops::RangeInclusive;

use base64::{Engine, engine::general_purpose::STANDARD};
use thiserror::Error;

/// The largest array DANM makes: an IPv4 /9, an IPv6 /105.
pub const MAX_BITS: u32 = 1 << 23;

const WORD_BITS: u32 = u64::BITS;

/// Index of an address in its array: its distance from the first address of the subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BitIndex(pub u32);

/// A bit array of a known number of bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocBits {
    words: Vec<u64>,
    len: u32,
}

/// Neighbouring bits of equal value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitRun {
    /// Its first bit.
    pub first: BitIndex,
    /// Its last bit.
    pub last: BitIndex,
    /// Their value.
    pub set: bool,
}

/// Why a text is not the bit array of a subnet.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AllocError {
    /// The subnet has addresses but no array.
    #[error("the bit array is missing, though the network has a subnet")]
    Missing,
    /// The text is not standard base64.
    #[error("the bit array is not standard base64: {0}")]
    NotBase64(String),
    /// The array does not fit the subnet.
    #[error(
        "the bit array has {found} bytes, its subnet of {bits} addresses needs {expected}: was the subnet edited?"
    )]
    WrongLength {
        /// Bytes in the array.
        found: usize,
        /// Bytes the subnet needs.
        expected: usize,
        /// Addresses in the subnet.
        bits: u32,
    },
}

// === impl AllocBits ===

impl AllocBits {
    /// An array of `len` clear bits, at most [`MAX_BITS`].
    pub fn clear(len: u32) -> Self {
        let len = len.min(MAX_BITS);
        Self { words: vec![0; len.div_ceil(WORD_BITS) as usize], len }
    }

    /// Reads the array of a subnet with `len` addresses.
    ///
    /// Of a subnet with less than 8 addresses the rest of the only byte is kept as it is, and not looked at.
    pub fn decode(text: &str, len: u32) -> Result<Self, AllocError> {
        if text.is_empty() {
            return Err(AllocError::Missing);
        }
        let bytes = STANDARD.decode(text).map_err(|error| AllocError::NotBase64(error.to_string()))?;
        let expected = len.div_ceil(8) as usize;
        if bytes.len() != expected {
            return Err(AllocError::WrongLength { found: bytes.len(), expected, bits: len });
        }
        let words = bytes
            .chunks(8)
            .map(|chunk| {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                u64::from_be_bytes(word)
            })
            .collect();
        Ok(Self { words, len })
    }

    /// The text DANM stores.
    pub fn encode(&self) -> String {
        let mut bytes: Vec<u8> = self.words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.truncate(self.len.div_ceil(8) as usize);
        STANDARD.encode(bytes)
    }

    /// Number of bits.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether it has no bits at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a bit is set; `false` beyond the end.
    pub fn is_set(&self, bit: BitIndex) -> bool {
        bit.0 < self.len && self.word(word_of(bit)) & mask(bit) != 0
    }

    /// Sets a bit; beyond the end there is nothing to set.
    pub fn set(&mut self, bit: BitIndex) {
        if bit.0 < self.len
            && let Some(word) = self.words.get_mut(word_of(bit))
        {
            *word |= mask(bit);
        }
    }

    /// Clears a bit and tells whether it was set.
    pub fn unset(&mut self, bit: BitIndex) -> bool {
        let was_set = self.is_set(bit);
        if let Some(word) = self.words.get_mut(word_of(bit)) {
            *word &= !mask(bit);
        }
        was_set
    }

    /// Number of set bits.
    pub fn count_set(&self) -> u32 {
        let beyond = self.beyond_end();
        let all: u32 = self.words.iter().map(|word| word.count_ones()).sum();
        all - (self.words.last().copied().unwrap_or_default() & beyond).count_ones()
    }

    /// The lowest clear bit within a range.
    pub fn first_clear(&self, range: RangeInclusive<BitIndex>) -> Option<BitIndex> {
        self.find(*range.start(), false).filter(|found| found <= range.end())
    }

    /// The bits that have other values in `newer`, an array of the same length, lowest first.
    pub fn changed<'a>(&'a self, newer: &'a Self) -> impl Iterator<Item = BitIndex> + 'a {
        let words = self.words.iter().zip(&newer.words).enumerate();
        words
            .filter(|(_, (old, new))| old != new)
            .flat_map(|(index, (old, new))| ones(index, old ^ new))
            .take_while(|bit| bit.0 < self.len)
    }

    /// The bits of a range as runs of equal value, lowest first, without a gap.
    pub fn runs(&self, range: RangeInclusive<BitIndex>) -> impl Iterator<Item = BitRun> + '_ {
        let end = range.end().0.min(self.len.saturating_sub(1));
        let mut next = Some(*range.start()).filter(|start| start.0 <= end && self.len > 0);
        std::iter::from_fn(move || {
            let first = next?;
            let set = self.is_set(first);
            let turn = self.find(first, !set).filter(|turn| turn.0 <= end);
            next = turn;
            Some(BitRun { first, last: turn.map_or(BitIndex(end), |turn| BitIndex(turn.0 - 1)), set })
        })
    }

    /// The first bit at or after `from` that has this value.
    fn find(&self, from: BitIndex, set: bool) -> Option<BitIndex> {
        if from.0 >= self.len {
            return None;
        }
        let flip = if set { 0 } else { u64::MAX };
        let first = word_of(from);
        let before_from = u64::MAX >> (from.0 % WORD_BITS);
        let head = (self.word(first) ^ flip) & before_from;
        let (index, word) = if head != 0 {
            (first, head)
        } else {
            let tail = self.words.get(first + 1..)?;
            let offset = tail.iter().position(|word| word ^ flip != 0)?;
            (first + 1 + offset, self.word(first + 1 + offset) ^ flip)
        };
        ones(index, word).next().filter(|bit| bit.0 < self.len)
    }

    fn word(&self, index: usize) -> u64 {
        self.words.get(index).copied().unwrap_or_default()
    }

    /// The bits of the last word that lie beyond the end.
    fn beyond_end(&self) -> u64 {
        match self.len % WORD_BITS {
            0 => 0,
            used => u64::MAX >> used,
        }
    }
}

fn word_of(bit: BitIndex) -> usize {
    (bit.0 / WORD_BITS) as usize
}

fn mask(bit: BitIndex) -> u64 {
    1 << (WORD_BITS - 1 - bit.0 % WORD_BITS)
}

/// The set bits of the word at `index`, lowest bit index first.
fn ones(index: usize, mut word: u64) -> impl Iterator<Item = BitIndex> {
    // An array has at most 2^23 bits, so the index of a word fits easily.
    let base = u32::try_from(index).unwrap_or(u32::MAX / WORD_BITS) * WORD_BITS;
    std::iter::from_fn(move || {
        let offset = word.leading_zeros();
        (offset < WORD_BITS).then(|| {
            word &= !(1 << (WORD_BITS - 1 - offset));
            BitIndex(base + offset)
        })
    })
}

#[cfg(test)]
mod tests;
