//! One network: the bit arrays of its families, and since when each bit has been seen set.

use std::net::IpAddr;

use hashbrown::HashMap;

use danm_api::{Network, NetworkOptions};
use danm_ipam::{AllocBits, BitIndex, Family, Pool, PoolError};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Parked;
use crate::{Moment, RELEASED_ANNOTATION, Treatment, Uid};

/// The version of an object. Versions of all kinds in one data store are of one order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version(pub u64);

/// What a verdict and a release need to know of a network.
#[derive(Clone, Debug)]
pub struct NetworkRecord {
    /// Its uid: a network made anew under the same name is another network.
    pub uid: Uid,
    /// Its version: what a write is conditional on.
    pub version: Version,
    /// When it was created, in seconds since 1970 by the clock of an API server.
    pub created: i64,
    /// Endpoints whose addresses were given back by a write that is recorded in the object.
    pub released: Vec<Uid>,
    /// How its annotation says that its allocations are to be treated.
    pub treatment: Option<Treatment>,
    /// Bytes of the object as JSON, roughly.
    pub bytes: usize,
    /// Bytes of its annotations, without ours.
    pub annotation_bytes: usize,
    spaces: [AddressSpace; 2],
}

/// One address family of a network.
#[derive(Clone, Debug)]
pub enum AddressSpace {
    /// The network has no array for this family.
    None,
    /// The array, readable.
    Bits(Box<Bits>),
    /// The array cannot be used. The subnet is known if that much could be read.
    Broken {
        /// The subnet of the array.
        subnet: Option<IpNet>,
        /// What is wrong.
        problem: String,
    },
}

/// A readable bit array with its history.
#[derive(Clone, Debug)]
pub struct Bits {
    /// Which addresses it covers.
    pub pool: Pool,
    /// Which of them are taken.
    pub alloc: AllocBits,
    /// Since when its history has been seen without a gap.
    pub seen_since: Moment,
    /// The set bits that were seen to turn from clear to set.
    rises: HashMap<BitIndex, Rise>,
}

/// A bit that was seen to turn from clear to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rise {
    /// When we saw it.
    pub at: Moment,
    /// The version of the network that had it first.
    pub version: Version,
}

// === impl Version ===

impl Version {
    /// Reads `metadata.resourceVersion`, which API servers keep as a decimal number.
    pub fn read(text: Option<&str>) -> Result<Self, String> {
        let text = text.unwrap_or_default();
        text.parse().map(Self).map_err(|_| format!("metadata.resourceVersion {text:?} is not a number"))
    }
}

// === impl NetworkRecord ===

impl NetworkRecord {
    /// Reads a network as seen for the first time.
    pub(super) fn read(object: Network, now: Moment) -> Result<Self, Parked> {
        let metadata = &object.metadata;
        let uid = metadata.uid.clone().unwrap_or_default();
        let version = Version::read(metadata.resource_version.as_deref())
            .map_err(|problem| Parked { uid: uid.clone(), problem })?;
        let options = object.spec.options.clone().unwrap_or_default();
        Ok(Self {
            uid: uid.as_str().into(),
            version,
            created: metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second()),
            released: released(&object),
            treatment: Treatment::read(metadata.annotations.as_ref()),
            spaces: Family::ALL.map(|family| AddressSpace::read(family, &options, now)),
            annotation_bytes: annotation_bytes(&object),
            bytes: size_of_json(object),
        })
    }

    /// One of its families.
    pub fn space(&self, family: Family) -> &AddressSpace {
        match family {
            Family::Ipv4 => &self.spaces[0],
            Family::Ipv6 => &self.spaces[1],
        }
    }

    /// Both families.
    pub fn spaces(&self) -> impl Iterator<Item = (Family, &AddressSpace)> {
        Family::ALL.into_iter().zip(&self.spaces)
    }

    /// What is wrong with its arrays, if anything.
    pub fn problem(&self) -> Option<String> {
        let problems: Vec<&str> = self.spaces.iter().filter_map(AddressSpace::problem).collect();
        (!problems.is_empty()).then(|| problems.join("; "))
    }

    /// Takes over the history of the same network's state before this one.
    pub(super) fn continue_from(&mut self, before: &Self, now: Moment) {
        for (space, before) in self.spaces.iter_mut().zip(&before.spaces) {
            space.continue_from(before, Rise { at: now, version: self.version });
        }
    }
}

