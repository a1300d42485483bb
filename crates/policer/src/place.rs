//! Where Pods are reached: an interface with an address, as far as endpoints and the Pods themselves tell.

use std::net::IpAddr;

use danm_api::NetworkRef;
use policy_engine::{Direction, Endpoint, InterfaceName, NamespacedName, Packet, Traffic, World};

/// An address of a Pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The Pod.
    pub pod: NamespacedName,
    /// The interface; none if the Pod has no endpoint, or this one names no interface that there can be.
    pub interface: Option<InterfaceName>,
    /// The address.
    pub address: IpAddr,
    /// The network, if it is known.
    pub network: Option<NetworkRef>,
    /// Whether an endpoint tells of it. Without one no policy can be about the Pod.
    pub has_endpoint: bool,
}

/// Stands for an interface of which nobody knows the name: no other is called so.
const NAMELESS: &str = "no-name@policer";

/// All places, in the order of their namespaces, Pods, interfaces and addresses.
pub(crate) fn places(world: &World) -> Vec<Place> {
    world.pods().flat_map(|(name, _)| places_of(world, name)).collect()
}

/// The places of a Pod, in the order of interfaces and addresses. A Pod that is part of its node, or has ended, has none.
pub(crate) fn places_of(world: &World, name: &NamespacedName) -> Vec<Place> {
    let place = |endpoint: Option<&Endpoint>, address| Place {
        pod: name.clone(),
        interface: endpoint.and_then(|endpoint| endpoint.interface.clone()),
        address,
        network: endpoint.and_then(|endpoint| endpoint.network.clone()),
        has_endpoint: endpoint.is_some(),
    };
    let holders = world.addresses_of(name);
    let mut places: Vec<Place> =
        holders.iter().map(|holder| place(holder.endpoint, holder.address)).collect();
    places.sort();
    // What two endpoints tell alike is one place; one that knows its network comes last.
    places.dedup_by(|next, kept| {
        let is_same = (&next.interface, next.address) == (&kept.interface, kept.address);
        if is_same && kept.network.is_none() {
            kept.network = next.network.take();
        }
        is_same
    });
    places
}

// === impl Place ===

impl Place {
    /// A packet that comes to it, or leaves it.
    pub(crate) fn packet(&self, direction: Direction, remote: IpAddr, traffic: Traffic) -> Option<Packet> {
        let interface = self.interface.clone().or_else(|| InterfaceName::new(NAMELESS))?;
        Some(Packet { direction, interface, remote, traffic })
    }

    /// The name of the interface, empty where there is none.
    pub(crate) fn interface_name(&self) -> &str {
        self.interface.as_ref().map_or("", InterfaceName::as_str)
    }
}
