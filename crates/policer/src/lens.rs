//! Judges many pairs by the policies as they are written. Who an address is, is asked of everybody who may hold it; to ask a whole
//! cluster for each of a quarter of a million pairs takes minutes. Each packet is judged in a world in which only those are
//! who matter for it: the Pod that is judged, and those who hold the address at the other end.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use policy_engine::{EndpointKey, NamespacedName, Object, Packet, Verdict, World, judge};

use crate::inventory::Inventory;

/// The world taken apart: what all packets have in common, and the Pods one by one.
pub(crate) struct Lens<'a> {
    whole: &'a World,
    /// Without Pods and endpoints.
    bare: World,
    pods: BTreeMap<NamespacedName, Vec<Object>>,
    holders: BTreeMap<IpAddr, Vec<NamespacedName>>,
}

/// The world of those who matter for one address.
pub(crate) struct Facing<'a> {
    lens: &'a Lens<'a>,
    world: World,
    /// Everybody, where the address is a Service's: what goes there is exchanged for other addresses.
    is_whole: bool,
    holders: &'a [NamespacedName],
}

// === impl Lens ===

impl<'a> Lens<'a> {
    /// Of what was read.
    pub(crate) fn of(inventory: &'a Inventory) -> Self {
        let whole = inventory.world();
        let mut bare = whole.clone();
        let mut pods: BTreeMap<NamespacedName, Vec<Object>> = BTreeMap::new();
        for object in inventory.objects() {
            if let Some(pod) = pod_of(object) {
                bare.delete(&object.key());
                pods.entry(pod).or_default().push(object.clone());
            }
        }
        let mut holders: BTreeMap<IpAddr, Vec<NamespacedName>> = BTreeMap::new();
        for holder in whole.holders() {
            let names = holders.entry(holder.address).or_default();
            if names.last() != Some(holder.name) {
                names.push(holder.name.clone());
            }
        }
        Self { whole, bare, pods, holders }
    }

    /// What matters for packets whose other end has this address.
    pub(crate) fn facing(&'a self, remote: IpAddr) -> Facing<'a> {
        let is_whole = self.whole.services().any(|(_, service)| service.addresses.contains(&remote));
        let holders = self.holders.get(&remote).map_or(&[][..], Vec::as_slice);
        let mut world = if is_whole { self.whole.clone() } else { self.bare.clone() };
        if !is_whole {
            holders.iter().for_each(|name| self.put(name, &mut world));
        }
        Facing { lens: self, world, is_whole, holders }
    }

    fn put(&self, name: &NamespacedName, world: &mut World) {
        self.objects_of(name).for_each(|object| world.apply(object.clone()));
    }

    fn take(&self, name: &NamespacedName, world: &mut World) {
        self.objects_of(name).for_each(|object| world.delete(&object.key()));
    }

    fn objects_of(&self, name: &NamespacedName) -> impl Iterator<Item = &Object> {
        self.pods.get(name).into_iter().flatten()
    }
}

/// The Pod that an object is, or belongs to.
fn pod_of(object: &Object) -> Option<NamespacedName> {
    match object {
        Object::Pod(name, _) => Some(name.clone()),
        Object::Endpoint(EndpointKey { name, .. }, endpoint) => {
            Some(NamespacedName { namespace: Arc::clone(&name.namespace), name: Arc::clone(&endpoint.pod) })
        }
        _ => None,
    }
}

// === impl Facing ===

impl Facing<'_> {
    /// What becomes of packets at a Pod.
    pub(crate) fn judge_all<'p>(
        &mut self,
        pod: &NamespacedName,
        packets: impl IntoIterator<Item = &'p Packet>,
    ) -> Vec<Verdict> {
        let is_there = self.is_whole || self.holders.contains(pod);
        if !is_there {
            self.lens.put(pod, &mut self.world);
        }
        let verdicts = packets.into_iter().map(|packet| judge(&self.world, pod, packet).verdict).collect();
        if !is_there {
            self.lens.take(pod, &mut self.world);
        }
        verdicts
    }
}

#[cfg(test)]
mod tests {
    use policy_engine::Direction;

    use super::*;
    use crate::{files, place::places, probe::Probe};

    #[test]
    fn whoever_is_left_out_makes_no_difference() {
        for file in ["shop.yaml", "doubts.yaml"] {
            let path = format!("{}/tests/objects/{file}", env!("CARGO_MANIFEST_DIR"));
            let inventory = files::read(&[path.into()]).unwrap();
            let (world, lens) = (inventory.world(), Lens::of(&inventory));
            let places = places(world);
            let services = world.services().flat_map(|(_, service)| service.addresses.iter().copied());
            let remotes: Vec<IpAddr> = places.iter().map(|place| place.address).chain(services).collect();
            let probes = ["TCP/80", "TCP/5432", "UDP/53", "ICMP"].map(|text| text.parse::<Probe>().unwrap());
            for remote in remotes {
                let mut facing = lens.facing(remote);
                for (place, probe) in places.iter().flat_map(|place| probes.map(|probe| (place, probe))) {
                    for direction in Direction::ALL {
                        let packet = place.packet(direction, remote, probe.traffic()).unwrap();
                        let expected = judge(world, &place.pod, &packet).verdict;
                        assert_eq!(
                            facing.judge_all(&place.pod, [&packet]),
                            [expected],
                            "{place:?} {packet:?}"
                        );
                    }
                }
            }
        }
    }
}
