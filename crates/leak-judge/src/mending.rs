//! What to write to mend the address book of a network: clear the bits of nobody, set those of the living. Only what
//! has been seen for long enough without a break, and what is nobody else's business, is mended.

use std::time::Duration;

use danm_ipam::{AllocBits, BitIndex, Family, release};

use crate::{
    AddressBook, Anomaly, MissingBit, Moment, NetworkId, NetworkWrite, OrphanBits, Sightings, World,
    sightings::Stretch,
    world::{AddressSpace, NetworkRecord},
};

/// What an operator can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MendingRules {
    /// How long a living endpoint's bit has to have been seen clear before it is set.
    pub missing_for: Duration,
    /// How long a bit has to have been seen set and unclaimed before it is cleared; `None` where it never is.
    pub orphan_for: Option<Duration>,
}

/// A second look is a later one, also where nobody wants to wait.
const SECOND_LOOK: Duration = Duration::from_millis(1);

/// What is ripe to be mended in one network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mending {
    /// Bits to clear.
    pub orphans: Vec<RipeOrphans>,
    /// Bits to set.
    pub missing: Vec<MissingBit>,
}

/// Bits that have been seen as orphans for long enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RipeOrphans {
    /// The bits.
    pub bits: OrphanBits,
    /// Since when they have been seen so.
    pub since: Moment,
    /// Nobody holds them if that shows: all endpoints have to have been read by a read that began at this moment or
    /// later.
    pub shown_since: Moment,
}

/// When what is found will be ripe, network by network: a moment for each that can be mended.
pub fn ripening<'a>(
    found: &'a [Anomaly],
    world: &'a World,
    sightings: &'a Sightings,
    rules: &'a MendingRules,
) -> impl Iterator<Item = (&'a NetworkId, Moment)> {
    found.iter().flat_map(move |anomaly| {
        let record = world.networks().get(anomaly.network());
        let moments = match (anomaly, record) {
            (Anomaly::OrphanBits(orphans), Some(record)) => {
                let ripe = ripe_orphans(orphans, record, sightings, rules);
                ripe.map(|ripe| ripe.shown_since).collect()
            }
            (Anomaly::MissingBit(missing), Some(record)) => {
                missing_ripe_at(missing, record, sightings, rules).into_iter().collect()
            }
            _ => Vec::new(),
        };
        moments.into_iter().map(|moment| (anomaly.network(), moment))
    })
}

/// The orphans of one network, with the moment at which each is ripe as [`RipeOrphans::shown_since`]; none where
/// they are not to be cleared at all.
pub fn ripe_orphans(
    orphans: &OrphanBits,
    record: &NetworkRecord,
    sightings: &Sightings,
    rules: &MendingRules,
) -> impl Iterator<Item = RipeOrphans> {
    let wait = rules.orphan_for.filter(|_| orphans.obstacle.is_none());
    let stretches = match record.space(orphans.family) {
        AddressSpace::Bits(bits) if wait.is_some() => sightings.of_orphans(&record.uid, orphans, bits),
        _ => Vec::new(),
    };
    let wait = wait.unwrap_or_default().max(SECOND_LOOK);
    stretches.into_iter().map(move |Stretch { first, last, since }| RipeOrphans {
        bits: orphans.part(first, last),
        since,
        shown_since: since + wait,
    })
}

/// When a missing bit is ripe to be set, if it is ours to set.
fn missing_ripe_at(
    missing: &MissingBit,
    record: &NetworkRecord,
    sightings: &Sightings,
    rules: &MendingRules,
) -> Option<Moment> {
    let since = sightings.missing_since(&record.uid, missing).filter(|_| missing.obstacle.is_none())?;
    let AddressSpace::Bits(bits) = record.space(missing.family()) else { return None };
    Some(since.max(bits.clear_since(missing.bit)) + rules.missing_for.max(SECOND_LOOK))
}

// === impl Mending ===

impl Mending {
    /// What is ripe in a network as it is now, of what was there at the last look.
    pub fn of(book: AddressBook<'_>, sightings: &Sightings, rules: &MendingRules, now: Moment) -> Self {
        let orphans = rules.orphan_for.into_iter().flat_map(|_| OrphanBits::find(book));
        let orphans = orphans.flat_map(|orphans| {
            let ripe: Vec<RipeOrphans> = ripe_orphans(&orphans, book.record, sightings, rules).collect();
            ripe
        });
        let missing = MissingBit::find(book).filter(|missing| {
            let ripe_at = missing_ripe_at(missing, book.record, sightings, rules);
            ripe_at.is_some_and(|ripe_at| ripe_at <= now)
        });
        Self { orphans: orphans.filter(|ripe| ripe.shown_since <= now).collect(), missing: missing.collect() }
    }

    /// Whether there is nothing to be done.
    pub fn is_empty(&self) -> bool {
        self.orphans.is_empty() && self.missing.is_empty()
    }

    /// How many bits it clears.
    pub fn freed(&self) -> usize {
        self.orphans.iter().map(|ripe| ripe.bits.size()).sum()
    }

    /// The bits it sets.
    pub fn restored(&self) -> Vec<(Family, BitIndex)> {
        self.missing.iter().map(|missing| (missing.family(), missing.bit)).collect()
    }

    /// The write, to the network as it was judged; `None` where that would change nothing.
    pub fn write(&self, record: &NetworkRecord) -> Option<NetworkWrite> {
        let [alloc, alloc6] = Family::ALL.map(|family| self.array(record, family).map(|bits| bits.encode()));
        let write = NetworkWrite { version: record.version, alloc, alloc6, released: None };
        (write.alloc.is_some() || write.alloc6.is_some()).then_some(write)
    }

    fn array(&self, record: &NetworkRecord, family: Family) -> Option<AllocBits> {
        let AddressSpace::Bits(space) = record.space(family) else { return None };
        let orphans = self.orphans.iter().map(|ripe| &ripe.bits).filter(|bits| bits.family == family);
        let orphans = orphans.flat_map(|bits| (bits.first.0..=bits.last.0).map(BitIndex));
        let mut bits = release(&space.pool, &space.alloc, orphans).bits;
        let missing = self.missing.iter().filter(|missing| missing.family() == family);
        missing.for_each(|missing| bits.set(missing.bit));
        (bits != space.alloc).then_some(bits)
    }
}
