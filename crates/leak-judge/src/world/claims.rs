//! Who claims which address of which network. A network is one here whatever its group: an address that is
//! alive in either is alive.

use std::{collections::BTreeMap, net::IpAddr};

use hashbrown::HashMap;

use danm_api::NetworkRef;

use super::{Endpoint, Slot, slots::Slots};

/// All claims, by network and address.
#[derive(Debug, Default)]
pub struct Claims {
    networks: HashMap<NetworkRef, BTreeMap<IpAddr, Slots>>,
}

impl Claims {
    /// The endpoints that claim an address, in either group.
    pub fn of(&self, network: &NetworkRef, address: IpAddr) -> &[Slot] {
        self.networks.get(network).and_then(|addresses| addresses.get(&address)).map_or(&[], Slots::as_slice)
    }

    /// All claims on a network, by address.
    pub fn on(&self, network: &NetworkRef) -> impl Iterator<Item = (IpAddr, &[Slot])> {
        let addresses = self.networks.get(network).into_iter().flatten();
        addresses.map(|(address, claimants)| (*address, claimants.as_slice()))
    }

    pub(super) fn add(&mut self, endpoint: &Endpoint, slot: Slot) {
        for address in endpoint.held() {
            let addresses = self.networks.entry(endpoint.network.clone()).or_default();
            addresses
                .entry(address)
                .and_modify(|claimants| claimants.add(slot))
                .or_insert_with(|| Slots::of(slot));
        }
    }

    pub(super) fn remove(&mut self, endpoint: &Endpoint, slot: Slot) {
        let Some(addresses) = self.networks.get_mut(&endpoint.network) else { return };
        for address in endpoint.held() {
            match addresses.get(&address).map(|claimants| claimants.without(slot)) {
                Some(Some(left)) => addresses.insert(address, left),
                Some(None) => addresses.remove(&address),
                None => None,
            };
        }
        if addresses.is_empty() {
            self.networks.remove(&endpoint.network);
        }
    }
}
