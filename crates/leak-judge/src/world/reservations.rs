//! The addresses that `ReservedIP` objects keep: no leak if nobody holds them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use hashbrown::HashMap;

use danm_api::{NetworkKind, NetworkRef, ReservedAddress, ReservedIp};
use danm_ipam::{UnreadableAddress, parse_interface_address};

use super::{ObjectRef, Parked};
use crate::interner::Interner;

/// All reservations.
#[derive(Debug, Default)]
pub struct Reservations {
    by_object: BTreeMap<ObjectRef, Reserved>,
    by_network: HashMap<NetworkRef, BTreeMap<IpAddr, Keepers>>,
    /// While they are being listed anew, those not seen again yet.
    stale: BTreeSet<ObjectRef>,
}

#[derive(Debug)]
struct Reserved {
    network: NetworkRef,
    /// Each with whether several endpoints may hold it.
    addresses: Vec<(IpAddr, bool)>,
}

/// How many objects keep an address, and how many of them let several endpoints hold it.
#[derive(Debug, Default)]
struct Keepers {
    objects: usize,
    sharing: usize,
}

impl Reservations {
    /// The addresses kept on a network.
    pub fn on(&self, network: &NetworkRef) -> impl Iterator<Item = IpAddr> + '_ {
        self.by_network.get(network).into_iter().flatten().map(|(address, _)| *address)
    }

    /// Whether an address of a network is kept.
    pub fn keep(&self, network: &NetworkRef, address: IpAddr) -> bool {
        self.by_network.get(network).is_some_and(|kept| kept.contains_key(&address))
    }

    /// Whether several endpoints may hold an address at once.
    pub fn lets_share(&self, network: &NetworkRef, address: IpAddr) -> bool {
        let keepers = self.by_network.get(network).and_then(|kept| kept.get(&address));
        keepers.is_some_and(|keepers| keepers.sharing > 0)
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
        let shared = |ip: &ReservedAddress| ip.shareable.unwrap_or_default();
        let addresses: Result<Vec<_>, _> = spec
            .ips
            .iter()
            .map(|ip| Ok(parse_interface_address(&ip.address)?.map(|address| (address, shared(ip)))))
            .collect();
        let addresses = addresses.map_err(|error: UnreadableAddress| Parked {
            uid: object.metadata.uid.clone().unwrap_or_default(),
            problem: format!("spec.ips {error}"),
        })?;
        self.stale.remove(&id);
        self.remove(&id);
        let addresses: Vec<(IpAddr, bool)> = addresses.into_iter().flatten().collect();
        let kept = self.by_network.entry(network.clone()).or_default();
        for (address, is_shared) in &addresses {
            let keepers = kept.entry(*address).or_default();
            keepers.objects += 1;
            keepers.sharing += usize::from(*is_shared);
        }
        self.by_object.insert(id, Reserved { network, addresses });
        Ok(())
    }

    pub(super) fn remove(&mut self, id: &ObjectRef) {
        let Some(reserved) = self.by_object.remove(id) else { return };
        let Some(kept) = self.by_network.get_mut(&reserved.network) else { return };
        for (address, is_shared) in reserved.addresses {
            if let Some(keepers) = kept.get_mut(&address) {
                keepers.objects -= 1;
                keepers.sharing -= usize::from(is_shared);
                if keepers.objects == 0 {
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
