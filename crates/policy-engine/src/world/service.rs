//! What policies look at in a Service: a Pod sees packets to its cluster address before that is exchanged for the address of
//! somebody who answers.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use danm_api::Protocol;
use serde::{Deserialize, Serialize};

use crate::NamespacedName;

/// A Service that has addresses of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Its addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
}

/// A port, of a Service or of those who answer for it; the name tells which belong together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServicePort {
    /// Its name; empty if it is the only one.
    pub name: Box<str>,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its number.
    pub number: u16,
}

/// Some of those who answer for a Service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// The Service, in the slice's namespace.
    pub service: Arc<str>,
    /// Addresses of those who are ready.
    pub ready: BTreeSet<IpAddr>,
    /// Their ports.
    pub ports: Vec<ServicePort>,
    /// Whether one of them, or a port, cannot be read: then nobody knows who all of them are.
    pub is_incomplete: bool,
}

// === impl Service ===

impl From<&danm_api::Service> for Service {
    fn from(service: &danm_api::Service) -> Self {
        let all = service.spec.cluster_ip.iter().chain(&service.spec.cluster_ips);
        Self {
            addresses: all.filter_map(|address| parse(address)).collect(),
            ports: service.spec.ports.iter().filter_map(port).collect(),
        }
    }
}

// === impl Slice ===

impl Slice {
    /// The name of its Service, if it is in this namespace.
    pub fn service_in(&self, namespace: &Arc<str>) -> NamespacedName {
        NamespacedName { namespace: Arc::clone(namespace), name: Arc::clone(&self.service) }
    }
}

impl From<&danm_api::EndpointSlice> for Slice {
    fn from(slice: &danm_api::EndpointSlice) -> Self {
        let ready = slice.endpoints.iter().filter(|one| one.conditions.ready.unwrap_or(true));
        let addresses: Vec<Option<IpAddr>> =
            ready.flat_map(|one| &one.addresses).map(|it| parse(it)).collect();
        let ports: Vec<Option<ServicePort>> = slice.ports.iter().map(port).collect();
        Self {
            service: slice.service().unwrap_or_default().into(),
            is_incomplete: addresses.contains(&None) || ports.contains(&None),
            ready: addresses.into_iter().flatten().collect(),
            ports: ports.into_iter().flatten().collect(),
        }
    }
}

fn parse(address: &str) -> Option<IpAddr> {
    address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn port(port: &danm_api::ServicePort) -> Option<ServicePort> {
    Some(ServicePort {
        name: port.name.clone().unwrap_or_default(),
        protocol: Protocol::named(port.protocol.as_deref().unwrap_or("TCP"))?,
        number: u16::try_from(port.port).ok()?,
    })
}
