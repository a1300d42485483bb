//! What becomes of one block when addresses of it are given back. As Calico does it since it lets addresses cool down: an
//! address is marked as released first, and what has cooled down for long enough is freed.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

use crate::{Attribute, Block, HandleId, MemberError};

/// An address that is to be given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The address.
    pub address: IpAddr,
    /// Only if this handle holds it.
    pub handle: Option<HandleId>,
    /// Only if it was given at this sequence number.
    pub sequence_number: Option<u64>,
}

/// Under which terms addresses are given back.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The time by the wall clock, which Calico writes and compares.
    pub now: Timestamp,
    /// For how long nobody gets an address that was given back.
    pub cooldown: SignedDuration,
}

/// What is to become of a block.
#[derive(Clone, Debug)]
pub struct BlockRelease {
    /// The change, if there is any.
    pub change: BlockChange,
    /// The addresses that are given back.
    pub released: Vec<IpAddr>,
    /// How many of them each handle held.
    pub counts: BTreeMap<HandleId, i64>,
    /// The addresses that nobody had, or that are cooling down already.
    pub unallocated: Vec<IpAddr>,
}

/// A change of a block.
#[derive(Clone, Debug)]
pub enum BlockChange {
    /// None: nobody had any of the addresses.
    None,
    /// It becomes this.
    Update(Block),
    /// Nobody has an address in it, and it is for nobody in particular: it goes. This is how it was to become.
    Delete(Block),
}

/// Why no address of a block is given back: what was known of it is not so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The address is in another block.
    #[error("{0} is not in block {1}")]
    Elsewhere(IpAddr, IpNet),
    /// The address was given again since.
    #[error("{address} was given at sequence number {stored}, not {given}")]
    SequenceNumber {
        /// The address.
        address: IpAddr,
        /// What was asked for.
        given: u64,
        /// What is in the block.
        stored: u64,
    },
    /// Somebody else holds the address.
    #[error("{address} is held by handle {stored:?}, not {given:?}")]
    Holder {
        /// The address.
        address: IpAddr,
        /// What was asked for.
        given: HandleId,
        /// What is in the block.
        stored: HandleId,
    },
    /// The block was changed as often as can be counted.
    #[error("block {0} has no further sequence number")]
    Exhausted(IpNet),
    /// The block could not be changed.
    #[error(transparent)]
    Member(#[from] MemberError),
}

impl Block {
    /// Gives addresses back; all of them, or none where one is not as it is wanted.
    ///
    /// # Errors
    /// If an address is held by somebody else, or was given again since, or is in another block.
    pub fn release(&self, wanted: &[Wanted], terms: &Terms) -> Result<BlockRelease, Refusal> {
        let mut block = self.clone();
        block.free_the_cooled(terms);
        // Of several wishes about one address the last counts.
        let distinct: BTreeMap<IpAddr, &Wanted> =
            wanted.iter().map(|wanted| (wanted.address, wanted)).collect();
        let mut held = BTreeSet::new();
        let mut unallocated = Vec::new();
        for (address, wanted) in distinct {
            let ordinal = block.ordinal(address).ok_or(Refusal::Elsewhere(address, block.cidr))?;
            if block.holder_as_wanted(wanted)?.is_some() {
                held.insert(ordinal);
            } else {
                unallocated.push(address);
            }
        }
        // Calico compares these two numbers.
        if wanted.len() == unallocated.len() {
            let change = BlockChange::None;
            return Ok(BlockRelease { change, released: Vec::new(), counts: BTreeMap::new(), unallocated });
        }
        let sequence_number = block.sequence_number;
        held.iter().for_each(|ordinal| {
            block.sequence_numbers.insert(ordinal.to_string(), sequence_number);
        });
        block.give_back(&held, unallocated, terms)
    }

