//! Everything that does not agree, by classes. The verdicts are the Cleaner's; after one look whoever looks dead is no more
//! than suspect, since that look.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use danm_api::DanmKind;
use danm_ipam::State;
use leak_judge::{Anomaly, Endpoint, NetworkLookup};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    document::{API_VERSION, AllocationMap, EndpointRow, NetworkName, Run},
    look::Look,
    mapping::{endpoint_row, maps_of, network_name, network_name_of},
    overview::{Overview, misunderstood},
    target::Target,
};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// `showalloc.danm.io/v1`.
    pub api_version: &'static str,
    /// `CheckReport`.
    pub kind: &'static str,
    /// When it was looked, as RFC 3339: nobody has been suspect for longer.
    pub observed_at: String,
    /// Whether it could be judged who lives. Where it could not nobody is suspected.
    pub is_judged: bool,
    /// What could not be seen, if anything.
    pub limits: Option<String>,
    /// Number of problems of each class; all classes are there. An address counts once.
    pub counts: BTreeMap<Class, u64>,
    /// The problems.
    pub problems: Vec<Problem>,
}

/// Classes of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// An address is taken, though no living endpoint holds it.
    LeakedBit,
    /// A living endpoint holds an address that is not marked as taken.
    MissingBit,
    /// Living endpoints of several Pods hold one address.
    Conflict,
    /// An endpoint holds an address that is not in its network.
    OutsideNetwork,
    /// A network's bit array, or its whole object, cannot be used.
    UnreadableArray,
    /// An endpoint is on a network that is not there.
    MissingNetwork,
    /// An endpoint looks dead that leaks no address of its network: it has none, or somebody who lives holds it.
    SuspectEndpoint,
    /// An endpoint cannot be understood.
    UnreadableEndpoint,
}

/// Something that does not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// What kind of problem it is.
    pub class: Class,
    /// The network; none for an endpoint that cannot be understood.
    pub network: Option<NetworkName>,
    /// The first address, if it is about addresses.
    pub start: Option<IpAddr>,
    /// The last address.
    pub end: Option<IpAddr>,
    /// How many they are; 1 for what is not about addresses.
    pub count: u64,
    /// Who is concerned.
    pub endpoints: Vec<EndpointRow>,
    /// Since when it has been suspect, as RFC 3339: one look cannot tell that it was so before.
    pub suspect_since: Option<String>,
    /// What is wrong and what was seen, for people.
    pub why: String,
}

/// What is checked.
#[derive(Clone, Copy, Debug)]
pub struct Extent<'a> {
    /// The networks; all if none is named.
    pub targets: &'a [Target],
    /// Whether all networks were read that an endpoint may be on.
    pub is_complete: bool,
    /// The namespace, if not all.
    pub namespace: Option<&'a str>,
}

// === impl CheckReport ===

impl CheckReport {
    /// Checks.
    pub fn of(look: &Look<'_>, extent: Extent<'_>, observed_at: &str, limits: Option<String>) -> Self {
        let mut problems = in_networks(look, extent, observed_at);
        problems.extend(beside_networks(look, extent));
        if extent.is_complete {
            let told = problems.iter().filter(|problem| problem.class == Class::LeakedBit);
            let told = told.flat_map(|problem| problem.endpoints.iter().map(|endpoint| endpoint.uid.clone()));
            let told: BTreeSet<String> = told.collect();
            problems.extend(of_endpoints(look, extent, observed_at, &told));
        }
        problems.sort_by(|one, other| {
            (one.class, &one.network, one.start).cmp(&(other.class, &other.network, other.start))
        });
        let mut counts: BTreeMap<Class, u64> = Class::ALL.into_iter().map(|class| (class, 0)).collect();
        problems.iter().for_each(|problem| *counts.entry(problem.class).or_default() += problem.count);
        Self {
            api_version: API_VERSION,
            kind: "CheckReport",
            observed_at: observed_at.to_owned(),
            is_judged: look.is_judged(),
            limits,
            counts,
            problems,
        }
    }
}

// === impl Class ===

impl Class {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::LeakedBit,
        Self::MissingBit,
        Self::Conflict,
        Self::OutsideNetwork,
        Self::UnreadableArray,
        Self::MissingNetwork,
        Self::SuspectEndpoint,
        Self::UnreadableEndpoint,
    ];

    /// Its code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::LeakedBit => "leaked-bit",
            Self::MissingBit => "missing-bit",
            Self::Conflict => "conflict",
            Self::OutsideNetwork => "outside-network",
            Self::UnreadableArray => "unreadable-array",
            Self::MissingNetwork => "missing-network",
            Self::SuspectEndpoint => "suspect-endpoint",
            Self::UnreadableEndpoint => "unreadable-endpoint",
        }
    }

    const fn of(state: State) -> Option<Self> {
        match state {
            State::Leaked => Some(Self::LeakedBit),
            State::MissingBit => Some(Self::MissingBit),
            State::Conflict => Some(Self::Conflict),
            _ => None,
        }
    }
}

