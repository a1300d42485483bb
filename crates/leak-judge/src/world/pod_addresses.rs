//! Which addresses living Pods say to have, whoever gave them.

use std::{collections::BTreeSet, net::IpAddr};

use hashbrown::HashMap;

/// How many living Pods say to have an address: nearly always one.
#[derive(Debug, Default)]
pub struct PodAddresses {
    counts: HashMap<IpAddr, u32>,
}

impl PodAddresses {
    /// Whether a Pod says to have it.
    pub(super) fn holds(&self, address: IpAddr) -> bool {
        self.counts.contains_key(&address)
    }

    pub(super) fn add(&mut self, addresses: &[IpAddr]) {
        addresses.iter().for_each(|address| *self.counts.entry(*address).or_default() += 1);
    }

    pub(super) fn remove(&mut self, addresses: &[IpAddr]) {
        for address in addresses {
            if let Some(count) = self.counts.get_mut(address) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(address);
                }
            }
        }
    }
}

/// A Pod that has ended for good has no address, whatever its status still says.
pub(super) fn of_living(addresses: BTreeSet<IpAddr>, is_finished: bool) -> Box<[IpAddr]> {
    if is_finished { Box::default() } else { addresses.into_iter().collect() }
}
