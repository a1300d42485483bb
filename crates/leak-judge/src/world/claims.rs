//! Who claims which address of which network. A network is one here whatever its group: an address that is
//! alive in either is alive.

use std::{collections::BTreeMap, net::IpAddr};

use hashbrown::HashMap;

use danm_api::NetworkRef;

use super::{Endpoint, Slot};

/// The endpoints that claim one address; nearly always one.
#[derive(Clone, Debug)]
pub enum Claimants {
    /// The usual case.
    One(Slot),
    /// Several: a rebuilt Pod beside the remains of the old one, two groups, a duplicate.
    Many(Vec<Slot>),
}

/// All claims, by network and address.
#[derive(Debug, Default)]
pub struct Claims {
    networks: HashMap<NetworkRef, BTreeMap<IpAddr, Claimants>>,
}

impl Claimants {
    /// The claimants.
    pub fn slots(&self) -> &[Slot] {
        match self {
            Self::One(slot) => std::slice::from_ref(slot),
            Self::Many(slots) => slots,
        }
    }

    fn add(&mut self, slot: Slot) {
        match self {
            Self::One(first) if *first == slot => {}
            Self::One(first) => *self = Self::Many(vec![*first, slot]),
            Self::Many(slots) if slots.contains(&slot) => {}
            Self::Many(slots) => slots.push(slot),
        }
    }
}

impl Claims {
    /// The endpoints that claim an address, in either group.
    pub fn of(&self, network: &NetworkRef, address: IpAddr) -> &[Slot] {
        self.networks.get(network).and_then(|addresses| addresses.get(&address)).map_or(&[], Claimants::slots)
    }

    /// All claims on a network, by address.
    pub fn on(&self, network: &NetworkRef) -> impl Iterator<Item = (IpAddr, &[Slot])> {
        let addresses = self.networks.get(network).into_iter().flatten();
        addresses.map(|(address, claimants)| (*address, claimants.slots()))
    }

    pub(super) fn add(&mut self, endpoint: &Endpoint, slot: Slot) {
        for address in endpoint.held() {
            let addresses = self.networks.entry(endpoint.network.clone()).or_default();
            addresses
                .entry(address)
                .and_modify(|claimants| claimants.add(slot))
                .or_insert(Claimants::One(slot));
        }
    }

    pub(super) fn remove(&mut self, endpoint: &Endpoint, slot: Slot) {
        let Some(addresses) = self.networks.get_mut(&endpoint.network) else { return };
        for address in endpoint.held() {
            let left: Vec<Slot> = match addresses.get(&address) {
                Some(claimants) => claimants.slots().iter().copied().filter(|other| *other != slot).collect(),
                None => continue,
            };
            match *left {
                [] => addresses.remove(&address),
                [only] => addresses.insert(address, Claimants::One(only)),
                _ => addresses.insert(address, Claimants::Many(left)),
            };
        }
        if addresses.is_empty() {
            self.networks.remove(&endpoint.network);
        }
    }
}