/// What the maps of the networks show.
fn in_networks(look: &Look<'_>, extent: Extent<'_>, observed_at: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (id, record) in look.world.networks().iter() {
        if !extent.targets.is_empty() && !extent.targets.iter().any(|target| target.means(id)) {
            continue;
        }
        for one in maps_of(look, id, record) {
            match one {
                Ok(map) => {
                    let found = map.runs.iter().filter_map(|run| in_run(&map, run, observed_at));
                    problems.extend(found);
                }
                Err(problem) => {
                    problems.push(Problem::about(Class::UnreadableArray, Some(network_name(id)), problem));
                }
            }
        }
    }
    problems
}

fn in_run(map: &AllocationMap, run: &Run, observed_at: &str) -> Option<Problem> {
    let class = Class::of(run.state)?;
    let why = run.problem.clone().unwrap_or_default();
    Some(Problem {
        start: Some(run.start),
        end: Some(run.end),
        count: run.count,
        endpoints: run.endpoints.clone(),
        suspect_since: (class == Class::LeakedBit).then(|| observed_at.to_owned()),
        ..Problem::about(class, Some(map.network.clone()), why)
    })
}

/// What is in no map: addresses outside, and objects that cannot be understood.
fn beside_networks(look: &Look<'_>, extent: Extent<'_>) -> Vec<Problem> {
    let is_meant = |anomaly: &&Anomaly| {
        extent.targets.is_empty() || extent.targets.iter().any(|target| target.means(anomaly.network()))
    };
    let outside = look.anomalies.iter().filter(is_meant).filter_map(|anomaly| match anomaly {
        Anomaly::OutsideNetwork(it) => {
            let holder = look.world.endpoints().get(it.holder.slot).map(endpoint_row);
            Some(Problem {
                start: Some(it.address),
                end: Some(it.address),
                endpoints: holder.into_iter().collect(),
                ..Problem::about(
                    Class::OutsideNetwork,
                    Some(network_name(&it.network)),
                    "it is in no subnet of its network",
                )
            })
        }
        _ => None,
    });
    let is_inside =
        |namespace: &str| namespace.is_empty() || extent.namespace.is_none_or(|one| *one == *namespace);
    let parked = look.world.parked().filter(|(object, _)| extent.is_complete && is_inside(&object.namespace));
    let endpoints = parked.filter(|(object, _)| object.kind == DanmKind::DanmEp).map(|(object, parked)| {
        let why = format!("{object} cannot be understood: {}", parked.problem);
        Problem::about(Class::UnreadableEndpoint, None, why)
    });
    let networks = misunderstood(look).filter(|one| extent.is_complete && is_inside(&one.network.namespace));
    let networks = networks.filter_map(|one| match one.overview {
        Overview::Unreadable { problem } => {
            Some(Problem::about(Class::UnreadableArray, Some(one.network), problem))
        }
        Overview::Addresses(_) | Overview::None => None,
    });
    outside.chain(endpoints).chain(networks).collect()
}

/// Endpoints that are on no network, or look dead and were not told of by what they leak.
fn of_endpoints(
    look: &Look<'_>,
    extent: Extent<'_>,
    observed_at: &str,
    told: &BTreeSet<String>,
) -> Vec<Problem> {
    let is_inside =
        |endpoint: &Endpoint| extent.namespace.is_none_or(|namespace| *endpoint.id.namespace == *namespace);
    let about = |class: Class, endpoint: &Endpoint, why: String| Problem {
        endpoints: vec![endpoint_row(endpoint)],
        ..Problem::about(class, Some(network_name_of(endpoint.id.group, &endpoint.network)), why)
    };
    let mut problems = Vec::new();
    for (_, endpoint) in look.world.endpoints().iter().filter(|(_, endpoint)| is_inside(endpoint)) {
        if matches!(look.network_of(endpoint), NetworkLookup::Gone) {
            let why = format!("there is no {} in group {}", endpoint.network, endpoint.id.group);
            problems.push(about(Class::MissingNetwork, endpoint, why));
        }
        if let Some(problem) = &endpoint.problem {
            problems.push(about(Class::UnreadableEndpoint, endpoint, problem.to_string()));
        }
    }
    let is_told = |endpoint: &Endpoint| told.contains(&endpoint.uid.to_string());
    let others = look.suspects().filter(|(endpoint, _)| is_inside(endpoint) && !is_told(endpoint));
    problems.extend(others.map(|(endpoint, judgement)| {
        let why = look.suspicion(judgement.slot).unwrap_or_default().join("; ");
        let problem = about(Class::SuspectEndpoint, endpoint, why);
        Problem { suspect_since: Some(observed_at.to_owned()), ..problem }
    }));
    problems
}

// === impl Problem ===

impl Problem {
    fn about(class: Class, network: Option<NetworkName>, why: impl Into<String>) -> Self {
        Self {
            class,
            network,
            start: None,
            end: None,
            count: 1,
            endpoints: Vec::new(),
            suspect_since: None,
            why: why.into(),
        }
    }
}
