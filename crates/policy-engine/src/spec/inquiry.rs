//! What people ask besides the verdict: which policies isolate, and who answers for a Service. The answers are those by which
//! packets are judged.

use std::net::IpAddr;

use super::{Scene, service, subject};
use crate::{NamespacedName, Packet, PolicyKey, ServicePort, Traffic, World};

/// Where packets to a Service's cluster address go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The Service.
    pub service: NamespacedName,
    /// Its port that is meant; none if it has no such port, and the packet goes nowhere.
    pub port: Option<ServicePort>,
    /// Addresses and ports of those who are ready to answer.
    pub answering: Vec<(IpAddr, u16)>,
}

/// The policies that isolate the interface of a packet in its direction; none if no policy is about the Pod.
pub fn isolating(world: &World, pod: &NamespacedName, packet: &Packet) -> Vec<PolicyKey> {
    let Ok(scene) = Scene::open(world, pod, packet) else { return Vec::new() };
    subject::isolating(scene).into_iter().map(|(key, _)| key.clone()).collect()
}

/// The policies that are audited and would isolate it; none where others isolate it, or no policy is about the Pod.
pub fn auditing(world: &World, pod: &NamespacedName, packet: &Packet) -> Vec<PolicyKey> {
    let Ok(scene) = Scene::open(world, pod, packet) else { return Vec::new() };
    if !subject::isolating(scene).is_empty() {
        return Vec::new();
    }
    subject::audited(scene).into_iter().map(|(key, _)| key.clone()).collect()
}

/// Where packets to an address go, if that is a Service's.
pub fn exchange(world: &World, address: IpAddr, traffic: Traffic) -> Option<Exchange> {
    let (name, service) = world.services().find(|(_, service)| service.addresses.contains(&address))?;
    let port = service::port_of(service, address, traffic);
    let answering = port.map(|port| service::exchanged_for(world, name, port, address)).unwrap_or_default();
    Some(Exchange { service: name.clone(), port: port.cloned(), answering })
}