    /// Gives back all addresses that a handle holds.
    ///
    /// # Errors
    /// If the block cannot be changed.
    pub fn release_all_of(&self, handle: &HandleId, terms: &Terms) -> Result<BlockRelease, Refusal> {
        let mut block = self.clone();
        block.free_the_cooled(terms);
        let is_held = |ordinal: &usize| {
            let attribute = block.attribute(*ordinal);
            attribute.is_some_and(|it| it.released_at.is_none() && it.handle == *handle)
        };
        let held: BTreeSet<usize> = (0..block.allocations.len()).filter(is_held).collect();
        if held.is_empty() {
            let (released, counts, unallocated) = (Vec::new(), BTreeMap::new(), Vec::new());
            return Ok(BlockRelease { change: BlockChange::None, released, counts, unallocated });
        }
        block.give_back(&held, Vec::new(), terms)
    }

    /// The sequence number is compared even where nobody has the address.
    fn holder_as_wanted(&self, wanted: &Wanted) -> Result<Option<&Attribute>, Refusal> {
        let address = wanted.address;
        let stored = self.sequence_number_of(address);
        if let Some(given) = wanted.sequence_number.filter(|given| *given != stored) {
            return Err(Refusal::SequenceNumber { address, given, stored });
        }
        let Some(holder) = self.holder(address).filter(|holder| holder.released_at.is_none()) else {
            return Ok(None);
        };
        match wanted.handle.as_ref().filter(|given| **given != holder.handle) {
            Some(given) => {
                Err(Refusal::Holder { address, given: given.clone(), stored: holder.handle.clone() })
            }
            None => Ok(Some(holder)),
        }
    }

    fn give_back(
        mut self,
        ordinals: &BTreeSet<usize>,
        unallocated: Vec<IpAddr>,
        terms: &Terms,
    ) -> Result<BlockRelease, Refusal> {
        let mut counts = BTreeMap::new();
        for handle in ordinals.iter().filter_map(|ordinal| self.attribute(*ordinal)).map(|it| &it.handle) {
            if !handle.is_empty() {
                *counts.entry(handle.clone()).or_insert(0) += 1;
            }
        }
        let mark = self.attributes.len();
        self.attributes.push(Attribute::released(terms.now)?);
        for ordinal in ordinals {
            if let Some(allocation) = self.allocations.get_mut(*ordinal) {
                *allocation = Some(mark);
            }
        }
        self.free_the_cooled(terms);
        let released = ordinals.iter().map(|ordinal| self.address(*ordinal)).collect();
        let change = if self.is_unused() && self.affinity().is_none() {
            BlockChange::Delete(self)
        } else {
            let next = self.sequence_number.checked_add(1);
            self.sequence_number = next.ok_or(Refusal::Exhausted(self.cidr))?;
            BlockChange::Update(self)
        };
        Ok(BlockRelease { change, released, counts, unallocated })
    }

    /// Frees the addresses that have cooled down, and forgets what is said of nobody.
    fn free_the_cooled(&mut self, terms: &Terms) {
        let is_cool = |released_at: Timestamp| {
            terms.cooldown.is_zero()
                || released_at.saturating_add(terms.cooldown).is_ok_and(|end| end < terms.now)
        };
        for ordinal in 0..self.allocations.len() {
            let released_at = self.attribute(ordinal).and_then(|attribute| attribute.released_at);
            if released_at.is_some_and(is_cool) {
                self.allocations[ordinal] = None;
                self.unallocated.push(ordinal);
                self.sequence_numbers.remove(&ordinal.to_string());
            }
        }
        self.forget_unused_attributes();
    }

    fn forget_unused_attributes(&mut self) {
        let used: BTreeSet<usize> = self.allocations.iter().flatten().copied().collect();
        let places: BTreeMap<usize, usize> = used.iter().enumerate().map(|(new, old)| (*old, new)).collect();
        self.attributes = used.iter().filter_map(|old| self.attributes.get(*old)).cloned().collect();
        for allocation in self.allocations.iter_mut().flatten() {
            *allocation = places.get(allocation).copied().unwrap_or(*allocation);
        }
    }

    /// What Windows keeps for itself is no use.
    fn is_unused(&self) -> bool {
        self.allocated().all(|(_, attribute)| attribute.handle.is_windows_reserved())
    }
}
