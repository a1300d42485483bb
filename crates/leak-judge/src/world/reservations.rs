//! The addresses that `ReservedIP` objects keep: no leak if nobody holds them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use hashbrown::HashMap;

use danm_api::{NetworkKind, NetworkRef, ReservedIp};
use danm_ipam::parse_interface_address;

use super::{ObjectRef, Parked};
use crate::interner::Interner;

/// All reservations.
#[derive(Debug, Default)]
pub struct Reservations {
    by_object: BTreeMap<ObjectRef, Reserved>,
    by_network: HashMap<NetworkRef, BTreeMap<IpAddr, usize>>,
    /// While they are being listed anew, those not seen again yet.
    stale: BTreeSet<ObjectRef>,
}

#[derive(Debug)]
struct Reserved {
    network: NetworkRef,
    addresses: Vec<IpAddr>,
}

impl Reservations {
    /// The addresses kept on a network.
    pub fn on(&self, network: &NetworkRef) -> impl Iterator<Item = IpAddr> + '_ {
        self.by_network.get(network).into_iter().flatten().map(|(address, _)| *address)
    }

    pub(super) fn apply(
        &mut self,
        id: ObjectRef,
        object: &ReservedIp,
        names: &mut Interner,
    ) -> Result<(), Parked> {
        let spec = &object.spec;
        let kind = spec.network.kind.unwrap_or(NetworkKind::TenantNetwork);
        let network = NetworkRef::new(kind, &id.namespace, &names.get(&spec.network.name));
        let addresses: Result<Vec<_>, _> =
            spec.ips.iter().map(|ip| parse_interface_address(&ip.address)).collect();
        let addresses = addresses.map_err(|error| Parked {
            uid: object.metadata.uid.clone().unwrap_or_default(),
            problem: format!("spec.ips {error}"),
        })?;
        self.stale.remove(&id);
        self.remove(&id);
        let addresses: Vec<IpAddr> = addresses.into_iter().flatten().collect();
        let kept = self.by_network.entry(network.clone()).or_default();
        addresses.iter().for_each(|&address| *kept.entry(address).or_default() += 1);
        self.by_object.insert(id, Reserved { network, addresses });
        Ok(())
    }

    pub(super) fn remove(&mut self, id: &ObjectRef) {
        let Some(reserved) = self.by_object.remove(id) else { return };
        let Some(kept) = self.by_network.get_mut(&reserved.network) else { return };
        for address in reserved.addresses {
            if let Some(objects) = kept.get_mut(&address) {
                *objects -= 1;
                if *objects == 0 {
                    kept.remove(&address);
                }
            }
        }
        if kept.is_empty() {
            self.by_network.remove(&reserved.network);
        }
    }

    pub(super) fn begin_list(&mut self) {
        self.stale = self.by_object.keys().cloned().collect();
    }

    pub(super) fn end_list(&mut self) {
        std::mem::take(&mut self.stale).iter().for_each(|id| self.remove(id));
    }
}
