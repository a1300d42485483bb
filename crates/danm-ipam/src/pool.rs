//! One address family of a network: which subnet its bit array covers, which bits are reserved, and the way
//! between addresses and bits. IPv4 and IPv6 are the same code on 128 bits.

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
};

use danm_api::{ApiGroup, NetworkOptions};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;

use crate::{AllocBits, AllocError, BitIndex, MAX_BITS, parse_interface_address};

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub enum Family {
    /// IPv4: `alloc` over `cidr`.
    #[serde(rename = "IPv4")]
    Ipv4,
    /// IPv6: `alloc6` over `allocation_pool_v6.cidr`.
    #[serde(rename = "IPv6")]
    Ipv6,
}

/// The addresses of one family that a network's bit array covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    subnet: IpNet,
    size: u32,
    dynamic: RangeInclusive<BitIndex>,
    gateways: BTreeSet<BitIndex>,
}

/// Why a bit stays set although no endpoint may hold its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reservation {
    /// The first address of the subnet.
    NetworkAddress,
    /// The last address of an IPv4 subnet.
    Broadcast,
    /// The last address of an IPv6 subnet, which DANM reserves as well though it is no broadcast address.
    LastAddress,
    /// The gateway of one of the network's routes.
    Gateway,
}

/// Why the addresses of a network cannot be mapped to bits.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PoolError {
    /// The text is not a subnet of its family.
    #[error("{field} {text:?} is not an {family} subnet")]
    NotASubnet {
        /// The field it stands in.
        field: &'static str,
        /// What it says.
        text: String,
        /// What it should be a subnet of.
        family: Family,
    },
    /// The subnet has more addresses than an array may have bits.
    #[error("{field} {subnet} has more than 2^23 addresses")]
    TooLarge {
        /// The field it stands in.
        field: &'static str,
        /// What it says.
        subnet: IpNet,
    },
    /// A bound of the dynamic range is not in the subnet: an array made for another subnet.
    #[error("{field} {text:?} is not in {subnet}: was the subnet edited?")]
    RangeOutside {
        /// The field it stands in.
        field: &'static str,
        /// What it says.
        text: String,
        /// The subnet.
        subnet: IpNet,
    },
    /// The pool is sound, its array is not.
    #[error(transparent)]
    Alloc(#[from] AllocError),
}

/// What the two families keep under different names.
struct Fields<'a> {
    subnet: (&'static str, Option<&'a str>),
    start: (&'static str, Option<&'a str>),
    end: (&'static str, Option<&'a str>),
    gateways: Vec<&'a str>,
}

// === impl Pool ===

impl Pool {
    /// The pool of a family, if the network has one: a network without subnet has no addresses of ours, and
    /// an IPv6 network gets its pool with its first address.
    pub fn new(family: Family, options: &NetworkOptions) -> Result<Option<Self>, PoolError> {
        let fields = Fields::of(family, options);
        let Some(subnet) = subnet(family, fields.subnet)? else { return Ok(None) };
        let size = size(fields.subnet.0, subnet)?;
        let start = bound(subnet, fields.start, 1.min(size - 1))?;
        let end = bound(subnet, fields.end, size.saturating_sub(2))?;
        let gateways = fields.gateways.iter().filter_map(|text| parse_interface_address(text).ok().flatten());
        let gateways = gateways.filter_map(|gateway| bit_of(subnet, gateway)).collect();
        Ok(Some(Self { subnet, size, dynamic: start..=end, gateways }))
    }

    /// The subnet the array covers.
    pub fn subnet(&self) -> IpNet {
        self.subnet
    }

    /// Number of addresses, 1 to 2^23.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// The bits that dynamic allocation draws from.
    pub fn dynamic(&self) -> RangeInclusive<BitIndex> {
        self.dynamic.clone()
    }

