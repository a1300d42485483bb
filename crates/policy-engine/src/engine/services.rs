//! Services, resolved: at which addresses and ports they are reached, and who answers there. Whether a rule allows that is
//! not known here.

use std::{collections::BTreeSet, net::IpAddr};

use danm_api::Protocol;
use hashbrown::HashMap;

use crate::{NamespacedName, World};

/// The Services that have addresses.
#[derive(Debug, Default)]
pub struct Services {
    of: HashMap<NamespacedName, Resolved>,
    by_address: HashMap<IpAddr, BTreeSet<NamespacedName>>,
    by_backend: HashMap<IpAddr, BTreeSet<NamespacedName>>,
}

#[derive(Debug)]
struct Resolved {
    addresses: BTreeSet<IpAddr>,
    ports: Vec<ResolvedPort>,
}

/// A port of a Service, and who answers for it.
#[derive(Debug)]
pub struct ResolvedPort {
    pub protocol: Protocol,
    pub number: u16,
    pub backends: BTreeSet<(IpAddr, u16)>,
    /// Whether these are all.
    pub is_complete: bool,
}

// === impl Services ===

impl Services {
    /// Takes note of a Service as it is now. Gives the addresses that it had before or has now.
    pub fn refresh(&mut self, name: &NamespacedName, world: &World) -> BTreeSet<IpAddr> {
        let mut touched = self.forget(name);
        let Some(resolved) = resolve(name, world) else { return touched };
        for address in &resolved.addresses {
            touched.insert(*address);
            self.by_address.entry(*address).or_default().insert(name.clone());
        }
        for (backend, _) in resolved.ports.iter().flat_map(|port| &port.backends) {
            self.by_backend.entry(*backend).or_default().insert(name.clone());
        }
        self.of.insert(name.clone(), resolved);
        touched
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// All addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.by_address.keys().copied()
    }

    /// The ports that are reached at an address.
    pub fn at(&self, address: IpAddr) -> impl Iterator<Item = &ResolvedPort> {
        let names = self.by_address.get(&address).into_iter().flatten();
        names.filter_map(|name| self.of.get(name)).flat_map(|service| &service.ports)
    }

    /// The addresses of Services for which one of these answers.
    pub fn answered_by(&self, backends: &BTreeSet<IpAddr>) -> BTreeSet<IpAddr> {
        let names = backends.iter().filter_map(|backend| self.by_backend.get(backend)).flatten();
        names
            .filter_map(|name| self.of.get(name))
            .flat_map(|service| service.addresses.iter().copied())
            .collect()
    }

    fn forget(&mut self, name: &NamespacedName) -> BTreeSet<IpAddr> {
        let Some(resolved) = self.of.remove(name) else { return BTreeSet::new() };
        let backends = resolved.ports.iter().flat_map(|port| &port.backends).map(|(backend, _)| *backend);
        backends.for_each(|backend| take_out(&mut self.by_backend, backend, name));
        resolved.addresses.iter().for_each(|address| take_out(&mut self.by_address, *address, name));
        resolved.addresses
    }
}

fn take_out(index: &mut HashMap<IpAddr, BTreeSet<NamespacedName>>, address: IpAddr, name: &NamespacedName) {
    let Some(names) = index.get_mut(&address) else { return };
    names.remove(name);
    if names.is_empty() {
        index.remove(&address);
    }
}

fn resolve(name: &NamespacedName, world: &World) -> Option<Resolved> {
    let service = world.service(name).filter(|service| !service.addresses.is_empty())?;
    let slices: Vec<_> = world.slices(name).collect();
    let ports = service.ports.iter().map(|port| {
        let mut backends = BTreeSet::new();
        for slice in &slices {
            let is_same = |it: &&crate::ServicePort| it.name == port.name && it.protocol == port.protocol;
            for target in slice.ports.iter().filter(is_same) {
                backends.extend(slice.ready.iter().map(|address| (*address, target.number)));
            }
        }
        let is_complete = slices.iter().all(|slice| !slice.is_incomplete);
        ResolvedPort { protocol: port.protocol, number: port.number, backends, is_complete }
    });
    Some(Resolved { addresses: service.addresses.clone(), ports: ports.collect() })
}
