//! Who claims which address of which network. A network is one here whatever its group: an address that is
//! alive in either is alive.

use std::{collections::BTreeMap, net::IpAddr};

use hashbrown::HashMap;

use danm_api::NetworkRef;

use super::{Endpoint, Slot, slots::Slots};

/// All claims, by network and address.
#[derive(Debug, Default)]
pub struct Claims {
    networks: HashMap<NetworkRef, Claimants>,
    /// Calico gives an address once in a cluster, whatever network an endpoint says to be on.
    calico: Claimants,
}

/// The claims on one network. As numbers, of which a dozen fit into what a machine reads at once.
#[derive(Debug, Default)]
struct Claimants {
    v4: BTreeMap<u32, Slots>,
    v6: BTreeMap<u128, Slots>,
}

// === impl Claims ===

impl Claims {
    /// The endpoints that claim an address, in either group.
    pub fn of(&self, network: &NetworkRef, address: IpAddr) -> &[Slot] {
        self.networks.get(network).and_then(|claimants| claimants.of(address)).map_or(&[], Slots::as_slice)
    }

    /// The endpoints of Calico's networks that claim an address, in either group.
    pub fn of_calico(&self, address: IpAddr) -> &[Slot] {
        self.calico.of(address).map_or(&[], Slots::as_slice)
    }

    /// All claims on a network, by address.
    pub fn on(&self, network: &NetworkRef) -> impl Iterator<Item = (IpAddr, &[Slot])> {
        self.networks.get(network).into_iter().flat_map(Claimants::all)
    }

    pub(super) fn add(&mut self, endpoint: &Endpoint, slot: Slot) {
        if endpoint.held().next().is_none() {
            return;
        }
        if endpoint.is_of_calico() {
            self.calico.add_all(endpoint, slot);
        }
        // Nearly every endpoint is on a network of others: its name is not copied for nothing.
        match self.networks.get_mut(&endpoint.network) {
            Some(claimants) => claimants.add_all(endpoint, slot),
            None => self.networks.entry(endpoint.network.clone()).or_default().add_all(endpoint, slot),
        }
    }

    pub(super) fn remove(&mut self, endpoint: &Endpoint, slot: Slot) {
        if endpoint.is_of_calico() {
            endpoint.held().for_each(|address| self.calico.remove(address, slot));
        }
        let Some(claimants) = self.networks.get_mut(&endpoint.network) else { return };
        endpoint.held().for_each(|address| claimants.remove(address, slot));
        if claimants.v4.is_empty() && claimants.v6.is_empty() {
            self.networks.remove(&endpoint.network);
        }
    }
}

// === impl Claimants ===

impl Claimants {
    fn of(&self, address: IpAddr) -> Option<&Slots> {
        match address {
            IpAddr::V4(address) => self.v4.get(&address.into()),
            IpAddr::V6(address) => self.v6.get(&address.into()),
        }
    }

    fn all(&self) -> impl Iterator<Item = (IpAddr, &[Slot])> {
        let v4 = self.v4.iter().map(|(address, slots)| (IpAddr::V4((*address).into()), slots.as_slice()));
        let v6 = self.v6.iter().map(|(address, slots)| (IpAddr::V6((*address).into()), slots.as_slice()));
        v4.chain(v6)
    }

    fn add_all(&mut self, endpoint: &Endpoint, slot: Slot) {
        endpoint.held().for_each(|address| match address {
            IpAddr::V4(address) => add_to(&mut self.v4, address.into(), slot),
            IpAddr::V6(address) => add_to(&mut self.v6, address.into(), slot),
        });
    }

    fn remove(&mut self, address: IpAddr, slot: Slot) {
        match address {
            IpAddr::V4(address) => remove_from(&mut self.v4, address.into(), slot),
            IpAddr::V6(address) => remove_from(&mut self.v6, address.into(), slot),
        }
    }
}

fn add_to<A: Ord>(addresses: &mut BTreeMap<A, Slots>, address: A, slot: Slot) {
    addresses.entry(address).and_modify(|claimants| claimants.add(slot)).or_insert(Slots::One(slot));
}

fn remove_from<A: Ord>(addresses: &mut BTreeMap<A, Slots>, address: A, slot: Slot) {
    match addresses.get(&address).map(|claimants| claimants.without(slot)) {
        Some(Some(left)) => {
            addresses.insert(address, left);
        }
        Some(None) => {
            addresses.remove(&address);
        }
        None => {}
    }
}
