//! The clear bit of a living endpoint's address: DANM may give the address to another Pod at any moment.

use std::{fmt, net::IpAddr};

use danm_ipam::{BitIndex, Family, Reservation};

use super::Holder;
use crate::{AddressBook, Endpoint, NetworkId, Treatment, owner::is_dynamic_type, world::Life};

/// A bit that is clear although a living endpoint claims its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingBit {
    /// The network.
    pub network: NetworkId,
    /// The address.
    pub address: IpAddr,
    /// The bit.
    pub bit: BitIndex,
    /// The endpoint.
    pub holder: Holder,
    /// Why it is not ours to set, for people; `None` where it is.
    pub obstacle: Option<String>,
}

impl MissingBit {
    /// Those of one network. Only a Pod that is there by its uid and is to stay is surely alive: while it is being
    /// deleted DANM clears the bit first, and deletes the endpoint later.
    pub fn find(book: AddressBook<'_>) -> impl Iterator<Item = Self> {
        let clear = book.claims().filter_map(move |(address, claimants)| {
            let (bits, bit) = book.bit_of(address).filter(|(bits, bit)| !bits.alloc.is_set(*bit))?;
            Some((address, bits, bit, claimants))
        });
        clear.flat_map(move |(address, bits, bit, claimants)| {
            let living = book.own(claimants).filter(move |(_, endpoint)| has_address_of_danm(book, endpoint));
            living.filter_map(move |(slot, endpoint)| {
                let obstacle = match bits.pool.reservation(bit) {
                    None => obstacle(book, address, endpoint),
                    Some(Reservation::Gateway) => Some("it is the address of a gateway".to_owned()),
                    // Nobody is given these; their bits are the array's own.
                    Some(_) => return None,
                };
                let holder = Holder::new(slot, endpoint);
                Some(Self { network: book.id.clone(), address, bit, holder, obstacle })
            })
        })
    }

    /// The family of the address.
    pub fn family(&self) -> Family {
        Family::of(self.address)
    }
}

/// Other plugins' own IPAM gives addresses of the same subnet without any bit.
fn has_address_of_danm(book: AddressBook<'_>, endpoint: &Endpoint) -> bool {
    let lives =
        !endpoint.pod_uid.is_empty() && book.world.pods().life(&endpoint.pod_uid) == Some(Life::Lives);
    lives && !endpoint.is_deleting && is_dynamic_type(&endpoint.network_type)
}

fn obstacle(book: AddressBook<'_>, address: IpAddr, endpoint: &Endpoint) -> Option<String> {
    let namespace = book.world.namespaces().treatment(&endpoint.id.namespace);
    if let Some(wish) = book.record.treatment.into_iter().chain(namespace).find_map(Treatment::forbids) {
        return Some(wish);
    }
    // Whoever may write endpoints in a namespace could fill a network that is not for it.
    if !book.record.allows(&endpoint.id.namespace) {
        return Some(format!("its AllowedTenants do not name namespace {}", endpoint.id.namespace));
    }
    if book.record.released.contains(&endpoint.uid) {
        return Some("the network records that it was given back, though its holder lives".to_owned());
    }
    if book.record.created > endpoint.created {
        return Some("the network was made anew after the endpoint".to_owned());
    }
    if book.world.reservations().keep(&book.id.network, address) {
        return Some("a ReservedIP keeps it".to_owned());
    }
    let unread = book.world.unread_claim(address)?;
    Some(format!("{unread}, which cannot be understood, names it too"))
}

impl fmt::Display for MissingBit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not allocated, though {} holds it", self.address, self.holder)
    }
}
