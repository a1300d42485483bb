//! One address held by living endpoints of different Pods. Nobody can say from outside which of them is right.

use std::{fmt, net::IpAddr};

use super::{Dead, Holder};
use crate::{AddressBook, NetworkId, Slot, world::Life};

/// An address that several Pods hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateAddress {
    /// The network of the first of them.
    pub network: NetworkId,
    /// The address.
    pub address: IpAddr,
    /// Who holds it.
    pub holders: Vec<Holder>,
}

impl DuplicateAddress {
    /// Those of one network.
    pub(super) fn find<'a>(book: AddressBook<'a>, dead: &'a Dead) -> impl Iterator<Item = Self> {
        let shared = book.claims().filter(|(_, claimants)| claimants.len() > 1);
        shared.filter_map(move |(address, claimants)| {
            let holders = holders(book, claimants, dead);
            let first = holders.first()?;
            let are_rivals = holders.iter().any(|other| !other.is_of_pod_of(first));
            // A network that is in both groups is told of once.
            let is_here = first.id.group == book.id.group;
            let may_share = book.world.reservations().lets_share(&book.id.network, address);
            let network = book.id.clone();
            (are_rivals && is_here && !may_share).then_some(Self { network, address, holders })
        })
    }
}

/// Those who may live. A Pod that has ended runs nothing.
fn holders(book: AddressBook<'_>, claimants: &[Slot], dead: &Dead) -> Vec<Holder> {
    let endpoints = claimants.iter().filter(|slot| !dead.is_dead(**slot));
    let endpoints = endpoints.filter_map(|slot| Some((*slot, book.world.endpoints().get(*slot)?)));
    let holders = endpoints
        .filter(|(_, endpoint)| {
            let life = book.world.pods().life(&endpoint.pod_uid);
            !matches!(life, Some(Life::Ended | Life::Finished))
        })
        .map(|(slot, endpoint)| Holder::new(slot, endpoint));
    holders.collect()
}

impl fmt::Display for DuplicateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holders: Vec<String> = self.holders.iter().map(Holder::to_string).collect();
        write!(f, "{} is held by {}", self.address, holders.join(" and "))
    }
}
