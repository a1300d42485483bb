//! All networks in short: how many addresses each has, and how many of them are taken. Nothing is made of an endpoint
//! here: there may be hundreds of thousands.

use std::{cmp::Reverse, collections::BTreeMap};

use danm_api::{DanmKind, NetworkRef};
use danm_ipam::{Family, State};
use ipnet::IpNet;
use leak_judge::{AddressSpace, NetworkId, NetworkRecord};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    document::{API_VERSION, NetworkName, utilisation},
    look::Look,
    mapping::network_name,
};

/// All networks.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkList {
    /// `showalloc.danm.io/v1`.
    pub api_version: &'static str,
    /// `NetworkList`.
    pub kind: &'static str,
    /// One for each family of each network; one for a network without addresses.
    pub items: Vec<NetworkOverview>,
}

/// One family of a network in short.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct NetworkOverview {
    /// The network.
    pub network: NetworkName,
    /// Its addresses.
    #[serde(flatten)]
    pub overview: Overview,
}

/// What is to be said of the addresses.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Overview {
    /// How many are in which state.
    Addresses(Addresses),
    /// They cannot be read, and why.
    Unreadable {
        /// What is wrong.
        problem: String,
    },
    /// There are none.
    None,
}

/// The addresses of one family in short.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Addresses {
    /// The family.
    pub family: Family,
    /// The subnet that the bit array covers.
    #[schemars(with = "String")]
    pub cidr: IpNet,
    /// Number of addresses.
    pub size: u64,
    /// Number of addresses that are taken, rightly or not.
    pub used: u64,
    /// Number of addresses that are given dynamically and are free.
    pub free: u64,
    /// Number of addresses that are taken though no living endpoint holds them.
    pub leaked: u64,
    /// The share of taken addresses, from 0 to 1.
    pub utilisation: f64,
    /// Number of addresses in each state; all states are there.
    pub counts: BTreeMap<State, u64>,
}

/// What networks are sorted by; numbers largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Kind, namespace and name.
    Name,
    /// Number of addresses.
    Size,
    /// Taken addresses.
    Used,
    /// Free addresses.
    Free,
    /// Leaked addresses.
    Leaked,
    /// The share of taken addresses.
    Utilisation,
}

// === impl Order ===

impl Order {
    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Size => "size",
            Self::Used => "used addresses",
            Self::Free => "free addresses",
            Self::Leaked => "leaked addresses",
            Self::Utilisation => "utilisation",
        }
    }
}

// === impl NetworkList ===

impl NetworkList {
    /// Of some networks.
    pub const fn new(items: Vec<NetworkOverview>) -> Self {
        Self { api_version: API_VERSION, kind: "NetworkList", items }
    }
}

/// A network in short, family by family.
pub fn overviews(
    look: &Look<'_>,
    id: &NetworkId,
    record: &NetworkRecord,
    wants: impl Fn(Family) -> bool,
) -> Vec<NetworkOverview> {
    let spaces = record.spaces().filter(|(family, _)| wants(*family));
    let of_spaces = spaces.filter_map(|(family, space)| match space {
        AddressSpace::None => None,
        AddressSpace::Broken { problem, .. } => Some(Overview::Unreadable { problem: problem.clone() }),
        AddressSpace::Bits(bits) => {
            let map = look.map(id, bits);
            let counts: BTreeMap<State, u64> = counts(&map.runs);
            Some(Overview::Addresses(addresses(family, bits.pool.subnet(), counts)))
        }
    });
    let mut overviews: Vec<Overview> = of_spaces.collect();
    let has_any = record.spaces().any(|(_, space)| !matches!(space, AddressSpace::None));
    if !has_any {
        overviews.push(Overview::None);
    }
    overviews.into_iter().map(|overview| NetworkOverview { network: network_name(id), overview }).collect()
}

/// Networks whose objects cannot be understood at all: they are in no index.
pub fn misunderstood(look: &Look<'_>) -> impl Iterator<Item = NetworkOverview> {
    look.world.parked().filter_map(|(object, parked)| {
        let DanmKind::Network(kind) = object.kind else { return None };
        let id = NetworkId {
            group: object.group,
            network: NetworkRef::new(kind, &object.namespace, &object.name),
        };
        if look.world.networks().get(&id).is_some() {
            return None;
        }
        let overview = Overview::Unreadable { problem: parked.problem.clone() };
        Some(NetworkOverview { network: network_name(&id), overview })
    })
}

/// Sorts them; those without addresses come last.
pub fn sort(overviews: &mut [NetworkOverview], order: Order) {
    let number = |overview: &NetworkOverview| match &overview.overview {
        Overview::Addresses(addresses) => Some(match order {
            Order::Name => 0,
            Order::Size => addresses.size,
            Order::Used => addresses.used,
            Order::Free => addresses.free,
            Order::Leaked => addresses.leaked,
            Order::Utilisation => per_million(addresses.utilisation),
        }),
        Overview::Unreadable { .. } | Overview::None => (order == Order::Name).then_some(0),
    };
    overviews.sort_by_cached_key(|overview| {
        let NetworkName { kind, namespace, name, .. } = overview.network.clone();
        (Reverse(number(overview)), namespace, name, kind)
    });
}

fn addresses(family: Family, cidr: IpNet, counts: BTreeMap<State, u64>) -> Addresses {
    let used = counts.iter().filter(|(state, _)| state.is_taken()).map(|(_, count)| count).sum();
    let of = |state: State| counts.get(&state).copied().unwrap_or_default();
    let (free, leaked) = (of(State::Free), of(State::Leaked));
    Addresses {
        family,
        cidr,
        size: counts.values().sum(),
        used,
        free,
        leaked,
        utilisation: utilisation(used, free),
        counts,
    }
}

fn counts<H>(runs: &[danm_ipam::Run<H>]) -> BTreeMap<State, u64> {
    let mut counts: BTreeMap<State, u64> = State::ALL.into_iter().map(|state| (state, 0)).collect();
    for run in runs {
        *counts.entry(run.state).or_default() += run.size();
    }
    counts
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to a million")]
fn per_million(share: f64) -> u64 {
    (share * 1e6) as u64
}
