//! What the report says about anomalies: rows of bits without endpoints, and what is added to the rows of endpoints.

use std::net::IpAddr;

use danm_ipam::{BitIndex, Family};

use super::{Action, AddressAction, AddressRow, NetworkRow, Row, bare_row};
use crate::{
    Anomaly, Finding, NetworkId, OrphanBits, Reason, Slot, Verdict, World, owner::Owner, world::AddressSpace,
};

/// Rows for neighbouring bits without endpoints: a whole array of them would be millions.
const SHOWN: u32 = 1_024;

/// An anomaly, with what is to be said besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The anomaly.
    pub anomaly: Anomaly,
    /// What was, or will be, done about it.
    pub fate: Fate,
    /// More, for people.
    pub note: Option<String>,
}

/// What becomes of an anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is told of.
    Told,
    /// There are too many at once to be believed.
    Braked,
    /// It would be mended, were this no dry run.
    WouldBeMended,
    /// It was mended.
    Mended,
    /// The API server refused.
    Failed,
}

impl Remark {
    /// One that tells no more than what is found.
    pub const fn of(anomaly: Anomaly) -> Self {
        Self { anomaly, fate: Fate::Told, note: None }
    }

    /// The rows of bits without endpoints; none for anomalies of endpoints.
    pub fn rows(&self) -> Vec<Row> {
        match &self.anomaly {
            Anomaly::OrphanBits(orphans) => self.orphan_rows(orphans),
            _ => Vec::new(),
        }
    }

    /// The endpoints whose rows it concerns.
    pub(super) fn slots(&self, world: &World) -> Vec<Slot> {
        match &self.anomaly {
            Anomaly::OrphanBits(_) => Vec::new(),
            Anomaly::MissingBit(missing) => vec![missing.holder.slot],
            Anomaly::OutsideNetwork(outside) => vec![outside.holder.slot],
            Anomaly::DuplicateAddress(duplicate) => {
                duplicate.holders.iter().map(|holder| holder.slot).collect()
            }
            Anomaly::UnfitArray(unfit) => {
                let claims = world.endpoints().claims().on(&unfit.network.network);
                let covered = claims.filter(|(address, _)| is_covered(world, &unfit.network, *address));
                let slots = covered.flat_map(|(_, claimants)| claimants).copied();
                slots.filter(|slot| is_of(world, *slot, &unfit.network)).collect()
            }
        }
    }

    /// Says it in the row of an endpoint. Of one that is not found alive there is more to tell than that.
    pub(super) fn note_in(&self, row: &mut Row) {
        let is_unremarked = matches!(
            row.reason,
            Reason::PodExists | Reason::PodTerminating | Reason::MirrorPod | Reason::SameNamePod
        );
        if row.verdict == Verdict::Live && is_unremarked {
            row.reason = match self.anomaly {
                Anomaly::MissingBit(_) => Reason::MissingBit,
                Anomaly::DuplicateAddress(_) => Reason::DuplicateAddress,
                Anomaly::OutsideNetwork(_) => Reason::OutsideNetwork,
                // The endpoint is as it should be.
                Anomaly::UnfitArray(_) | Anomaly::OrphanBits(_) => row.reason,
            };
        }
        row.evidence.push(match (&self.anomaly, self.fate) {
            (Anomaly::MissingBit(missing), Fate::Mended) => {
                format!("bit {} of {} was clear and has been set again", missing.bit.0, missing.address)
            }
            (anomaly, _) => anomaly.to_string(),
        });
        row.evidence.extend(self.note.clone());
    }

    fn orphan_rows(&self, orphans: &OrphanBits) -> Vec<Row> {
        let NetworkId { group, network } = &orphans.network;
        let (verdict, reason, action, freed) = match self.fate {
            Fate::Told => (Verdict::Unknown, Reason::NoEndpoint, Action::Held, AddressAction::Keep),
            Fate::Braked => (Verdict::Dangling, Reason::Brake, Action::Held, AddressAction::Keep),
            Fate::WouldBeMended => {
                (Verdict::Dangling, Reason::NoEndpoint, Action::WouldRelease, AddressAction::Free)
            }
            Fate::Mended => (Verdict::Dangling, Reason::NoEndpoint, Action::Released, AddressAction::Free),
            Fate::Failed => (Verdict::Dangling, Reason::NoEndpoint, Action::Failed, AddressAction::Keep),
        };
        let error = self.note.clone().filter(|_| self.fate == Fate::Failed);
        let network = NetworkRow {
            kind: network.kind.name().to_owned(),
            namespace: network.namespace.to_string(),
            name: network.name.to_string(),
        };
        let shown = orphans.last.0.min(orphans.first.0.saturating_add(SHOWN - 1));
        let row = |bit: BitIndex| {
            let hidden = if bit.0 == shown { orphans.last.0 - shown } else { 0 };
            Row {
                namespace: network.namespace.clone(),
                network: network.clone(),
                addresses: vec![AddressRow {
                    address: orphans.address_of(bit),
                    owner: Owner::Danm,
                    action: freed,
                }],
                evidence: self.orphan_evidence(bit, orphans.family, hidden),
                action,
                error: error.clone(),
                ..bare_row(*group, Finding::new(verdict, reason))
            }
        };
        (orphans.first.0..=shown).map(BitIndex).map(row).collect()
    }

    fn orphan_evidence(&self, bit: BitIndex, family: Family, hidden: u32) -> Vec<String> {
        let array = match family {
            Family::Ipv4 => "alloc",
            Family::Ipv6 => "alloc6",
        };
        let is_set = if self.fate == Fate::Mended {
            "was set, and no endpoint claimed it"
        } else {
            "is set, and no endpoint claims it"
        };
        let mut evidence = vec![format!("bit {} of {array} {is_set}", bit.0)];
        evidence.extend(self.note.clone());
        if hidden > 0 {
            evidence.push(format!("so it is with the next {hidden} bits, which have no rows of their own"));
        }
        evidence
    }
}

/// Whether an array that cannot be used is where an address belongs.
fn is_covered(world: &World, network: &NetworkId, address: IpAddr) -> bool {
    world.networks().get(network).is_some_and(|record| {
        let space = record.space(Family::of(address));
        matches!(space, AddressSpace::Broken { .. }) && space.covers(address)
    })
}

/// Whether an endpoint names this network object, not that of the other group.
fn is_of(world: &World, slot: Slot, network: &NetworkId) -> bool {
    world.endpoints().get(slot).is_some_and(|endpoint| endpoint.id.group == network.group)
}
