//! One network: the bit arrays of its families, and since when each bit has been seen set.

use std::{net::IpAddr, ops::RangeInclusive, time::Duration};

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
    /// The namespaces that may use it; empty if all may.
    pub allowed_tenants: Vec<String>,
    /// Bytes of the object as JSON, roughly.
    pub bytes: usize,
    /// Bytes of its annotations, without ours.
    pub annotation_bytes: usize,
    /// The whole IPv6 subnet. Its array covers the pool in it only, and static addresses may lie beside that.
    pub net6: Option<IpNet>,
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
    /// The clear bits that were seen to turn from set to clear lately.
    falls: HashMap<BitIndex, Moment>,
}

/// How long it is remembered when a bit was cleared: longer than anybody waits before it is believed to be missing.
const FALLS_KEPT: Duration = Duration::from_secs(600);

/// A bit that was seen to turn from clear to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rise {
    /// When we saw it.
    pub at: Moment,
    /// The version of the network that had it first.
    pub version: Version,
    /// Whether we set it, for an endpoint that was there already.
    pub is_restored: bool,
}

/// Bits that may change in one step, and a quarter of those whose rises are remembered. DANM changes one or two; who may
/// write a network could change millions.
const REMEMBERED: usize = 65_536;

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
            allowed_tenants: object.spec.allowed_tenants.clone().unwrap_or_default(),
            net6: options.net6.as_deref().and_then(|net6| net6.parse().ok()),
            spaces: Family::ALL.map(|family| AddressSpace::read(family, &options, now)),
            annotation_bytes: annotation_bytes(&object),
            bytes: size_of_json(object),
        })
    }

    /// Whether Pods of a namespace may use it.
    pub fn allows(&self, namespace: &str) -> bool {
        self.allowed_tenants.is_empty() || self.allowed_tenants.iter().any(|allowed| allowed == namespace)
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
            space.continue_from(before, Rise { at: now, version: self.version, is_restored: false });
        }
    }

    /// We set these bits by the write that made a version.
    pub(super) fn restored(&mut self, bits: &[(Family, BitIndex)], version: Version) {
        for (family, bit) in bits {
            let [ipv4, ipv6] = &mut self.spaces;
            let space = match family {
                Family::Ipv4 => ipv4,
                Family::Ipv6 => ipv6,
            };
            if let AddressSpace::Bits(bits) = space
                && let Some(rise) = bits.rises.get_mut(bit).filter(|rise| rise.version == version)
            {
                rise.is_restored = true;
            }
        }
    }

    /// Whether an address is in the subnet of its family; `None` where the network has no such subnet, or none that
    /// can be read.
    pub fn contains(&self, address: IpAddr) -> Option<bool> {
        let family = Family::of(address);
        let of_array = match self.space(family) {
            AddressSpace::None => None,
            AddressSpace::Bits(bits) => Some(bits.pool.subnet()),
            AddressSpace::Broken { subnet, .. } => Some((*subnet)?),
        };
        let net6 = self.net6.filter(|_| family == Family::Ipv6);
        let subnets = [of_array, net6];
        let mut subnets = subnets.iter().flatten().peekable();
        subnets.peek().is_some().then(|| subnets.any(|subnet| subnet.contains(&address)))
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
            Ok(alloc) => {
                let (rises, falls) = (HashMap::new(), HashMap::new());
                Self::Bits(Box::new(Bits { pool, alloc, seen_since: now, rises, falls }))
            }
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

    /// Those of some neighbouring bits that were seen to turn from clear to set, in no order, and when.
    pub(crate) fn rises_within(&self, range: RangeInclusive<BitIndex>) -> Vec<(BitIndex, Moment)> {
        let (first, last) = (range.start().0, range.end().0);
        if (last - first) as usize >= self.rises.len() {
            let rises = self.rises.iter().filter(|(bit, _)| range.contains(bit));
            return rises.map(|(bit, rise)| (*bit, rise.at)).collect();
        }
        let bits = (first..=last).map(BitIndex);
        bits.filter_map(|bit| Some((bit, self.rises.get(&bit)?.at))).collect()
    }

    /// Since when a clear bit has been seen clear, as far as that is remembered.
    pub fn clear_since(&self, bit: BitIndex) -> Moment {
        self.falls.get(&bit).copied().unwrap_or(self.seen_since)
    }

    fn continue_from(&mut self, before: &Self, rise: Rise) {
        self.seen_since = before.seen_since;
        self.rises.clone_from(&before.rises);
        self.falls = before
            .falls
            .iter()
            .filter(|(_, at)| rise.at.since(**at) < FALLS_KEPT)
            .map(|(bit, at)| (*bit, *at))
            .collect();
        let changed: Vec<BitIndex> = before.alloc.changed(&self.alloc).take(REMEMBERED + 1).collect();
        if changed.len() > REMEMBERED || self.rises.len() > 4 * REMEMBERED {
            // Too much to remember one by one: all that is known is that it is so now.
            (self.seen_since, self.rises, self.falls) = (rise.at, HashMap::new(), HashMap::new());
            return;
        }
        for bit in changed {
            if self.alloc.is_set(bit) {
                self.falls.remove(&bit);
                self.rises.insert(bit, rise);
            } else {
                self.rises.remove(&bit);
                self.falls.insert(bit, rise.at);
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
