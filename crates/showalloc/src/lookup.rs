//! The way back: from an address or a Pod to everything that is said about it, on every network. Addresses of different
//! networks may overlap, so that one address may be several.

use std::net::IpAddr;

use danm_ipam::{Family, State};
use leak_judge::{AddressSpace, Endpoint, NetworkId, NetworkLookup, Slot};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    document::{API_VERSION, EndpointRow, NetworkName},
    look::Look,
    mapping::{endpoint_row, network_name, network_name_of},
};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddressLookup {
    /// `showalloc.danm.io/v1`.
    pub api_version: &'static str,
    /// `AddressLookup`.
    pub kind: &'static str,
    /// What was looked for: an address, or `NAMESPACE/POD`.
    pub subject: String,
    /// An item for each network and endpoint.
    pub items: Vec<Place>,
}

/// An address on a network, and one who holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The network.
    pub network: NetworkName,
    /// The address; none for an endpoint that has none.
    pub address: Option<IpAddr>,
    /// Its state on that network; none where it is in no subnet of it, or where the array cannot be read.
    pub state: Option<State>,
    /// The endpoint that names it.
    pub endpoint: Option<EndpointRow>,
    /// What was seen of the endpoint's Pod and machine, and what is wrong.
    pub evidence: Vec<String>,
}

// === impl AddressLookup ===

impl AddressLookup {
    /// Everything about an address.
    pub fn of_address(look: &Look<'_>, address: IpAddr) -> Self {
        let mut items = Vec::new();
        for (id, record) in look.world.networks().iter() {
            let covers = match record.space(Family::of(address)) {
                AddressSpace::Bits(bits) => bits.pool.bit_of(address).is_some(),
                AddressSpace::None | AddressSpace::Broken { .. } => false,
            };
            if covers {
                items.extend(places(look, id, address));
            }
        }
        let claimed =
            look.world.endpoints().iter().filter(|(_, endpoint)| endpoint.held().any(|held| held == address));
        for (slot, endpoint) in claimed {
            let is_known = items.iter().any(|item| is_of(item, endpoint));
            if !is_known {
                items.push(place_beside(look, slot, endpoint, Some(address)));
            }
        }
        Self { api_version: API_VERSION, kind: "AddressLookup", subject: address.to_string(), items }
    }

    /// Everything about a Pod.
    pub fn of_pod(look: &Look<'_>, namespace: &str, name: &str) -> Self {
        let of_pod = look
            .world
            .endpoints()
            .iter()
            .filter(|(_, endpoint)| *endpoint.id.namespace == *namespace && *endpoint.pod == *name);
        let mut items = Vec::new();
        for (slot, endpoint) in of_pod {
            let addresses: Vec<IpAddr> = endpoint.held().collect();
            if addresses.is_empty() {
                items.push(place_beside(look, slot, endpoint, None));
            }
            for address in addresses {
                let on_network = places(look, &endpoint.network_id(), address);
                match on_network.into_iter().find(|place| is_of(place, endpoint)) {
                    Some(place) => items.push(place),
                    None => items.push(place_beside(look, slot, endpoint, Some(address))),
                }
            }
        }
        Self {
            api_version: API_VERSION,
            kind: "AddressLookup",
            subject: format!("{namespace}/{name}"),
            items,
        }
    }
}

/// An address on a network, once for each endpoint that claims it.
fn places(look: &Look<'_>, id: &NetworkId, address: IpAddr) -> Vec<Place> {
    let Some(record) = look.world.networks().get(id) else { return Vec::new() };
    let AddressSpace::Bits(bits) = record.space(Family::of(address)) else { return Vec::new() };
    let Some(bit) = bits.pool.bit_of(address) else { return Vec::new() };
    let map = look.map(id, bits);
    let Some(run) = map.runs.iter().find(|run| run.first <= bit && bit <= run.last) else {
        return Vec::new();
    };
    let place = |slot: Option<Slot>| Place {
        network: network_name(id),
        address: Some(address),
        state: Some(run.state),
        endpoint: slot.and_then(|slot| look.world.endpoints().get(slot)).map(endpoint_row),
        evidence: slot.map(|slot| look.evidence(slot)).unwrap_or_default(),
    };
    if run.holders.is_empty() {
        vec![place(None)]
    } else {
        run.holders.iter().map(|slot| place(Some(*slot))).collect()
    }
}

/// An endpoint whose address is not on its network, or whose network is not there.
fn place_beside(look: &Look<'_>, slot: Slot, endpoint: &Endpoint, address: Option<IpAddr>) -> Place {
    let id = endpoint.network_id();
    let mut evidence = look.evidence(slot);
    if let Some(address) = address {
        evidence.push(match look.network_of(endpoint) {
            NetworkLookup::Gone => format!("there is no {}", id.network),
            NetworkLookup::Unusable(problem) => format!("{}: {problem}", id.network),
            NetworkLookup::Found(record) if record.contains(address) == Some(false) => {
                format!("{address} is in no subnet of {}", id.network)
            }
            NetworkLookup::Found(_) => format!("{} has no bit for {address}", id.network),
        });
    }
    Place {
        network: network_name_of(id.group, &id.network),
        address,
        state: None,
        endpoint: Some(endpoint_row(endpoint)),
        evidence,
    }
}

fn is_of(place: &Place, endpoint: &Endpoint) -> bool {
    place.endpoint.as_ref().is_some_and(|row| row.uid == endpoint.uid.to_string())
}
