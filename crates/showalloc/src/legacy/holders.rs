//! Who holds which address of one network: endpoints in, claims out, one by one. Asks nobody, prints nothing.

use std::fmt;

use danm_api::{Decoded, EndpointView, NetworkKind};
use danm_ipam::{Claim, Family, Pool, parse_interface_address};

/// The network whose endpoints are looked for, and from where it is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its kind.
    pub kind: NetworkKind,
    /// Its name.
    pub name: &'a str,
    /// The namespace that was asked about: the network's, unless that is cluster-wide. Pods of others are told
    /// apart by their namespace; where it is empty, as in the reference, nobody is.
    pub namespace: &'a str,
}

/// The Pod of an endpoint, as it is shown. Those of the namespace that was asked about come first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// Its namespace, where that has to be said.
    pub namespace: Option<String>,
    /// Its name.
    pub pod: String,
}

/// What an endpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// Its Pod holds an address.
    Holds(Claim<Holder>),
    /// It may be on the network and hold an address, but what it says cannot be read.
    Unreadable(String),
}

// === impl Subject ===

impl Subject<'_> {
    /// What an endpoint says of an address in the pool, if it is on the network.
    pub fn sighting(&self, pool: &Pool, endpoint: &Decoded<EndpointView>) -> Option<Sighting> {
        let endpoint = match endpoint {
            Decoded::Readable(endpoint) => endpoint,
            Decoded::Unreadable(endpoint) => {
                let metadata = &endpoint.metadata;
                let name = (metadata.namespace.as_deref(), metadata.name.as_deref());
                return Some(unreadable(name, &endpoint.problem));
            }
        };
        if !self.has(endpoint) {
            return None;
        }
        match parse_interface_address(address_text(endpoint, Family::of(pool.subnet().addr()))) {
            Ok(address) => {
                let bit = pool.bit_of(address?)?;
                Some(Sighting::Holds(Claim { bit, alive: true, holder: self.holder(endpoint) }))
            }
            Err(error) => {
                let metadata = &endpoint.metadata;
                let name = (metadata.namespace.as_deref(), metadata.name.as_deref());
                Some(unreadable(name, &error.to_string()))
            }
        }
    }

    /// Whether an endpoint is on the network. The group plays no part.
    fn has(&self, endpoint: &EndpointView) -> bool {
        let spec = &endpoint.spec;
        let kind = spec.api_type.as_deref().unwrap_or_default().parse::<NetworkKind>();
        spec.network_name == self.name
            && kind == Ok(self.kind)
            && (!self.kind.is_namespaced() || namespace_of(endpoint) == self.namespace)
    }

    fn holder(&self, endpoint: &EndpointView) -> Holder {
        let namespace = namespace_of(endpoint);
        let is_told = !self.namespace.is_empty() && namespace != self.namespace;
        Holder {
            namespace: is_told.then(|| namespace.to_owned()),
            pod: endpoint.spec.pod.clone().unwrap_or_default(),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.pod),
            None => f.write_str(&self.pod),
        }
    }
}

fn unreadable((namespace, name): (Option<&str>, Option<&str>), problem: &str) -> Sighting {
    let (namespace, name) = (namespace.unwrap_or_default(), name.unwrap_or_default());
    Sighting::Unreadable(format!("{namespace}/{name} ({problem})"))
}

fn namespace_of(endpoint: &EndpointView) -> &str {
    endpoint.metadata.namespace.as_deref().unwrap_or_default()
}

fn address_text(endpoint: &EndpointView, family: Family) -> &str {
    let Some(interface) = &endpoint.spec.interface else { return "" };
    let text = match family {
        Family::Ipv4 => &interface.address,
        Family::Ipv6 => &interface.address_ipv6,
    };
    text.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests;
