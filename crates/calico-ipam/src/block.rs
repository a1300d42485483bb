//! A block: some neighbouring addresses of a pool, and who has which of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;
use serde_json::value::RawValue;

use crate::{Attribute, HandleId, MemberError, members::Members};

/// A block, as it is in the `spec` of an `IPAMBlock` or in the value of its key in etcd.
#[derive(Clone, Debug)]
pub struct Block {
    pub(crate) members: Members,
    pub(crate) cidr: IpNet,
    pub(crate) affinity: Option<String>,
    /// For each address the attribute of whoever has it.
    pub(crate) allocations: Vec<Option<usize>>,
    /// The free addresses in the order in which they will be given.
    pub(crate) unallocated: Vec<usize>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) sequence_number: u64,
    /// The sequence number at which each address was given, by its place in the block.
    pub(crate) sequence_numbers: BTreeMap<String, u64>,
    pub(crate) is_deleted: bool,
}

/// Why a block cannot be worked with. Nothing in it is touched then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// It is no JSON object.
    #[error("it cannot be understood: {0}")]
    Unreadable(String),
    /// One of its members is not what it should be.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// Its members contradict each other.
    #[error("its {0}")]
    Contradiction(String),
}

/// Blocks of Calico have 4,096 addresses at most.
const LARGEST: u32 = 12;

impl Block {
    /// Reads a block.
    ///
    /// # Errors
    /// If it is not understood, or if its arrays disagree: then it is not known which addresses are free.
    pub fn read(text: &str) -> Result<Self, BlockError> {
        let members = Members::read(text)?;
        let attributes: Vec<Box<RawValue>> = members.require("attributes")?;
        let block = Self {
            cidr: members.require("cidr")?,
            affinity: members.get("affinity")?,
            allocations: members.require("allocations")?,
            unallocated: members.require("unallocated")?,
            attributes: attributes.into_iter().map(Attribute::read).collect::<Result<_, _>>()?,
            sequence_number: members.get("sequenceNumber")?.unwrap_or_default(),
            sequence_numbers: members.get("sequenceNumberForAllocation")?.unwrap_or_default(),
            is_deleted: members.get("deleted")?.unwrap_or_default(),
            members,
        };
        block.check()?;
        Ok(block)
    }

    /// As text, with everything that was read and is not understood.
    pub fn to_json(&self) -> Members {
        let mut members = self.members.clone();
        let attributes: Vec<&RawValue> = self.attributes.iter().map(Attribute::text).collect();
        members.set("allocations", &self.allocations);
        members.set("unallocated", &self.unallocated);
        members.set("attributes", &attributes);
        members.set("sequenceNumber", &self.sequence_number);
        members.set("sequenceNumberForAllocation", &self.sequence_numbers);
        members.set("deleted", &self.is_deleted);
        members
    }

    /// The addresses that it covers.
    pub fn cidr(&self) -> IpNet {
        self.cidr
    }

    /// Whom it is for: `host:<node>`, `virtual:load-balancer`, or nobody in particular.
    pub fn affinity(&self) -> Option<&str> {
        self.affinity.as_deref().filter(|affinity| !affinity.is_empty())
    }

    /// Whether its deletion has begun, which is how one is deleted from the Kubernetes API.
    pub fn is_deleted(&self) -> bool {
        self.is_deleted
    }

    /// The same block with the mark of a deletion that has begun.
    #[must_use]
    pub fn marked_deleted(&self) -> Self {
        Self { is_deleted: true, ..self.clone() }
    }

    /// The blocks that an address could be in, by their sizes.
    pub(crate) fn cidrs_around(address: IpAddr) -> impl Iterator<Item = IpNet> {
        let longest = IpNet::from(address).prefix_len();
        let lengths = (0..=LARGEST).filter_map(move |bits| longest.checked_sub(u8::try_from(bits).ok()?));
        lengths.filter_map(move |length| Some(IpNet::new(address, length).ok()?.trunc()))
    }

    /// The place of an address in the block.
    pub(crate) fn ordinal(&self, address: IpAddr) -> Option<usize> {
        let distance = match (self.cidr.network(), address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => u32::from(address).checked_sub(base.into())?.into(),
            (IpAddr::V6(base), IpAddr::V6(address)) => u128::from(address).checked_sub(base.into())?,
            _ => return None,
        };
        usize::try_from(distance).ok().filter(|ordinal| *ordinal < self.allocations.len())
    }

    pub(crate) fn address(&self, ordinal: usize) -> IpAddr {
        match self.cidr.network() {
            IpAddr::V4(base) => {
                let ordinal = u32::try_from(ordinal).unwrap_or_default();
                IpAddr::V4(u32::from(base).wrapping_add(ordinal).into())
            }
            IpAddr::V6(base) => IpAddr::V6(u128::from(base).wrapping_add(ordinal as u128).into()),
        }
    }

    /// Who has an address; `None` if nobody has, or if it is not in this block.
    pub fn holder(&self, address: IpAddr) -> Option<&Attribute> {
        self.attribute(self.ordinal(address)?)
    }

    /// The sequence number at which an address was given; 0 where that is not known.
    pub fn sequence_number_of(&self, address: IpAddr) -> u64 {
        let ordinal = self.ordinal(address).map(|ordinal| ordinal.to_string());
        ordinal.and_then(|ordinal| self.sequence_numbers.get(&ordinal)).copied().unwrap_or_default()
    }

    /// The addresses that somebody has or that are cooling down, with what is said of them.
    pub fn allocated(&self) -> impl Iterator<Item = (IpAddr, &Attribute)> {
        (0..self.allocations.len())
            .filter_map(|ordinal| Some((self.address(ordinal), self.attribute(ordinal)?)))
    }

    /// How many addresses a handle holds in it.
    pub fn count_of(&self, handle: &HandleId) -> i64 {
        let held = self.allocated().filter(|(_, attribute)| attribute.handle == *handle);
        i64::try_from(held.count()).unwrap_or(i64::MAX)
    }

    pub(crate) fn attribute(&self, ordinal: usize) -> Option<&Attribute> {
        self.attributes.get((*self.allocations.get(ordinal)?)?)
    }

    fn check(&self) -> Result<(), BlockError> {
        let contradiction = |text: String| Err(BlockError::Contradiction(text));
        let host_bits = u32::from(self.cidr.max_prefix_len() - self.cidr.prefix_len());
        if host_bits > LARGEST {
            return contradiction(format!("cidr {} is larger than any block", self.cidr));
        }
        if self.cidr != self.cidr.trunc() {
            return contradiction(format!("cidr {} is no network", self.cidr));
        }
        let size = 1_usize << host_bits;
        if self.allocations.len() != size {
            let entries = self.allocations.len();
            return contradiction(format!("allocations have {entries} entries for {size} addresses"));
        }
        let wrong = |index: &&usize| **index >= self.attributes.len();
        if let Some(index) = self.allocations.iter().flatten().find(wrong) {
            return contradiction(format!("allocations name attribute {index}, which is not there"));
        }
        let free: BTreeSet<usize> = self.unallocated.iter().copied().collect();
        let unheld: BTreeSet<usize> =
            (0..size).filter(|ordinal| self.allocations.get(*ordinal) == Some(&None)).collect();
        if free.len() != self.unallocated.len() || free != unheld {
            return contradiction(
                "allocations and unallocated disagree about which addresses are free".to_owned(),
            );
        }
        Ok(())
    }
}
