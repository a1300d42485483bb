//! Whom a policy is about: Pods, their interfaces, and the directions in which they are isolated. Not what is allowed then.

use std::sync::Arc;

use danm_api::{Enforcement, NetworkName, NetworkRef, PolicyRule};

use super::{NoTarget, Scene};
use crate::{Attachment, Direction, InterfaceView, NamespacedName, Pod, Policy, PolicyKey, World};

/// Rules of a direction, as far as they are understood.
pub type Rules = [Option<PolicyRule>];

/// Policies are about Pods that are there, have a network of their own, and have an endpoint: without one nobody knows an
/// interface of them. A Pod that has ended is isolated until it is gone.
pub fn target<'a>(world: &'a World, name: &NamespacedName) -> Result<&'a Pod, NoTarget> {
    let pod = world.pod(name).ok_or(NoTarget::NotThere)?;
    if pod.is_on_host_network {
        return Err(NoTarget::OnHostNetwork);
    }
    if world.endpoints_of(name).next().is_none() {
        return Err(NoTarget::WithoutEndpoints);
    }
    Ok(pod)
}

/// The policies that isolate the interface in the direction of the packet, and their rules of that direction.
pub fn isolating(scene: Scene<'_>) -> Vec<(&PolicyKey, &Rules)> {
    about(scene, Enforcement::Enforce)
}

/// The policies that would isolate it, were they not audited.
pub fn audited(scene: Scene<'_>) -> Vec<(&PolicyKey, &Rules)> {
    about(scene, Enforcement::Audit)
}

fn about(scene: Scene<'_>, enforcement: Enforcement) -> Vec<(&PolicyKey, &Rules)> {
    let of_namespace = scene.world.policies_of(&scene.name.namespace);
    let of_mode = of_namespace.filter(|(_, policy)| policy.spec.enforcement == enforcement);
    let isolating = of_mode.filter(|(_, policy)| selects(scene, policy));
    isolating.filter_map(|(key, policy)| Some((key, rules(policy, scene.packet.direction)?))).collect()
}

/// A policy selects Pods of its own namespace by their labels; with networks, only their interfaces on one of them.
pub fn selects(scene: Scene<'_>, policy: &Policy) -> bool {
    let Some(subject) = &policy.spec.subject else { return false };
    let is_interface_meant = match &subject.networks {
        None => true,
        Some(listed) => {
            let (view, _) = interface(scene);
            // One of a kind that nobody knows may be any of those.
            view.is_on_unknown
                || view.networks.iter().any(|network| lists(listed, &scene.name.namespace, network))
        }
    };
    subject.pods.matches(&scene.pod.labels) && is_interface_meant
}

/// The rules of a direction, if a policy is about it.
pub fn rules(policy: &Policy, direction: Direction) -> Option<&Rules> {
    match direction {
        Direction::Ingress => policy.spec.ingress.as_deref(),
        Direction::Egress => policy.spec.egress.as_deref(),
    }
}

/// The networks of the packet's interface, and which of them it is on. An interface that no endpoint names may be any of
/// those that endpoints tell of without a usable name.
pub fn interface(scene: Scene<'_>) -> (InterfaceView, Attachment) {
    let mut interfaces = scene.world.interfaces_of(scene.name);
    if let Some(view) = interfaces.remove(&Some(scene.packet.interface.clone())) {
        let attachment = view.attachment();
        return (view, attachment);
    }
    match interfaces.remove(&None) {
        Some(view) => (view, Attachment::Unclear),
        None => (InterfaceView::default(), Attachment::Nowhere),
    }
}

/// Whether a list of networks has this one. A namespaced one is looked for in the namespace of the Pod whose interface it is.
pub fn lists(listed: &[NetworkName], namespace: &Arc<str>, network: &NetworkRef) -> bool {
    listed.iter().any(|name| {
        let meant = NetworkRef::new(name.kind, namespace, &Arc::from(&*name.name));
        meant == *network
    })
}
