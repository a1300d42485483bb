//! What does not agree in the address books of networks: bits nobody claims, claims without a bit, addresses held
//! twice or outside their network, arrays that do not fit. A pure look at the present; since when something has been
//! so is kept in [`Sightings`](crate::Sightings), what may be done about it is decided in `mending`.

mod duplicate_address;
mod holder;
mod missing_bit;
mod orphan_bits;
mod outside_network;
mod unfit_array;

use std::fmt;

use serde::Serialize;

pub use self::{
    duplicate_address::DuplicateAddress, holder::Holder, missing_bit::MissingBit, orphan_bits::OrphanBits,
    outside_network::OutsideNetwork, unfit_array::UnfitArray,
};
use crate::{AddressBook, Judgement, NetworkId, Slot, Verdict, World};

/// Something that does not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// Bits are set that no endpoint claims.
    OrphanBits(OrphanBits),
    /// A living endpoint's bit is clear.
    MissingBit(MissingBit),
    /// Living endpoints of different Pods hold one address.
    DuplicateAddress(DuplicateAddress),
    /// An endpoint holds an address that is not in its network.
    OutsideNetwork(OutsideNetwork),
    /// An array cannot be used, or does not fit its subnet.
    UnfitArray(UnfitArray),
}

/// The kinds of anomalies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnomalyKind {
    /// A bit is set that no endpoint claims.
    OrphanBit,
    /// A living endpoint's bit is clear.
    MissingBit,
    /// An address is held twice.
    DuplicateAddress,
    /// An address is outside its network.
    OutsideNetwork,
    /// An array does not fit.
    UnfitArray,
}

/// All of them, network by network. `judgements` are those of all endpoints that were not found alive, at least:
/// whoever is proved dead holds nothing.
pub fn anomalies(world: &World, judgements: &[Judgement]) -> Vec<Anomaly> {
    let dead = Dead::of(judgements);
    let mut all = Vec::new();
    for book in AddressBook::all(world) {
        all.extend(OrphanBits::find(book).map(Anomaly::OrphanBits));
        all.extend(MissingBit::find(book).map(Anomaly::MissingBit));
        all.extend(DuplicateAddress::find(book, &dead).map(Anomaly::DuplicateAddress));
        all.extend(OutsideNetwork::find(book, &dead).map(Anomaly::OutsideNetwork));
        all.extend(UnfitArray::find(book).map(Anomaly::UnfitArray));
    }
    all
}

/// Which endpoints are proved dead, by their places.
struct Dead(Vec<bool>);

impl Dead {
    fn of(judgements: &[Judgement]) -> Self {
        let dead = judgements.iter().filter(|judgement| judgement.proof.verdict == Verdict::Dangling);
        let mut all = Vec::new();
        for judgement in dead {
            let index = judgement.slot.index();
            if index >= all.len() {
                all.resize(index + 1, false);
            }
            all[index] = true;
        }
        Self(all)
    }

    fn is_dead(&self, slot: Slot) -> bool {
        self.0.get(slot.index()).copied().unwrap_or_default()
    }
}

// === impl Anomaly ===

impl Anomaly {
    /// Its kind.
    pub const fn kind(&self) -> AnomalyKind {
        match self {
            Self::OrphanBits(_) => AnomalyKind::OrphanBit,
            Self::MissingBit(_) => AnomalyKind::MissingBit,
            Self::DuplicateAddress(_) => AnomalyKind::DuplicateAddress,
            Self::OutsideNetwork(_) => AnomalyKind::OutsideNetwork,
            Self::UnfitArray(_) => AnomalyKind::UnfitArray,
        }
    }

    /// The network.
    pub const fn network(&self) -> &NetworkId {
        match self {
            Self::OrphanBits(it) => &it.network,
            Self::MissingBit(it) => &it.network,
            Self::DuplicateAddress(it) => &it.network,
            Self::OutsideNetwork(it) => &it.network,
            Self::UnfitArray(it) => &it.network,
        }
    }

    /// How many addresses it is about; an array counts once.
    pub fn size(&self) -> usize {
        match self {
            Self::OrphanBits(it) => it.size(),
            _ => 1,
        }
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OrphanBits(it) => it.fmt(f),
            Self::MissingBit(it) => it.fmt(f),
            Self::DuplicateAddress(it) => it.fmt(f),
            Self::OutsideNetwork(it) => it.fmt(f),
            Self::UnfitArray(it) => it.fmt(f),
        }
    }
}

// === impl AnomalyKind ===

impl AnomalyKind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::OrphanBit, Self::MissingBit, Self::DuplicateAddress, Self::OutsideNetwork, Self::UnfitArray];

    /// Its code, in reports and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::OrphanBit => "orphan-bit",
            Self::MissingBit => "missing-bit",
            Self::DuplicateAddress => "duplicate-address",
            Self::OutsideNetwork => "outside-network",
            Self::UnfitArray => "unfit-array",
        }
    }
}