// === impl AddressSpace ===

impl AddressSpace {
    fn read(family: Family, options: &NetworkOptions, now: Moment) -> Self {
        let alloc = match family {
            Family::Ipv4 => options.alloc.as_deref(),
            Family::Ipv6 => options.alloc6.as_deref(),
        };
        let pool = match Pool::new(family, options) {
            Ok(Some(pool)) => pool,
            Ok(None) => return Self::None,
            Err(error) => return Self::Broken { subnet: subnet_of(&error), problem: error.to_string() },
        };
        match pool.read(alloc) {
            Ok(alloc) => Self::Bits(Box::new(Bits { pool, alloc, seen_since: now, rises: HashMap::new() })),
            Err(error) => Self::Broken { subnet: Some(pool.subnet()), problem: format!("{family}: {error}") },
        }
    }

    /// Whether the array covers an address; a broken one whose subnet is unknown may cover any of the family.
    pub fn covers(&self, address: IpAddr) -> bool {
        match self {
            Self::None => false,
            Self::Bits(bits) => bits.pool.bit_of(address).is_some(),
            Self::Broken { subnet, .. } => subnet.is_none_or(|subnet| subnet.contains(&address)),
        }
    }

    fn problem(&self) -> Option<&str> {
        match self {
            Self::Broken { problem, .. } => Some(problem),
            Self::None | Self::Bits(_) => None,
        }
    }

    fn continue_from(&mut self, before: &Self, rise: Rise) {
        let Self::Bits(bits) = self else { return };
        // Where there was no readable array of this subnet before, its history begins now.
        if let Self::Bits(before) = before
            && before.pool.subnet() == bits.pool.subnet()
        {
            bits.continue_from(before, rise);
        }
    }
}

// === impl Bits ===

impl Bits {
    /// When a bit was seen to turn from clear to set, if it was.
    pub fn rise(&self, bit: BitIndex) -> Option<Rise> {
        self.rises.get(&bit).copied()
    }

    fn continue_from(&mut self, before: &Self, rise: Rise) {
        self.seen_since = before.seen_since;
        self.rises.clone_from(&before.rises);
        for bit in before.alloc.changed(&self.alloc) {
            if self.alloc.is_set(bit) {
                self.rises.insert(bit, rise);
            } else {
                self.rises.remove(&bit);
            }
        }
    }
}

/// A subnet of which an address is known to be inside or outside although its array is unusable.
fn subnet_of(error: &PoolError) -> Option<IpNet> {
    match error {
        PoolError::TooLarge { subnet, .. } | PoolError::RangeOutside { subnet, .. } => Some(*subnet),
        PoolError::NotASubnet { .. } | PoolError::Alloc(_) => None,
    }
}

/// The uids in the annotation. Anybody who may write the network may write anything there: it is a list of
/// words that are compared, never more.
fn released(network: &Network) -> Vec<Uid> {
    let annotations = network.metadata.annotations.as_ref();
    let list = annotations.and_then(|all| all.get(RELEASED_ANNOTATION)).map_or("", String::as_str);
    list.split(',').filter(|uid| !uid.is_empty()).map(Uid::from).collect()
}

fn annotation_bytes(network: &Network) -> usize {
    let all = network.metadata.annotations.iter().flatten();
    all.filter(|(key, _)| *key != RELEASED_ANNOTATION).map(|(key, value)| key.len() + value.len()).sum()
}

/// The arrays are nearly all of a large object, and need no escaping.
fn size_of_json(mut network: Network) -> usize {
    let options = network.spec.options.get_or_insert_default();
    let arrays = [options.alloc.take(), options.alloc6.take()];
    let rest = serde_json::to_vec(&network).map_or(0, |json| json.len());
    rest + arrays.iter().flatten().map(String::len).sum::<usize>()
}
