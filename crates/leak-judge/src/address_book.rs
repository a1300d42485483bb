//! The address book of a network: its arrays, the endpoints that claim addresses of it and the reservations that keep
//! some, side by side. What does not agree in it is an [`Anomaly`](crate::Anomaly).

use std::{collections::BTreeSet, net::IpAddr};

use danm_ipam::{BitIndex, Family};

use crate::world::{AddressSpace, Bits, Endpoint, NetworkId, NetworkRecord, Slot, Source, World};

/// One network, with everything that is said about its addresses.
#[derive(Clone, Copy, Debug)]
pub struct AddressBook<'a> {
    /// The cluster.
    pub world: &'a World,
    /// The network.
    pub id: &'a NetworkId,
    /// Its arrays.
    pub record: &'a NetworkRecord,
}

impl<'a> AddressBook<'a> {
    /// Those of all networks that are being watched. None where endpoints, Pods or reservations were not all read:
    /// what is not seen then may be there all the same.
    pub fn all(world: &'a World) -> impl Iterator<Item = Self> {
        let is_readable = is_readable(world);
        let networks = world.networks().iter().filter(move |(id, _)| is_readable && is_watched(world, id));
        networks.map(move |(id, record)| Self { world, id, record })
    }

    /// That of one network, under the same conditions.
    pub fn of(world: &'a World, id: &'a NetworkId) -> Option<Self> {
        let record = world.networks().get(id)?;
        (is_readable(world) && is_watched(world, id)).then_some(Self { world, id, record })
    }

    /// Number of addresses that are allocated and set aside for nobody.
    pub fn allocated(self) -> usize {
        let allocated = self.arrays().map(|(_, bits)| {
            let reserved = [BitIndex(0), bits.pool.last_bit()].into_iter().chain(bits.pool.gateways());
            let reserved: BTreeSet<BitIndex> = reserved.filter(|bit| bits.alloc.is_set(*bit)).collect();
            bits.alloc.count_set() as usize - reserved.len()
        });
        allocated.sum()
    }

    /// The arrays that can be read.
    pub(crate) fn arrays(self) -> impl Iterator<Item = (Family, &'a Bits)> {
        self.record.spaces().filter_map(|(family, space)| match space {
            AddressSpace::Bits(bits) => Some((family, &**bits)),
            AddressSpace::None | AddressSpace::Broken { .. } => None,
        })
    }

    /// The array that covers an address, if it can be read, and the bit.
    pub(crate) fn bit_of(self, address: IpAddr) -> Option<(&'a Bits, BitIndex)> {
        match self.record.space(Family::of(address)) {
            AddressSpace::Bits(bits) => Some((&**bits, bits.pool.bit_of(address)?)),
            AddressSpace::None | AddressSpace::Broken { .. } => None,
        }
    }

    /// Who claims what, in either group.
    pub(crate) fn claims(self) -> impl Iterator<Item = (IpAddr, &'a [Slot])> {
        self.world.endpoints().claims().on(&self.id.network)
    }

    /// Those of some claimants that name this network object, not that of the other group.
    pub(crate) fn own(self, claimants: &'a [Slot]) -> impl Iterator<Item = (Slot, &'a Endpoint)> {
        let endpoints =
            claimants.iter().filter_map(move |slot| Some((*slot, self.world.endpoints().get(*slot)?)));
        endpoints.filter(move |(_, endpoint)| endpoint.id.group == self.id.group)
    }
}

fn is_readable(world: &World) -> bool {
    let coverage = world.coverage();
    let reservations = Source::reservations();
    coverage.allows_verdicts() && (!coverage.serves(reservations) || coverage.is_synced(reservations))
}

fn is_watched(world: &World, id: &NetworkId) -> bool {
    world.coverage().is_synced(Source::networks(id.group, id.network.kind))
}
