//! An array that cannot be used: missing, malformed, or made for another subnet.

use std::fmt;

use crate::{AddressBook, NetworkId};

/// A network with an array that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfitArray {
    /// The network.
    pub network: NetworkId,
    /// What is wrong.
    pub problem: String,
}

impl UnfitArray {
    /// That of one network.
    pub fn find(book: AddressBook<'_>) -> Option<Self> {
        book.record.problem().map(|problem| Self { network: book.id.clone(), problem })
    }
}

impl fmt::Display for UnfitArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}
