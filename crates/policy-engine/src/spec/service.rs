//! What goes to a Service's cluster address: the Pod's own network namespace sees it before it is exchanged for the address of
//! somebody who answers. Not who answers; slices tell that.

use std::net::IpAddr;

use danm_api::PolicyRule;

use super::{
    Scene,
    rule::{self, Entries},
};
use crate::{Direction, NamespacedName, Packet, PolicyKey, Service, ServicePort, Traffic, World};

/// A rule that allows everybody who answers for a Service, and somebody does, allows the Service. Nobody knows which of them
/// it will be, so one who is not allowed closes it.
pub fn allowed(scene: Scene<'_>, policy: &PolicyKey, rule: &PolicyRule) -> Option<(NamespacedName, Entries)> {
    let Packet { direction: Direction::Egress, remote, traffic, .. } = scene.packet else { return None };
    scene.world.services().find_map(|(name, service)| {
        let port = port_of(service, *remote, *traffic)?;
        let exchanged =
            exchanged_for(scene.world, name, port, *remote).into_iter().map(|(address, number)| {
                let traffic = Traffic::to(port.protocol, number);
                Packet { remote: address, traffic, ..scene.packet.clone() }
            });
        let allowed: Option<Vec<Entries>> =
            exchanged.map(|packet| rule::entries(scene.with(&packet), policy, rule)).collect();
        Some((name.clone(), *allowed?.first()?))
    })
}

/// The port of a Service to which a packet goes, if it goes to one.
pub fn port_of(service: &Service, remote: IpAddr, traffic: Traffic) -> Option<&ServicePort> {
    let Traffic::Ports { protocol, destination, .. } = traffic else { return None };
    let is_meant = |port: &&ServicePort| port.protocol == protocol && port.number == destination;
    service.ports.iter().find(is_meant).filter(|_| service.addresses.contains(&remote))
}

/// The addresses and ports of those who are ready to answer: of the cluster address's family, and on the port of the same name
/// and protocol. Nobody, if one of those who answer cannot be read: then nobody knows all of them.
pub fn exchanged_for(
    world: &World,
    service: &NamespacedName,
    port: &ServicePort,
    remote: IpAddr,
) -> Vec<(IpAddr, u16)> {
    let mut exchanged = Vec::new();
    if world.slices(service).any(|slice| slice.is_incomplete) {
        return exchanged;
    }
    for slice in world.slices(service) {
        let addresses = slice.ready.iter().filter(|address| address.is_ipv4() == remote.is_ipv4());
        let mut ports = slice.ports.iter();
        let number = ports.find(|one| one.name == port.name && one.protocol == port.protocol);
        let Some(number) = number.map(|port| port.number) else { continue };
        exchanged.extend(addresses.map(|&address| (address, number)));
    }
    exchanged
}
