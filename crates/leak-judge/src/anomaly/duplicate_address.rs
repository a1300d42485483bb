//! One address held by living endpoints of different Pods. Nobody can say from outside which of them is right.

use std::{fmt, net::IpAddr};

use super::{Dead, Holder};
use crate::{AddressBook, Endpoint, NetworkId, Slot, world::Life};

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
            let holders = rivals(book, claimants, dead)?;
            let (_, first) = holders.first()?;
            // A network that is in both groups is told of once.
            let is_here = first.id.group == book.id.group;
            let may_share = book.world.reservations().lets_share(&book.id.network, address);
            (is_here && !may_share).then(|| {
                let holders = holders.iter().map(|(slot, endpoint)| Holder::new(*slot, endpoint)).collect();
                Self { network: book.id.clone(), address, holders }
            })
        })
    }
}

/// Those who may live, if they are of different Pods. A Pod that has ended runs nothing.
fn rivals<'a>(
    book: AddressBook<'a>,
    claimants: &'a [Slot],
    dead: &Dead,
) -> Option<Vec<(Slot, &'a Endpoint)>> {
    let undead = claimants.iter().filter(|slot| !dead.is_dead(**slot));
    let mut rivals: Vec<(Slot, &Endpoint)> =
        undead.filter_map(|slot| Some((*slot, book.world.endpoints().get(*slot)?))).collect();
    let have_rivals = |endpoints: &[(Slot, &Endpoint)]| {
        let (_, first) = endpoints.first()?;
        endpoints.iter().any(|(_, other)| !are_of_one_pod(first, other)).then_some(())
    };
    have_rivals(&rivals)?;
    rivals.retain(|(_, endpoint)| {
        let life = book.world.pods().life(&endpoint.pod_uid);
        !matches!(life, Some(Life::Ended | Life::Finished))
    });
    have_rivals(&rivals)?;
    Some(rivals)
}

/// What a sandbox has left beside its successor, or two interfaces.
fn are_of_one_pod(one: &Endpoint, other: &Endpoint) -> bool {
    let is_same_name = one.id.namespace == other.id.namespace && one.pod == other.pod;
    let is_unknown = one.pod_uid.is_empty() || other.pod_uid.is_empty();
    is_same_name && (is_unknown || one.pod_uid == other.pod_uid)
}

impl fmt::Display for DuplicateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holders: Vec<String> = self.holders.iter().map(Holder::to_string).collect();
        write!(f, "{} is held by {}", self.address, holders.join(" and "))
    }
}
