//! What policies look at in a Pod. Its endpoints are objects of their own.

use std::{net::IpAddr, sync::Arc};

use danm_api::Protocol;
use serde::{Deserialize, Serialize};

use super::own_address;
use crate::Labels;

/// A Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pod {
    /// Which Pod of this name.
    pub uid: Arc<str>,
    /// Its labels.
    pub labels: Labels,
    /// Whether it shares its node's network: it is part of its node then, and no policy is about it.
    pub is_on_host_network: bool,
    /// Whether it has ended: its addresses may be another's.
    pub has_ended: bool,
    /// Its addresses by its own status, in order.
    pub addresses: Box<[IpAddr]>,
    /// The ports to which it gives names, in order.
    pub ports: Arc<[NamedPort]>,
}

/// A port with a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NamedPort {
    /// Its name.
    pub name: Box<str>,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its number.
    pub number: u16,
}

// === impl Pod ===

impl Pod {
    /// Whether its addresses are its own.
    pub const fn is_peer(&self) -> bool {
        !self.is_on_host_network && !self.has_ended
    }

    /// The numbers of the port of this name: several, if several containers call one so.
    pub fn port_numbers<'a>(&'a self, protocol: Protocol, name: &'a str) -> impl Iterator<Item = u16> + 'a {
        named(&self.ports, protocol, name)
    }
}

/// The numbers of the ports of this name.
pub fn named<'a>(
    ports: &'a [NamedPort],
    protocol: Protocol,
    name: &'a str,
) -> impl Iterator<Item = u16> + 'a {
    let ports = ports.iter().filter(move |port| port.protocol == protocol && &*port.name == name);
    ports.map(|port| port.number)
}

impl From<&danm_api::Pod> for Pod {
    fn from(pod: &danm_api::Pod) -> Self {
        let mut addresses: Vec<IpAddr> =
            pod.status.pod_ips.iter().filter_map(|one| own_address(&one.ip)).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let labels = pod.metadata.labels.clone().unwrap_or_default();
        Self {
            uid: pod.metadata.uid.as_deref().unwrap_or_default().into(),
            labels: labels.into(),
            is_on_host_network: pod.spec.host_network,
            has_ended: pod.has_ended(),
            addresses: addresses.into(),
            ports: named_ports(pod),
        }
    }
}

/// Containers that only prepare others have gone before anybody speaks to the Pod.
fn named_ports(pod: &danm_api::Pod) -> Arc<[NamedPort]> {
    let beside =
        pod.spec.init_containers.iter().filter(|one| one.restart_policy.as_deref() == Some("Always"));
    let told = pod.spec.containers.iter().chain(beside).flat_map(|container| &container.ports);
    let named = told.filter_map(|port| {
        let name = port.name.clone().filter(|name| !name.is_empty())?;
        let protocol = Protocol::named(port.protocol.as_deref().unwrap_or("TCP"))?;
        let number = u16::try_from(port.container_port).ok().filter(|number| *number > 0)?;
        Some(NamedPort { name, protocol, number })
    });
    let mut ports: Vec<NamedPort> = named.collect();
    ports.sort_unstable();
    ports.dedup();
    ports.into()
}
