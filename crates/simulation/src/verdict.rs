//! Whether everything is as it should be once faults have stopped: the set bits are those of living sandboxes and the
//! reserved ones, no endpoint is left over, and nothing is left in Calico's account of what Cleaners have settled there.

use danm_ipam::BitIndex;

use crate::{
    calico::Calico,
    store::{Endpoint, Network, NetworkSpec, Phase, Pod},
    truth::Address,
    world::World,
};

impl World {
    /// What is not as it should be; `None` if nothing is.
    pub fn disorder(&self) -> Option<String> {
        if self.open_calls > 0 {
            return Some("requests are under way".to_owned());
        }
        self.leftover().or_else(|| self.miscount()).or_else(|| {
            let mut networks = self.store.networks();
            networks.find_map(|network| self.disorder_of(network, self.store.spec(network.key)))
        })
    }

    /// An endpoint of a sandbox that is no more.
    fn leftover(&self) -> Option<String> {
        let lives = Self::lives(&self.store);
        let left = self.store.endpoints().filter(|one| !lives(self.truth.fate(one.sandbox)));
        let mut left = left.filter(|one| !self.is_kept(one));
        left.next().map(|endpoint| format!("endpoint {} is left over", endpoint.key.0))
    }

    /// Whether the Cleaner rightly leaves an endpoint of a dead sandbox alone: it has to wait for Calico, or somebody else
    /// looks after it.
    fn is_kept(&self, endpoint: &Endpoint) -> bool {
        self.waits_for_calico(endpoint) || self.is_others(endpoint) || self.has_kept_rival(endpoint)
    }

    /// Whether an endpoint has something of Calico, of which the datastore is out of use.
    fn waits_for_calico(&self, endpoint: &Endpoint) -> bool {
        let has_address = endpoint.calico.iter().any(Option::is_some);
        has_address && self.calico.as_ref().is_some_and(Calico::is_out_of_use)
    }

    /// An endpoint of a dead sandbox that waits for Calico and for nothing else: that has to be told.
    pub fn has_waiting_for_calico(&self) -> bool {
        let lives = Self::lives(&self.store);
        let mut dead = self.store.endpoints().filter(|one| !lives(self.truth.fate(one.sandbox)));
        dead.any(|one| self.waits_for_calico(one) && !self.is_others(one))
    }

    /// Whether an endpoint that is rightly kept names an address of Calico's too.
    fn has_kept_rival(&self, endpoint: &Endpoint) -> bool {
        let names = |one: &Endpoint, family: usize| {
            one.calico[family].is_some() && one.calico[family] == endpoint.calico[family]
        };
        let mut rivals = self.store.endpoints().filter(|one| one.key != endpoint.key);
        rivals.any(|one| (0..2).any(|family| names(one, family)) && self.is_others(one))
    }

    /// Whether an endpoint is of an earlier sandbox of a Pod that is there, whose next ADD or DEL finds it, or has the name of
    /// a static Pod.
    fn is_others(&self, endpoint: &Endpoint) -> bool {
        let has_name = |pod: &Pod| pod.name == endpoint.pod_name && pod.namespace == endpoint.namespace;
        let is_there = if endpoint.has_pod_uid {
            self.store.pod(endpoint.pod).is_some_and(|pod| pod.phase != Phase::Succeeded)
        } else {
            self.store.pods().any(has_name)
        };
        is_there || endpoint.pod_name.starts_with("etcd-")
    }

    /// A handle that a Cleaner has not told what it gave back, of a sandbox of which there is no endpoint any more. An ADD that
    /// was broken off may have counted what it never got: that is left to Calico.
    fn miscount(&self) -> Option<String> {
        let calico = self.calico.as_ref().filter(|calico| !calico.is_out_of_use())?;
        let is_over = |sandbox| {
            self.truth.fate(sandbox).is_set_up && self.store.endpoints().all(|one| one.sandbox != sandbox)
        };
        let left = calico.miscounted(is_over)?;
        Some(format!("Calico's handle {left} counts what was given back"))
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
        let living_use = self.truth.living_use(address, Self::lives(&self.store));
        match (is_set, is_reserved || living_use.is_some()) {
            (true, false) if self.is_excused(address) => None,
            (true, false) => Some("is set for nobody".to_owned()),
            (false, true) if is_reserved => Some("is clear though it is reserved".to_owned()),
            (false, true) if living_use == Some(true) && self.can_be_mended(address) => {
                Some("is clear though a living Pod uses the address".to_owned())
            }
            _ => None,
        }
    }

    /// A clear bit of a living sandbox whose endpoint is there, and says by uid whose it is. On a network of another plugin's
    /// type an address may rightly have no bit.
    fn can_be_mended(&self, address: Address) -> bool {
        let lives = Self::lives(&self.store);
        let claims =
            |one: &&Endpoint| one.network == address.network && one.bits[address.family] == Some(address.bit);
        let mut claimants = self.store.endpoints().filter(claims);
        claimants.any(|one| one.has_pod_uid && !one.is_calico && lives(self.truth.fate(one.sandbox)))
    }

    /// A bit that an endpoint claims which is rightly kept.
    fn is_excused(&self, address: Address) -> bool {
        let claims =
            |one: &&Endpoint| one.network == address.network && one.bits[address.family] == Some(address.bit);
        self.store.endpoints().filter(claims).any(|one| self.is_kept(one))
    }
}
