//! An endpoint's address that is in no subnet of its network, though DANM gave it: the subnet was edited, or the
//! endpoint was.

use std::{fmt, net::IpAddr};

use super::{Dead, Holder};
use crate::{AddressBook, NetworkId, owner::is_dynamic_type};

/// An address outside its network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideNetwork {
    /// The network.
    pub network: NetworkId,
    /// The address.
    pub address: IpAddr,
    /// The endpoint.
    pub holder: Holder,
}

impl OutsideNetwork {
    /// Those of one network. Where it has no subnet of a family, addresses of that family are none of its business.
    pub(super) fn find<'a>(book: AddressBook<'a>, dead: &'a Dead) -> impl Iterator<Item = Self> {
        let is_outside =
            move |address| book.bit_of(address).is_none() && book.record.contains(address) == Some(false);
        let outside = book.claims().filter(move |(address, _)| is_outside(*address));
        outside.flat_map(move |(address, claimants)| {
            let holders = book
                .own(claimants)
                .filter(|(slot, endpoint)| !dead.is_dead(*slot) && is_dynamic_type(&endpoint.network_type));
            holders.map(move |(slot, endpoint)| {
                let holder = Holder::new(slot, endpoint);
                Self { network: book.id.clone(), address, holder }
            })
        })
    }
}

impl fmt::Display for OutsideNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} is in no subnet of the network", self.address, self.holder)
    }
}
