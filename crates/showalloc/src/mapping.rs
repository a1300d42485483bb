//! From a look at a cluster to the documents that views draw.

use danm_api::{ApiGroup, NetworkRef};
use danm_ipam::{AllocationMap as Map, Family, Pool, Run as MapRun, State};
use leak_judge::{AddressSpace, Endpoint, NetworkId, NetworkRecord, Slot};

use crate::{
    document::{API_VERSION, AddressRange, AllocationMap, EndpointRow, NetworkName, Run},
    look::Look,
};

/// The maps of both families of a network, where it has them; or else why its array cannot be used.
pub fn maps_of(
    look: &Look<'_>,
    id: &NetworkId,
    record: &NetworkRecord,
) -> Vec<Result<AllocationMap, String>> {
    let spaces = record.spaces().filter_map(|(_, space)| match space {
        AddressSpace::None => None,
        AddressSpace::Bits(bits) => Some(Ok(document(look, id, &bits.pool, &look.map(id, bits)))),
        AddressSpace::Broken { problem, .. } => Some(Err(problem.clone())),
    });
    spaces.collect()
}

/// What names a network object.
pub fn network_name(id: &NetworkId) -> NetworkName {
    network_name_of(id.group, &id.network)
}

/// What names a network in a group.
pub fn network_name_of(group: ApiGroup, network: &NetworkRef) -> NetworkName {
    let NetworkRef { kind, namespace, name } = network;
    NetworkName {
        group: group.to_string(),
        kind: kind.to_string(),
        namespace: namespace.to_string(),
        name: name.to_string(),
    }
}

/// An endpoint.
pub fn endpoint_row(endpoint: &Endpoint) -> EndpointRow {
    EndpointRow {
        namespace: endpoint.id.namespace.to_string(),
        name: endpoint.id.name.to_string(),
        uid: endpoint.uid.to_string(),
        pod: endpoint.pod.to_string(),
        interface: endpoint.interface.to_string(),
        host: endpoint.host.to_string(),
        created: endpoint.created,
    }
}

fn document(look: &Look<'_>, id: &NetworkId, pool: &Pool, map: &Map<Slot>) -> AllocationMap {
    let dynamic = pool.dynamic();
    let counts = State::ALL.into_iter().map(|state| (state, map.count(state)));
    AllocationMap {
        api_version: API_VERSION,
        kind: "AllocationMap",
        network: network_name(id),
        family: Family::of(pool.subnet().addr()),
        cidr: pool.subnet(),
        pool: AddressRange { start: pool.address_of(*dynamic.start()), end: pool.address_of(*dynamic.end()) },
        size: pool.size().into(),
        counts: counts.collect(),
        runs: map.runs.iter().map(|run| run_of(look, pool, run)).collect(),
    }
}

fn run_of(look: &Look<'_>, pool: &Pool, run: &MapRun<Slot>) -> Run {
    let endpoints = run.holders.iter().filter_map(|slot| look.world.endpoints().get(*slot));
    Run {
        start: pool.address_of(run.first),
        end: pool.address_of(run.last),
        count: run.size(),
        state: run.state,
        endpoints: endpoints.map(endpoint_row).collect(),
        problem: problem(look, run),
    }
}

/// What is wrong with an address, for people.
fn problem(look: &Look<'_>, run: &MapRun<Slot>) -> Option<String> {
    let suspicions: Vec<String> =
        run.holders.iter().filter_map(|slot| look.suspicion(*slot)).map(|why| why.join("; ")).collect();
    match run.state {
        State::Leaked if run.holders.is_empty() => Some("no endpoint claims it".to_owned()),
        State::Leaked => Some(format!("suspect: {}", suspicions.join("; "))),
        State::Conflict => Some("several Pods hold it".to_owned()),
        State::MissingBit => Some("its bit is clear: DANM may give it to another Pod".to_owned()),
        _ if suspicions.is_empty() => None,
        _ => Some(format!("also claimed by a suspect: {}", suspicions.join("; "))),
    }
}
