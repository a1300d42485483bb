//! What Showalloc says about a network, as one value: printed as JSON it is an API (`showalloc.danm.io/v1`), and every
//! other view draws it. Its schema is published in `docs/`. Fields that only people need are not part of it.

use std::{collections::BTreeMap, net::IpAddr};

use danm_ipam::{Family, State};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Serialize;

/// The version of everything that is printed as JSON.
pub const API_VERSION: &str = "showalloc.danm.io/v1";

/// The addresses of one family of a network, as runs of equal state from the first to the last without a gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllocationMap {
    /// `showalloc.danm.io/v1`.
    pub api_version: &'static str,
    /// `AllocationMap`.
    pub kind: &'static str,
    /// The network.
    pub network: NetworkName,
    /// The family.
    pub family: Family,
    /// The subnet that the bit array covers.
    #[schemars(with = "String")]
    pub cidr: IpNet,
    /// The addresses that are given dynamically.
    pub pool: AddressRange,
    /// Number of addresses.
    pub size: u64,
    /// Number of addresses in each state; all states are there.
    pub counts: BTreeMap<State, u64>,
    /// The runs, lowest address first.
    pub runs: Vec<Run>,
}

/// Several maps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllocationMapList {
    /// `showalloc.danm.io/v1`.
    pub api_version: &'static str,
    /// `AllocationMapList`.
    pub kind: &'static str,
    /// The maps.
    pub items: Vec<AllocationMap>,
}

/// What names a network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct NetworkName {
    /// Its API group.
    pub group: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for a `ClusterNetwork`.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Addresses from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AddressRange {
    /// The first.
    pub start: IpAddr,
    /// The last.
    pub end: IpAddr,
}

/// Neighbouring addresses of equal state. A run with endpoints is one address long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Run {
    /// Its first address.
    pub start: IpAddr,
    /// Its last address.
    pub end: IpAddr,
    /// How many they are.
    pub count: u64,
    /// Their state.
    pub state: State,
    /// The endpoints that name the address.
    pub endpoints: Vec<EndpointRow>,
    /// What is wrong, for people.
    #[serde(skip)]
    pub problem: Option<String>,
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EndpointRow {
    /// Its namespace, which is its Pod's.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The name of its Pod.
    pub pod: String,
    /// The name of its interface in the Pod.
    pub interface: String,
    /// The host name of its machine.
    pub host: String,
    /// When it was created, in seconds since 1970.
    #[serde(skip)]
    pub created: i64,
}

// === impl AllocationMap ===

impl AllocationMap {
    /// Number of addresses in a state.
    pub fn count(&self, state: State) -> u64 {
        self.counts.get(&state).copied().unwrap_or_default()
    }

    /// Number of addresses that are taken, rightly or not.
    pub fn taken(&self) -> u64 {
        self.counts.iter().filter(|(state, _)| state.is_taken()).map(|(_, count)| count).sum()
    }

    /// The share of the usable addresses that are taken, from 0 to 1.
    pub fn utilisation(&self) -> f64 {
        utilisation(self.taken(), self.count(State::Free))
    }
}

impl AllocationMapList {
    /// Of some maps.
    pub fn new(items: Vec<AllocationMap>) -> Self {
        Self { api_version: API_VERSION, kind: "AllocationMapList", items }
    }
}

/// The share of taken addresses, from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "at most 2^23 addresses")]
pub fn utilisation(taken: u64, free: u64) -> f64 {
    if taken + free == 0 { 0.0 } else { taken as f64 / (taken + free) as f64 }
}

/// The address so many after another.
pub fn address_after(address: IpAddr, offset: u64) -> IpAddr {
    match address {
        IpAddr::V4(base) => {
            let offset = u32::try_from(offset).unwrap_or(u32::MAX);
            IpAddr::V4(u32::from(base).wrapping_add(offset).into())
        }
        IpAddr::V6(base) => IpAddr::V6(u128::from(base).wrapping_add(offset.into()).into()),
    }
}
