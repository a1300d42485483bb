//! Who the other side is: addresses of a block, or those who hold the address on some network. Not to which port they are
//! spoken to.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use danm_api::{IpBlock, NetworkRef, PodPeer, Protocol};

use super::{Scene, subject};
use crate::{Attachment, Holder, World};

/// What the Pod that is spoken to has to call the packet's port.
#[derive(Clone, Copy)]
pub struct Called<'a> {
    /// The name.
    pub name: &'a str,
    /// The packet's protocol.
    pub protocol: Protocol,
    /// The packet's port.
    pub number: u16,
}

/// A block has the addresses of its subnet but for its own exceptions.
pub fn is_in_block(block: &IpBlock, address: IpAddr) -> bool {
    block.cidr.contains(&address) && !block.except.iter().any(|except| except.contains(&address))
}

/// Whether the other side is among Pods. On an interface that is on a network, an address that is held on that network is
/// its holders', and all of them have to be meant: nobody knows which of them it is. An address that nobody holds there, or at an
/// interface that is on no network, is that of those who hold it on any one other network, or on none; again all of them. At an
/// interface of which nobody knows the network it is nobody's.
pub fn is_among(scene: Scene<'_>, is_bound: bool, is_meant: impl Fn(&Holder<'_>) -> bool) -> bool {
    let (_, attachment) = subject::interface(scene);
    let here = match &attachment {
        Attachment::Unclear => return false,
        Attachment::Nowhere => Vec::new(),
        Attachment::On(network) => holders(scene, |holder| holder.network() == Some(network)),
    };
    if !here.is_empty() {
        return here.iter().all(is_meant);
    }
    let elsewhere = holders(scene, |holder| !is_bound || may_come_from_elsewhere(scene, holder));
    let networks: BTreeSet<Option<&NetworkRef>> = elsewhere.iter().map(Holder::network).collect();
    let mut networks = networks.into_iter();
    networks.any(|network| elsewhere.iter().filter(|holder| holder.network() == network).all(&is_meant))
}

/// A peer that names networks is bound to them: where the judged Pod is on the peer's network itself, the peer is spoken to by
/// that interface and by no other.
pub fn may_come_from_elsewhere(scene: Scene<'_>, holder: &Holder<'_>) -> bool {
    let own = scene.world.networks_of(scene.name);
    holder.network().is_none_or(|network| !own.contains(network))
}

/// The living Pods that hold the address at the other end, as far as they are wanted.
pub fn holders(scene: Scene<'_>, is_wanted: impl Fn(&Holder<'_>) -> bool) -> Vec<Holder<'_>> {
    scene.world.holders(scene.packet.remote).into_iter().filter(is_wanted).collect()
}

/// All that a peer says has to be so: its namespaces, its labels, its networks.
pub fn is_selected(world: &World, own: &Arc<str>, peer: &PodPeer, holder: &Holder<'_>) -> bool {
    is_namespace_selected(world, own, peer, holder)
        && are_labels_selected(peer, holder)
        && is_network_selected(peer, holder)
}

/// A peer that says nothing about namespaces means the policy's own. One that does means Namespaces that are there and have
/// such labels.
pub fn is_namespace_selected(world: &World, own: &Arc<str>, peer: &PodPeer, holder: &Holder<'_>) -> bool {
    match &peer.namespaces {
        None => holder.name.namespace == *own,
        Some(selector) => {
            world.namespace(&holder.name.namespace).is_some_and(|labels| selector.matches(labels))
        }
    }
}

/// A peer that says nothing about Pods means all of them. Labels are the Pod's own.
pub fn are_labels_selected(peer: &PodPeer, holder: &Holder<'_>) -> bool {
    peer.pods.as_ref().is_none_or(|selector| selector.matches(&holder.pod.labels))
}

/// A peer that says nothing about networks means any, and none. One that does means an interface on one of them, where a
/// namespaced network is that of the peer's namespace.
pub fn is_network_selected(peer: &PodPeer, holder: &Holder<'_>) -> bool {
    let Some(listed) = &peer.networks else { return true };
    holder.network().is_some_and(|network| subject::lists(listed, &holder.name.namespace, network))
}

// === impl Called ===

impl Called<'_> {
    /// Whether it is called so at this Pod.
    pub fn is_so_at(&self, holder: &Holder<'_>) -> bool {
        holder.pod.port_numbers(self.protocol, self.name).any(|number| number == self.number)
    }
}
