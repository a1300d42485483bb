//! What must not happen, by kind: a schedule that is made shorter has to go wrong in the same way.

use std::fmt;

/// A law of the Cleaner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    /// No bit is cleared whose address a living Pod uses.
    NobodyIsRobbed,
    /// No address is given to two living Pods because a Cleaner cleared its bit.
    NoAddressIsGivenTwice,
    /// No endpoint of a living Pod is deleted.
    NoLivingEndpointIsDeleted,
    /// No endpoint is deleted while Calico keeps its address for it.
    NoAddressIsForgotten,
    /// No reserved bit is cleared.
    ReservedBitsStay,
    /// What is written is a bit array of the network.
    ArraysAreArrays,
    /// A Cleaner goes on for ever.
    CleanersGoOn,
    /// In the end the set bits are those of living Pods and the reserved ones.
    NothingIsLeft,
}

/// A law that was broken, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The law.
    pub law: Law,
    /// For people.
    pub how: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.how)
    }
}
