//! What the rules of a Pod take into account beside policies: found out from what is known of it, its node and the cluster.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use danm_api::Protocol;
use policy_dataplane::Excepted;
use policy_engine::{
    Endpoint, InterfaceName, NamespacedName, Pod, World,
    program::{Dns, Family, Forward, NodeAccess, Surroundings},
    set::Members,
};

use crate::cli::{AllowNode, DnsAccess};

/// What operators decided for all Pods of the node.
#[derive(Clone, Debug)]
pub(in crate::agent) struct Exceptions {
    pub(in crate::agent) allow_node: AllowNode,
    pub(in crate::agent) dns: DnsAccess,
    /// The Services that answer for names.
    pub(in crate::agent) dns_services: Vec<NamespacedName>,
    pub(in crate::agent) forward: Forward,
}

/// What is the same for all Pods of the node.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::agent) struct Common {
    /// Addresses of nodes that reach Pods; none if none do.
    nodes: Option<Arc<Members>>,
    dns: Dns,
    forward: Forward,
}

/// Where the node-local cache of names listens, unless somebody has moved it.
const NODE_LOCAL_CACHE: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 20, 10));

const DNS_PORT: u16 = 53;

/// The first interface of a Pod as a rule, where its status does not say.
const FIRST: &str = "eth0";

// === impl Common ===

impl Common {
    pub(in crate::agent) fn of(world: &World, exceptions: &Exceptions, nodes: &BTreeSet<IpAddr>) -> Self {
        Self {
            nodes: (exceptions.allow_node != AllowNode::None).then(|| Arc::new(addresses(nodes))),
            dns: match exceptions.dns {
                DnsAccess::None => Dns::Closed,
                DnsAccess::Any => Dns::Any,
                DnsAccess::Cluster => {
                    Dns::Servers(Arc::new(ports(&servers(world, &exceptions.dns_services))))
                }
            },
            forward: exceptions.forward,
        }
    }

    /// As a table tells it that was made with it. What is passed on, and whether names may be asked for anywhere, it does not tell.
    pub(in crate::agent) fn found(excepted: &Excepted) -> Self {
        let dns = excepted.dns.clone().map_or(Dns::Closed, Dns::Servers);
        Self { nodes: excepted.nodes.clone(), dns, forward: Forward::default() }
    }

    /// The surroundings of a Pod that has these endpoints.
    pub(in crate::agent) fn around(&self, pod: &Pod, endpoints: &[&Endpoint]) -> Surroundings {
        let nodes = self.nodes.as_ref().map(Arc::clone);
        let access = |addresses| Some(NodeAccess { interface: first_interface(pod, endpoints)?, addresses });
        Surroundings {
            nodes: nodes.and_then(access),
            dns: self.dns.clone(),
            dhcp: dhcp(endpoints),
            forward: self.forward,
            addresses: Some(own_addresses(endpoints)),
        }
    }
}

/// The interface that its first address is on: kubelets probe that.
fn first_interface(pod: &Pod, endpoints: &[&Endpoint]) -> Option<InterfaceName> {
    let is_first = |addresses: &[IpAddr]| addresses.iter().any(|address| pod.addresses.contains(address));
    let told = endpoints.iter().find(|endpoint| is_first(&endpoint.addresses));
    told.and_then(|endpoint| endpoint.interface.clone()).or_else(|| InterfaceName::new(FIRST))
}

/// An interface to which no endpoint gives an address may ask for one. One that has an address is not in want of another family's: what
/// may be asked for may be used to speak.
fn dhcp(endpoints: &[&Endpoint]) -> BTreeSet<(InterfaceName, Family)> {
    let mut have: BTreeMap<&InterfaceName, bool> = BTreeMap::new();
    for endpoint in endpoints {
        let Some(interface) = &endpoint.interface else { continue };
        *have.entry(interface).or_default() |= !endpoint.addresses.is_empty();
    }
    let without = have.into_iter().filter(|(_, has_any)| !has_any);
    without.flat_map(|(name, _)| Family::ALL.map(|family| (name.clone(), family))).collect()
}

/// The Pod's addresses that are on one interface alone.
fn own_addresses(endpoints: &[&Endpoint]) -> BTreeMap<IpAddr, InterfaceName> {
    let mut interfaces: BTreeMap<IpAddr, BTreeSet<&InterfaceName>> = BTreeMap::new();
    for endpoint in endpoints {
        for address in &endpoint.addresses {
            interfaces.entry(*address).or_default().extend(&endpoint.interface);
        }
    }
    let only = |(address, names): (IpAddr, BTreeSet<&InterfaceName>)| match names.first() {
        Some(name) if names.len() == 1 => Some((address, (*name).clone())),
        _ => None,
    };
    interfaces.into_iter().filter_map(only).collect()
}

/// Who answers for names: cluster addresses by the port that is asked, and those who answer by theirs.
fn servers(world: &World, services: &[NamespacedName]) -> BTreeSet<(IpAddr, Protocol, u16)> {
    let protocols = [Protocol::Tcp, Protocol::Udp];
    let mut servers: BTreeSet<_> =
        protocols.map(|protocol| (NODE_LOCAL_CACHE, protocol, DNS_PORT)).into_iter().collect();
    for name in services {
        let Some(service) = world.service(name) else { continue };
        let asked =
            service.ports.iter().filter(|port| port.number == DNS_PORT && protocols.contains(&port.protocol));
        for port in asked {
            servers.extend(service.addresses.iter().map(|address| (*address, port.protocol, port.number)));
            for slice in world.slices(name) {
                let answering = slice.ports.iter();
                let answering = answering.filter(|it| it.name == port.name && it.protocol == port.protocol);
                let of_port =
                    answering.flat_map(|it| slice.ready.iter().map(|ip| (*ip, it.protocol, it.number)));
                servers.extend(of_port);
            }
        }
    }
    servers
}

fn addresses(all: &BTreeSet<IpAddr>) -> Members {
    let (mut v4, mut v6): (Vec<Ipv4Addr>, Vec<Ipv6Addr>) = Default::default();
    for address in all {
        match address {
            IpAddr::V4(address) => v4.push(*address),
            IpAddr::V6(address) => v6.push(*address),
        }
    }
    Members::Addresses(v4, v6)
}

fn ports(all: &BTreeSet<(IpAddr, Protocol, u16)>) -> Members {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for (address, protocol, port) in all {
        match address {
            IpAddr::V4(address) => v4.push((*address, *protocol, *port)),
            IpAddr::V6(address) => v6.push((*address, *protocol, *port)),
        }
    }
    Members::Ports(v4, v6)
}

#[cfg(test)]
mod tests;
