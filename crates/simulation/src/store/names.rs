//! Names and uids of objects, made from numbers and read back.

/// When schedules begin, in seconds since 1970: a moment that API servers write into objects.
pub const EPOCH: i64 = 1_795_000_000;

/// The namespaces there are.
pub const NAMESPACES: [&str; 2] = ["ran", "core"];

/// A uid of the usual shape for a numbered object of a kind.
pub fn identifier(kind: u16, incarnation: u32, number: usize) -> String {
    format!("{kind:08x}-0000-4000-8000-{incarnation:04x}{number:08x}")
}

/// The number in a uid.
pub fn number_of(identifier: &str) -> Option<usize> {
    usize::from_str_radix(identifier.get(28..)?, 16).ok()
}
