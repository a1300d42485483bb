//! Which Pods there are, and which addresses they hold on which networks: the world's answers, kept at hand. An address may
//! have several holders; what follows from that is not known here.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use danm_api::NetworkRef;
use hashbrown::HashMap;
use slab::Slab;

use crate::{Labels, NamedPort, NamespacedName, World};

/// A Pod, by a number that is its own while it is there.
pub type PodId = usize;

/// The Pods.
#[derive(Debug, Default)]
pub struct Census {
    ids: HashMap<NamespacedName, PodId>,
    pods: Slab<Resident>,
    holders: HashMap<IpAddr, Vec<Holding>>,
    of_namespace: HashMap<Arc<str>, BTreeSet<PodId>>,
}

/// A Pod that is there.
#[derive(Debug, PartialEq)]
pub struct Resident {
    pub name: NamespacedName,
    pub labels: Labels,
    pub ports: Arc<[NamedPort]>,
    addresses: Vec<(IpAddr, Option<NetworkRef>)>,
}

/// That a Pod holds an address.
#[derive(Clone, Debug, PartialEq)]
pub struct Holding {
    /// The Pod.
    pub pod: PodId,
    /// On which network.
    pub network: Option<NetworkRef>,
}

// === impl Census ===

impl Census {
    /// Takes note of a Pod as it is now. Gives the addresses that it held before or holds now; none if it is as it was.
    pub fn register(&mut self, world: &World, name: &NamespacedName) -> Option<(PodId, BTreeSet<IpAddr>)> {
        let pod = world.pod(name)?;
        let holders = world.addresses_of(name);
        let mut addresses: Vec<_> = holders.iter().map(|it| (it.address, it.network().cloned())).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let resident = Resident {
            name: name.clone(),
            labels: Arc::clone(&pod.labels),
            ports: Arc::clone(&pod.ports),
            addresses,
        };
        let id = if let Some(id) = self.ids.get(name) { *id } else { self.admit(name) };
        if self.pods.get(id) == Some(&resident) {
            return None;
        }
        let mut touched = self.forget_addresses(id);
        for (address, network) in &resident.addresses {
            touched.insert(*address);
            let holding = Holding { pod: id, network: network.clone() };
            // Hardly any is held by two.
            self.holders.entry(*address).or_insert_with(|| Vec::with_capacity(1)).push(holding);
        }
        if let Some(place) = self.pods.get_mut(id) {
            *place = resident;
        }
        Some((id, touched))
    }

    /// Forgets a Pod. Gives the addresses that it held.
    pub fn remove(&mut self, name: &NamespacedName) -> Option<(PodId, BTreeSet<IpAddr>)> {
        let id = self.ids.remove(name)?;
        let touched = self.forget_addresses(id);
        self.pods.try_remove(id);
        if let Some(of_namespace) = self.of_namespace.get_mut(&name.namespace) {
            of_namespace.remove(&id);
            if of_namespace.is_empty() {
                self.of_namespace.remove(&name.namespace);
            }
        }
        Some((id, touched))
    }

    /// A Pod.
    pub fn get(&self, id: PodId) -> Option<&Resident> {
        self.pods.get(id)
    }

    /// All Pods.
    pub fn all(&self) -> impl Iterator<Item = PodId> {
        self.pods.iter().map(|(id, _)| id)
    }

    /// The Pods of a namespace.
    pub fn of_namespace(&self, namespace: &str) -> impl Iterator<Item = PodId> {
        self.of_namespace.get(namespace).into_iter().flatten().copied()
    }

    /// Who holds an address.
    pub fn holders(&self, address: IpAddr) -> &[Holding] {
        self.holders.get(&address).map_or(&[], Vec::as_slice)
    }

    fn admit(&mut self, name: &NamespacedName) -> PodId {
        // As no Pod is, until it is registered.
        let id = self.pods.insert(Resident {
            name: NamespacedName::new("", ""),
            labels: Arc::default(),
            ports: Arc::default(),
            addresses: Vec::new(),
        });
        self.ids.insert(name.clone(), id);
        self.of_namespace.entry(Arc::clone(&name.namespace)).or_default().insert(id);
        id
    }

    fn forget_addresses(&mut self, id: PodId) -> BTreeSet<IpAddr> {
        let held = self.pods.get_mut(id).map(|pod| std::mem::take(&mut pod.addresses)).unwrap_or_default();
        let touched: BTreeSet<IpAddr> = held.into_iter().map(|(address, _)| address).collect();
        for address in &touched {
            let Some(holders) = self.holders.get_mut(address) else { continue };
            holders.retain(|holding| holding.pod != id);
            if holders.is_empty() {
                self.holders.remove(address);
            }
        }
        touched
    }
}

// === impl Resident ===

impl Resident {
    /// The addresses that it holds; one that it holds on several networks, several times.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().map(|(address, _)| *address)
    }
}
