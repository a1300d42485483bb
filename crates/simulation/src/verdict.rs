//! Whether everything is as it should be once faults have stopped: the set bits are those of living sandboxes and the
//! reserved ones, and no endpoint is left over.

use danm_ipam::BitIndex;

use crate::{
    store::{Network, NetworkSpec},
    truth::{Address, Bit, Cleared},
    world::World,
};

impl World {
    /// What is not as it should be; `None` if nothing is.
    pub fn disorder(&self) -> Option<String> {
        if self.open_calls > 0 {
            return Some("requests are under way".to_owned());
        }
        self.leftover().or_else(|| {
            let mut networks = self.store.networks();
            networks.find_map(|network| self.disorder_of(network, self.store.spec(network.key)))
        })
    }

    /// An endpoint of a sandbox that is no more.
    fn leftover(&self) -> Option<String> {
        let lives = Self::lives(&self.store);
        // Those of Calico are kept until Calico's side of it is done; those without uid while a Pod has the name.
        let left = self.store.endpoints().filter(|one| !one.is_calico && !lives(self.truth.fate(one.sandbox)));
        let mut left = left.filter(|one| one.has_pod_uid || !self.store.pods().any(|pod| pod.name == one.pod_name));
        left.next().map(|endpoint| format!("endpoint {} is left over", endpoint.key.0))
    }

    fn disorder_of(&self, network: &Network, spec: &NetworkSpec) -> Option<String> {
        for (family, bits) in network.bits.iter().enumerate() {
            let (Some(bits), Some(pool)) = (bits, &spec.pools[family]) else { continue };
            for bit in (0..pool.size()).map(BitIndex) {
                let address = Address { network: network.key, family, bit };
                let is_reserved = match pool.reservation(bit) {
                    Some(danm_ipam::Reservation::Gateway) => spec.group.sets_gateway_bits(),
                    reservation => reservation.is_some(),
                };
                if let Some(wrong) = self.disorder_at(address, bits.is_set(bit), is_reserved) {
                    return Some(format!("bit {} of network {} {wrong}", bit.0, network.key.0));
                }
            }
        }
        None
    }

    fn disorder_at(&self, address: Address, is_set: bool, is_reserved: bool) -> Option<String> {
        let is_used = self.truth.living_users(address, Self::lives(&self.store));
        match (is_set, is_reserved || is_used) {
            (true, false) if self.is_excused(address) => None,
            (true, false) => Some("is set for nobody".to_owned()),
            (false, true) if is_reserved => Some("is clear though it is reserved".to_owned()),
            (false, true) if self.truth.bit(address) == Bit::Clear(Cleared::ByCleaner) => {
                Some("is clear though a living Pod uses the address, because a Cleaner cleared it".to_owned())
            }
            _ => None,
        }
    }

    /// A bit that was set for a sandbox whose endpoint never came, or that an endpoint without uid claims, while another
    /// Pod has the name.
    fn is_excused(&self, address: Address) -> bool {
        let claims = |one: &&crate::store::Endpoint| {
            one.network == address.network && one.bits[address.family] == Some(address.bit)
        };
        self.store.endpoints().find(claims).is_none_or(|one| !one.has_pod_uid)
    }
}