    /// The bits of the network's gateways, where they are in the subnet.
    pub fn gateways(&self) -> impl Iterator<Item = BitIndex> + '_ {
        self.gateways.iter().copied()
    }

    /// The last bit.
    pub fn last_bit(&self) -> BitIndex {
        BitIndex(self.size - 1)
    }

    /// The bit of an address, if the array covers it.
    pub fn bit_of(&self, address: IpAddr) -> Option<BitIndex> {
        bit_of(self.subnet, address)
    }

    /// The address of a bit. Bits beyond the end count on.
    pub fn address_of(&self, bit: BitIndex) -> IpAddr {
        match self.subnet.network() {
            IpAddr::V4(base) => IpAddr::V4(Ipv4Addr::from(u32::from(base).wrapping_add(bit.0))),
            IpAddr::V6(base) => IpAddr::V6(Ipv6Addr::from(u128::from(base).wrapping_add(u128::from(bit.0)))),
        }
    }

    /// Why a bit is not for endpoints, if so. Ends come before gateways.
    pub fn reservation(&self, bit: BitIndex) -> Option<Reservation> {
        if bit.0 == 0 {
            Some(Reservation::NetworkAddress)
        } else if bit == self.last_bit() {
            Some(match self.subnet {
                IpNet::V4(_) => Reservation::Broadcast,
                IpNet::V6(_) => Reservation::LastAddress,
            })
        } else {
            self.gateways.contains(&bit).then_some(Reservation::Gateway)
        }
    }

    /// Reads this pool's array from `alloc` or `alloc6`.
    pub fn read(&self, alloc: Option<&str>) -> Result<AllocBits, AllocError> {
        AllocBits::decode(alloc.unwrap_or_default(), self.size)
    }

    /// The array of a new network: both ends are set, and in the older group the gateways.
    pub fn fresh_bits(&self, group: ApiGroup) -> AllocBits {
        let mut bits = AllocBits::clear(self.size);
        bits.set(BitIndex(0));
        bits.set(self.last_bit());
        if group.sets_gateway_bits() {
            self.gateways.iter().for_each(|&gateway| bits.set(gateway));
        }
        bits
    }
}

// === impl Fields ===

impl<'a> Fields<'a> {
    fn of(family: Family, options: &'a NetworkOptions) -> Self {
        match family {
            Family::Ipv4 => {
                let pool = options.allocation_pool.as_ref();
                Self {
                    subnet: ("cidr", options.cidr.as_deref()),
                    start: ("allocation_pool.start", pool.and_then(|pool| pool.start.as_deref())),
                    end: ("allocation_pool.end", pool.and_then(|pool| pool.end.as_deref())),
                    gateways: options.routes.iter().flatten().map(|(_, gateway)| gateway.as_str()).collect(),
                }
            }
            Family::Ipv6 => {
                let pool = options.allocation_pool_v6.as_ref();
                Self {
                    subnet: ("allocation_pool_v6.cidr", pool.and_then(|pool| pool.cidr.as_deref())),
                    start: ("allocation_pool_v6.start", pool.and_then(|pool| pool.start.as_deref())),
                    end: ("allocation_pool_v6.end", pool.and_then(|pool| pool.end.as_deref())),
                    gateways: options.routes6.iter().flatten().map(|(_, gateway)| gateway.as_str()).collect(),
                }
            }
        }
    }
}

impl Family {
    /// Both families.
    pub const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}

/// The subnet a field names; `None` where it is absent or empty.
fn subnet(family: Family, (field, text): (&'static str, Option<&str>)) -> Result<Option<IpNet>, PoolError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let parsed = text.parse::<IpNet>().ok().filter(|subnet| Family::of(subnet.addr()) == family);
    parsed.map(|subnet| Some(subnet.trunc())).ok_or_else(|| PoolError::NotASubnet {
        field,
        text: text.to_owned(),
        family,
    })
}

/// Number of addresses of a subnet, unless they are more than an array may have bits.
fn size(field: &'static str, subnet: IpNet) -> Result<u32, PoolError> {
    let host_bits = u32::from(subnet.max_prefix_len() - subnet.prefix_len());
    1u32.checked_shl(host_bits).filter(|&size| size <= MAX_BITS).ok_or(PoolError::TooLarge { field, subnet })
}

/// A bound of the dynamic range: its default where the field is empty.
fn bound(
    subnet: IpNet,
    (field, text): (&'static str, Option<&str>),
    default: u32,
) -> Result<BitIndex, PoolError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(BitIndex(default)) };
    let bit = text.parse().ok().and_then(|address| bit_of(subnet, address));
    bit.ok_or_else(|| PoolError::RangeOutside { field, text: text.to_owned(), subnet })
}

fn bit_of(subnet: IpNet, address: IpAddr) -> Option<BitIndex> {
    let distance = match (subnet.network(), address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => u32::from(address).checked_sub(base.into())?.into(),
        (IpAddr::V6(base), IpAddr::V6(address)) => u128::from(address).checked_sub(base.into())?,
        _ => return None,
    };
    let host_bits = u32::from(subnet.max_prefix_len() - subnet.prefix_len());
    // Every address is within a subnet of all 2^128.
    let is_within = distance.checked_shr(host_bits).unwrap_or_default() == 0;
    u32::try_from(distance).ok().filter(|_| is_within).map(BitIndex)
}

#[cfg(test)]
mod tests;
