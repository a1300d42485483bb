//! What an audit finds, and what to do about it.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;

use super::PodName;
use crate::HandleId;

/// Something that does not agree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What kind of thing it is.
    pub kind: FindingKind,
    /// The address, if it is about one.
    pub address: Option<IpAddr>,
    /// The block.
    pub block: Option<IpNet>,
    /// The handle.
    pub handle: Option<HandleId>,
    /// The Pods: whom the block names first, then who uses the address.
    pub pods: Vec<PodName>,
    /// What was seen, for people.
    pub detail: String,
}

/// Kinds of findings. They are told in this order: first what harms Pods, then what wastes addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// Living Pods use one address.
    SeveralUsers,
    /// A living Pod uses an address that is free: somebody else may get it at any moment.
    NotAllocated,
    /// A block says another Pod than the one that uses the address.
    OwnerMismatch,
    /// Blocks have addresses in common.
    OverlappingBlocks,
    /// What a block says contradicts itself.
    InvalidBlock,
    /// Another object cannot be understood.
    Unreadable,
    /// An address is allocated, and those whom it was for are gone.
    Leaked,
    /// An address is allocated, nobody says to use it, and it cannot be told whether anybody does.
    Suspect,
    /// A living Pod has an address of Calico's that is in no pool.
    OutsidePools,
    /// A block is in no pool.
    BlockOutsidePools,
    /// A handle holds nothing.
    EmptyHandle,
    /// A handle counts another number of addresses than blocks say.
    HandleCount,
    /// Addresses are held by a handle that is not there.
    MissingHandle,
    /// An address is held by no handle.
    NoHandle,
}

// === impl Finding ===

impl Finding {
    pub(super) fn new(kind: FindingKind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { kind, address: None, block: None, handle: None, pods: Vec::new(), detail }
    }
}

// === impl FindingKind ===

impl FindingKind {
    /// All of them, in their order.
    pub const ALL: [Self; 14] = [
        Self::SeveralUsers,
        Self::NotAllocated,
        Self::OwnerMismatch,
        Self::OverlappingBlocks,
        Self::InvalidBlock,
        Self::Unreadable,
        Self::Leaked,
        Self::Suspect,
        Self::OutsidePools,
        Self::BlockOutsidePools,
        Self::EmptyHandle,
        Self::HandleCount,
        Self::MissingHandle,
        Self::NoHandle,
    ];

    /// Its code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SeveralUsers => "several-users",
            Self::NotAllocated => "not-allocated",
            Self::OwnerMismatch => "owner-mismatch",
            Self::OverlappingBlocks => "overlapping-blocks",
            Self::InvalidBlock => "invalid-block",
            Self::Unreadable => "unreadable",
            Self::Leaked => "leaked",
            Self::Suspect => "suspect",
            Self::OutsidePools => "outside-pools",
            Self::BlockOutsidePools => "block-outside-pools",
            Self::EmptyHandle => "empty-handle",
            Self::HandleCount => "handle-count",
            Self::MissingHandle => "missing-handle",
            Self::NoHandle => "no-handle",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}
