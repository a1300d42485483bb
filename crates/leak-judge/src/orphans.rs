//! Set bits that no endpoint claims. Seen once, such a bit is no more than that: an endpoint may be on its way.

use danm_ipam::{AllocationMap, BitIndex, Claim, Pool, State};

use crate::world::{AddressSpace, NetworkId, Source, World};

/// Neighbouring addresses of a network that are set, reserved by nothing and claimed by nobody.
#[derive(Clone, Debug)]
pub struct Orphans<'a> {
    /// The network.
    pub network: &'a NetworkId,
    /// Its uid belongs to the record; its pool maps bits to addresses.
    pub pool: &'a Pool,
    /// The first.
    pub first: BitIndex,
    /// The last.
    pub last: BitIndex,
}

/// All orphans, network by network. None where endpoints or reservations were not all read.
pub fn orphans(world: &World) -> impl Iterator<Item = Orphans<'_>> {
    let coverage = world.coverage();
    let reservations = Source::reservations();
    let reservations_known = !coverage.serves(reservations) || coverage.is_synced(reservations);
    let known = coverage.allows_verdicts() && reservations_known;
    let networks = world.networks().iter().filter(move |_| known);
    networks.flat_map(|(id, record)| {
        record.spaces().flat_map(|(_, space)| match space {
            AddressSpace::Bits(bits) => of_array(world, id, &bits.pool, &bits.alloc),
            AddressSpace::None | AddressSpace::Broken { .. } => Vec::new(),
        })
    })
}

fn of_array<'a>(
    world: &'a World,
    network: &'a NetworkId,
    pool: &'a Pool,
    alloc: &danm_ipam::AllocBits,
) -> Vec<Orphans<'a>> {
    let claims = world.endpoints().claims().on(&network.network);
    let claims = claims.filter_map(|(address, _)| pool.bit_of(address));
    let claims = claims.map(|bit| Claim { bit, alive: true, holder: () }).collect();
    let kept: Vec<BitIndex> =
        world.reservations().on(&network.network).filter_map(|address| pool.bit_of(address)).collect();
    let map = AllocationMap::build(pool, alloc, claims, &kept);
    let leaked = map.runs.into_iter().filter(|run| run.state == State::Leaked);
    leaked.map(|run| Orphans { network, pool, first: run.first, last: run.last }).collect()
}
