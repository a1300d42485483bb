//! Names that nobody else has: uids and the endings of generated names.

use std::hash::{BuildHasher, RandomState};

/// A random number. The keys of hash tables are random, which is all that is needed here.
fn number() -> u64 {
    RandomState::new().hash_one(0)
}

/// A random UUID.
pub(crate) fn uid() -> String {
    let (high, low) = (number(), number());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        (low >> 48) & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    )
}

/// The five letters after a `generateName`; without vowels, so that they form no words.
pub(crate) fn suffix() -> String {
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut number = number();
    let letters = (0..5).filter_map(|_| {
        let index = usize::try_from(number % 27).ok()?;
        number /= 27;
        LETTERS.get(index).map(|&letter| char::from(letter))
    });
    letters.collect()
}
