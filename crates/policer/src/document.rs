//! What is printed for programs, as values. The names of the fields are the contract: scripts read them.

use std::net::IpAddr;

use danm_api::NetworkRef;
use serde::Serialize;

use crate::place::Place;

/// An address of a Pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct EndpointRow {
    /// The Pod's namespace.
    pub namespace: String,
    /// The Pod's name.
    pub pod: String,
    /// The interface; empty if the Pod has no `DanmEp`.
    pub interface: String,
    /// The address, without the length of a prefix.
    pub address: IpAddr,
    /// The network; none if the Pod has no `DanmEp`.
    pub network: Option<NetworkName>,
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NetworkName {
    /// Its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
}

/// A pair of endpoints and a probe, all three by their numbers, and what becomes of it at both ends and in total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ResultRow {
    /// Who opens the connection.
    pub from: usize,
    /// Who is spoken to.
    pub to: usize,
    /// What is tried.
    pub probe: usize,
    /// Whether it is let out.
    pub egress: &'static str,
    /// Whether it is let in.
    pub ingress: &'static str,
    /// Whether it is both.
    pub verdict: &'static str,
}

impl From<&Place> for EndpointRow {
    fn from(place: &Place) -> Self {
        Self {
            namespace: place.pod.namespace.as_ref().to_owned(),
            pod: place.pod.name.as_ref().to_owned(),
            interface: place.interface_name().to_owned(),
            address: place.address,
            network: place.network.as_ref().map(NetworkName::from),
        }
    }
}

impl From<&NetworkRef> for NetworkName {
    fn from(network: &NetworkRef) -> Self {
        Self { kind: network.kind.name(), name: network.name.as_ref().to_owned() }
    }
}
