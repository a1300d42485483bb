//! Set bits that no endpoint claims. Seen once, such a bit is no more than that: an endpoint may be on its way.

use std::{fmt, net::IpAddr};

use danm_api::{DanmKind, NetworkKind};
use danm_ipam::{BitIndex, Family};

use crate::{AddressBook, NetworkId, ObjectRef, Treatment, world::Bits};

/// Neighbouring addresses of a network that are set, reserved by nothing and claimed by nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrphanBits {
    /// The network.
    pub network: NetworkId,
    /// The family, which says which array.
    pub family: Family,
    /// The first.
    pub first: BitIndex,
    /// The last.
    pub last: BitIndex,
    /// The address of the first.
    pub first_address: IpAddr,
    /// The address of the last.
    pub last_address: IpAddr,
    /// Why they are not ours to clear, for people; `None` where they are.
    pub obstacle: Option<String>,
}

impl OrphanBits {
    /// Those of one network.
    pub fn find(book: AddressBook<'_>) -> impl Iterator<Item = Self> {
        book.arrays().flat_map(move |(family, bits)| Self::of_array(book, family, bits))
    }

    fn of_array(book: AddressBook<'_>, family: Family, bits: &Bits) -> Vec<Self> {
        let pool = &bits.pool;
        let obstacle = obstacle(book);
        let last = pool.last_bit();
        let mut unclaimed = bits.alloc.clone();
        let reserved = [BitIndex(0), last].into_iter().chain(pool.gateways());
        let kept = book.world.reservations().on(&book.id.network);
        // Whose the addresses are that are named by what is not understood cannot be told.
        let named =
            book.claims().map(|(address, _)| address).chain(kept).chain(book.world.unread_addresses());
        reserved.chain(named.filter_map(|address| pool.bit_of(address))).for_each(|bit| {
            unclaimed.unset(bit);
        });
        let runs = unclaimed.runs(BitIndex(0)..=last).filter(|run| run.set);
        let orphans = runs.map(|run| Self {
            network: book.id.clone(),
            family,
            first: run.first,
            last: run.last,
            first_address: pool.address_of(run.first),
            last_address: pool.address_of(run.last),
            obstacle: obstacle.clone(),
        });
        orphans.collect()
    }

    /// Some of them.
    #[must_use]
    pub fn part(&self, first: BitIndex, last: BitIndex) -> Self {
        let [first_address, last_address] = [first, last].map(|bit| self.address_of(bit));
        Self { first, last, first_address, last_address, ..self.clone() }
    }

    /// The address of one of them.
    pub fn address_of(&self, bit: BitIndex) -> IpAddr {
        let distance = bit.0 - self.first.0;
        match self.first_address {
            IpAddr::V4(base) => IpAddr::V4(u32::from(base).wrapping_add(distance).into()),
            IpAddr::V6(base) => IpAddr::V6(u128::from(base).wrapping_add(distance.into()).into()),
        }
    }

    /// How many they are.
    pub const fn size(&self) -> usize {
        (self.last.0 - self.first.0 + 1) as usize
    }
}

/// The operator's word counts; and a reservation that cannot be read may keep any address of the networks it can be about.
fn obstacle(book: AddressBook<'_>) -> Option<String> {
    if let Some(wish) = book.record.treatment.and_then(Treatment::forbids) {
        return Some(wish);
    }
    let network = &book.id.network;
    let is_about = |object: &ObjectRef| {
        let is_near = network.kind == NetworkKind::ClusterNetwork || network.namespace == object.namespace;
        object.kind == DanmKind::ReservedIp && is_near
    };
    let (object, _) = book.world.parked().find(|(object, _)| is_about(object))?;
    Some(format!("{object}, which cannot be understood, may keep it"))
}

impl fmt::Display for OrphanBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.size() {
            1 => write!(f, "{} is allocated, and no endpoint claims it", self.first_address),
            size => write!(
                f,
                "{size} addresses from {} to {} are allocated, and no endpoint claims them",
                self.first_address, self.last_address
            ),
        }
    }
}
