//! Addresses with a bit in their network's array: freed by clearing it, if it is surely the endpoint's.
//!
//! DANM sets the bit first and creates the endpoint later, up to a request's timeout; when a Pod is deleted it
//! clears the bit first and deletes the endpoint later. An endpoint that is left behind may therefore name an
//! address that is another's already, whose own endpoint cannot be seen yet.

use std::time::Duration;

use danm_ipam::{BitIndex, Family, Reservation};

use super::{AddressCase, AddressOwner, Owner, Settlement, is_dynamic_type};
use crate::{
    Reason,
    mutant::{Mutant, lacks},
    world::{AddressSpace, Bits, Endpoint, NetworkLookup, NetworkRecord, Slot},
};

/// From bit to endpoint DANM makes one request, which an API server gives up after a minute. Whoever comes later
/// did not set the bit.
const LONGEST_ADD: Duration = Duration::from_secs(120);

/// DANM's own bit arrays.
pub struct DanmBits;

impl AddressOwner for DanmBits {
    fn owner(&self) -> Owner {
        Owner::Danm
    }

    /// An address that the array covers. While the network cannot be read, any may be.
    fn owns(&self, case: AddressCase<'_>) -> bool {
        match case.network {
            NetworkLookup::Found(network) => network.space(Family::of(case.address)).covers(case.address),
            NetworkLookup::Gone => is_dynamic_type(&case.endpoint.network_type),
            NetworkLookup::Unusable(_) => true,
        }
    }

    fn settle(&self, case: AddressCase<'_>) -> Settlement {
        match case.network {
            NetworkLookup::Unusable(problem) => unreadable(problem),
            NetworkLookup::Gone => {
                Settlement::AlreadyFree("the network is gone, and its array with it".to_owned())
            }
            NetworkLookup::Found(network) if is_successor(network, case) => {
                Settlement::AlreadyFree("the network was made anew after the endpoint".to_owned())
            }
            NetworkLookup::Found(network) => match network.space(Family::of(case.address)) {
                AddressSpace::None => Settlement::AlreadyFree("the network has no array".to_owned()),
                AddressSpace::Broken { problem, .. } => unreadable(problem),
                AddressSpace::Bits(bits) => settle_bit(network, bits, case),
            },
        }
    }
}

/// A network younger than the endpoint is another network under the same name. Both times are an API server's.
fn is_successor(network: &NetworkRecord, case: AddressCase<'_>) -> bool {
    network.created > case.endpoint.created
}

fn unreadable(problem: &str) -> Settlement {
    Settlement::Hold { reason: Reason::NetworkUnreadable, until: None, note: problem.to_owned() }
}

fn settle_bit(network: &NetworkRecord, bits: &Bits, case: AddressCase<'_>) -> Settlement {
    let Some(bit) = bits.pool.bit_of(case.address) else {
        return Settlement::AlreadyFree("the address is outside the subnet".to_owned());
    };
    if let Some(reservation) = bits.pool.reservation(bit) {
        return Settlement::Keep(format!("the address is {}", describe(reservation)));
    }
    if !bits.alloc.is_set(bit) {
        return Settlement::AlreadyFree(format!("bit {} is clear", bit.0));
    }
    if network.released.contains(&case.endpoint.uid) {
        return Settlement::AlreadyFree(format!(
            "the network records that it was given back; bit {} is somebody else's",
            bit.0
        ));
    }
    if let Some(settlement) = settle_rivalry(case) {
        return settlement;
    }
    prove_ownership(bits, bit, case)
}

fn describe(reservation: Reservation) -> &'static str {
    match reservation {
        Reservation::NetworkAddress => "the network address",
        Reservation::Broadcast => "the broadcast address",
        Reservation::LastAddress => "the last of the subnet, which DANM reserves",
        Reservation::Gateway => "a gateway of the network",
    }
}

/// Another endpoint of the network, in either group, that claims the address and is not released with this one;
/// or one of which nobody can tell what it claims.
fn settle_rivalry(case: AddressCase<'_>) -> Option<Settlement> {
    let endpoints = case.world.endpoints();
    if lacks(Mutant::NoRivalCheck) {
        return None;
    }
    let claimants = endpoints.claims().of(&case.endpoint.network, case.address).iter();
    let rivals = claimants.filter(|slot| !case.releasing.contains(*slot));
    let rivals = rivals.filter_map(|slot| endpoints.get(*slot).map(|other| (slot, other)));
    let rivals: Vec<(&Slot, &Endpoint)> =
        rivals.filter(|(_, other)| other.uid != case.endpoint.uid).collect();
    let hold = |reason, note| Some(Settlement::Hold { reason, until: None, note });
    if let Some((_, rival)) = rivals.iter().find(|(slot, _)| !case.dying.contains(*slot)) {
        return Some(Settlement::Refuse(format!("{} of Pod {} holds it too", rival.id, rival.pod)));
    }
    if let Some(unread) = case.world.unread_claim(case.address) {
        let note = format!("{unread}, which cannot be understood, names it too");
        return hold(Reason::UnreadableEndpoint, note);
    }
    let (_, rival) = rivals.first()?;
    hold(Reason::DeadRival, format!("{}, which is dead too, holds it too", rival.id))
}

/// The bit is the endpoint's if it was seen to be set before the endpoint came and to stay so, or if it was seen
/// set for longer than anybody takes from bit to endpoint, so that another owner would show by now to whoever
/// reads all endpoints.
fn prove_ownership(bits: &Bits, bit: BitIndex, case: AddressCase<'_>) -> Settlement {
    let endpoint = case.endpoint;
    let rise = bits.rise(bit);
    let set_since = rise.map_or(bits.seen_since, |rise| rise.at);
    let took = endpoint.first_seen.since(set_since);
    if !endpoint.was_listed && took > case.rules.ownership_window.max(LONGEST_ADD) {
        return Settlement::Refuse(format!("bit {} was set {took:.1?} before the endpoint came", bit.0));
    }
    match rise {
        // What we have set for an endpoint that was there is nobody else's, as far as nobody shows.
        Some(rise) if rise.is_restored => {}
        Some(rise) if rise.version > endpoint.first_version => {
            return Settlement::Refuse(format!("bit {} was set anew after the endpoint was there", bit.0));
        }
        Some(_) if !endpoint.was_listed => {
            let note = format!("bit {} has been set since before the endpoint came", bit.0);
            return Settlement::Free { bit, note, shown_since: None };
        }
        _ => {}
    }
    let seen = case.now.since(set_since);
    let until = set_since + case.rules.ownership_window;
    if until > case.now {
        let window = case.rules.ownership_window;
        let note = format!("bit {} has been seen set for {seen:.1?} of {window:?}", bit.0);
        return Settlement::Hold { reason: Reason::OwnershipWindow, until: Some(until), note };
    }
    let note = format!("bit {} has been seen set for {seen:.1?}", bit.0);
    Settlement::Free { bit, note, shown_since: Some(until) }
}
