//! What it would have taken: for a packet that is denied, the rule that fails in the fewest ways, and the policies that would
//! allow it if they were about the Pod. For people who ask why; no verdict depends on it.

mod missing;

use danm_api::{LabelSelector, NetworkName, PodPeer, PolicyPeer, PolicyPort, PolicyRule, PortNumbers};

use super::{Grant, Scene, Why, judge, peer, rule, service, subject};
use crate::{Attachment, Direction, Holder, NamespacedName, Packet, PolicyKey, Traffic, World};

pub use missing::{Missing, OpenPort};

/// How near a denied packet came to pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// The rule that lacks the least; none if the policies that isolate have no rule that is understood.
    pub closest: Option<Closest>,
    /// Policies of the Pod's namespace that would allow the packet, but are not about the interface.
    pub beside: Vec<Beside>,
}

/// A rule, and what keeps it from allowing the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closest {
    /// Its policy.
    pub policy: PolicyKey,
    /// Which of the policy's rules of that direction.
    pub rule: usize,
    /// Which of its peers comes nearest; none if it names none that is understood, or a Service is spoken to.
    pub peer: Option<usize>,
    /// All that is missing.
    pub missing: Vec<Missing>,
}

/// A policy that would allow the packet if it were about the interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// By which rule.
    pub grant: Grant,
    /// Why it is not.
    pub lacks: Lacks,
}

/// Why a policy is not about an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lacks {
    /// The Pod has not such labels.
    Labels(LabelSelector),
    /// The interface is on none of these networks.
    Networks(Vec<NetworkName>),
    /// Nothing, but the policy is audited: it allows nothing.
    Enforcement,
}

/// What a denied packet lacks; none if it is not denied.
pub fn nearest(world: &World, pod: &NamespacedName, packet: &Packet) -> Option<NearMiss> {
    let Why::DeniedBy(_) = judge(world, pod, packet).why else { return None };
    let scene = Scene::open(world, pod, packet).ok()?;
    let isolating = subject::isolating(scene);
    let rules = isolating.into_iter().flat_map(|(policy, rules)| {
        let understood = rules.iter().enumerate().filter_map(|(index, rule)| Some((index, rule.as_ref()?)));
        understood.map(move |(index, rule)| closest(scene, policy, index, rule))
    });
    Some(NearMiss { closest: rules.min_by_key(|closest| closest.missing.len()), beside: beside(scene) })
}

fn beside(scene: Scene<'_>) -> Vec<Beside> {
    let of_namespace = scene.world.policies_of(&scene.name.namespace);
    let found = of_namespace.filter_map(|(key, policy)| {
        let subject = policy.spec.subject.as_ref()?;
        let lacks = if policy.spec.is_audited() {
            subject::selects(scene, policy).then_some(Lacks::Enforcement)?
        } else if subject.pods.matches(&scene.pod.labels) {
            Lacks::Networks(subject.networks.clone().filter(|_| !subject::selects(scene, policy))?)
        } else {
            Lacks::Labels(subject.pods.clone())
        };
        let rules = subject::rules(policy, scene.packet.direction)?;
        Some(Beside { grant: rule::grant(scene, key, rules)?, lacks })
    });
    found.collect()
}

/// What a rule lacks by the peer that lacks the least. What goes to a Service is about those who answer.
fn closest(scene: Scene<'_>, policy: &PolicyKey, index: usize, rule: &PolicyRule) -> Closest {
    let (peer, missing) = match of_service(scene, policy, rule) {
        Some(missing) => (None, missing),
        None => of_peers(scene, policy, rule),
    };
    Closest { policy: policy.clone(), rule: index, peer, missing }
}

fn of_peers(scene: Scene<'_>, policy: &PolicyKey, rule: &PolicyRule) -> (Option<usize>, Vec<Missing>) {
    let port = of_ports(scene, policy, rule.ports.as_deref());
    let alternatives = rule::alternatives(rule.peers.as_deref());
    let lists = alternatives.into_iter().map(|(index, peer)| {
        let mut missing = peer.map_or_else(Vec::new, |peer| of_peer(scene, policy, peer));
        missing.extend(port.clone());
        if missing.is_empty() {
            // Each would do by itself, so it is a name that means something else at this peer.
            missing.extend(destination(scene).map(Missing::PortName));
        }
        (index, missing)
    });
    let nobody = || (None, std::iter::once(Missing::NoPeerUnderstood).chain(port.clone()).collect());
    lists.min_by_key(|(_, missing)| missing.len()).unwrap_or_else(nobody)
}

/// What a rule lacks that is about ports, whoever the peer is.
fn of_ports(scene: Scene<'_>, policy: &PolicyKey, ports: Option<&[Option<PolicyPort>]>) -> Option<Missing> {
    let ports: Vec<&PolicyPort> = ports?.iter().flatten().collect();
    let Traffic::Ports { protocol, destination, .. } = scene.packet.traffic else {
        return Some(Missing::Portless);
    };
    if ports.is_empty() {
        return Some(Missing::NoPortUnderstood);
    }
    if ports.iter().any(|port| rule::matches(scene, policy, None, Some(port))) {
        return None;
    }
    let all = || ports.iter().map(|port| OpenPort { port: (*port).clone(), means: meant(scene, port) });
    let of_protocol: Vec<OpenPort> = all().filter(|open| open.port.protocol == protocol).collect();
    Some(if of_protocol.is_empty() {
        Missing::Protocol(protocol, all().collect())
    } else {
        Missing::Port(destination, of_protocol)
    })
}

/// What a name means at the judged Pod, where that is the one that is spoken to.
fn meant(scene: Scene<'_>, port: &PolicyPort) -> Option<Vec<u16>> {
    match &port.numbers {
        PortNumbers::Named(name) if scene.packet.direction == Direction::Ingress => {
            Some(scene.pod.port_numbers(port.protocol, name).collect())
        }
        _ => None,
    }
}

fn of_peer(scene: Scene<'_>, policy: &PolicyKey, peer: &PolicyPeer) -> Vec<Missing> {
    if rule::matches(scene, policy, Some(peer), None) {
        return Vec::new();
    }
    match peer {
        PolicyPeer::Block(block) => {
            let excepting = block.except.iter().find(|except| except.contains(&scene.packet.remote));
            let excepting = excepting.filter(|_| block.cidr.contains(&scene.packet.remote));
            vec![excepting.map_or(Missing::Outside(block.cidr), |except| Missing::Excepted(*except))]
        }
        PolicyPeer::Pods(pods) => of_pods(scene, policy, pods),
    }
}

/// All of those who hold the address here have to be peers, or else one of those who hold it elsewhere.
fn of_pods(scene: Scene<'_>, policy: &PolicyKey, pods: &PodPeer) -> Vec<Missing> {
    let (_, attachment) = subject::interface(scene);
    if attachment == Attachment::Unclear {
        return vec![Missing::UnclearInterface];
    }
    let is_here = |holder: &Holder<'_>| matches!(&attachment, Attachment::On(network) if holder.network() == Some(network));
    let (here, elsewhere): (Vec<_>, Vec<_>) =
        peer::holders(scene, |_| true).into_iter().partition(|holder| is_here(holder));
    if here.is_empty() {
        let lists = elsewhere.iter().map(|holder| {
            let mut missing = of_holder(scene, policy, pods, holder);
            let is_bound = pods.networks.is_some()
                && peer::is_network_selected(pods, holder)
                && !peer::may_come_from_elsewhere(scene, holder);
            let network = holder.network().filter(|_| is_bound).cloned();
            missing.extend(network.map(|network| Missing::OtherInterface(holder.name.clone(), network)));
            missing
        });
        return lists
            .min_by_key(Vec::len)
            .unwrap_or_else(|| vec![Missing::NobodysAddress(scene.packet.remote)]);
    }
    let mut missing: Vec<Missing> =
        here.iter().flat_map(|holder| of_holder(scene, policy, pods, holder)).collect();
    missing.extend((here.len() > 1).then_some(Missing::Shared(here.len())));
    missing
}

/// What a holder of the address lacks to be a peer.
fn of_holder(scene: Scene<'_>, policy: &PolicyKey, pods: &PodPeer, holder: &Holder<'_>) -> Vec<Missing> {
    let name = || holder.name.clone();
    let mut missing = Vec::new();
    if !peer::is_namespace_selected(scene.world, &policy.name.namespace, pods, holder) {
        missing.push(match &pods.namespaces {
            None => Missing::OtherNamespace(name()),
            Some(selector) => Missing::NamespaceLabels(name(), selector.clone()),
        });
    }
    if !peer::are_labels_selected(pods, holder) {
        missing.extend(pods.pods.clone().map(|selector| Missing::Labels(name(), selector)));
    }
    if !peer::is_network_selected(pods, holder) {
        let listed = pods.networks.clone();
        missing.extend(listed.map(|listed| Missing::Network(name(), holder.network().cloned(), listed)));
    }
    missing
}

/// Who answers for the Service that is spoken to, and is not allowed; none if no Service is.
fn of_service(scene: Scene<'_>, policy: &PolicyKey, rule: &PolicyRule) -> Option<Vec<Missing>> {
    let &Packet { remote, traffic, .. } = scene.packet;
    let mut services = scene.world.services().filter(|_| scene.packet.direction == Direction::Egress);
    let (name, port) =
        services.find_map(|(name, service)| Some((name, service::port_of(service, remote, traffic)?)))?;
    let exchanged = service::exchanged_for(scene.world, name, port, remote);
    if exchanged.is_empty() {
        return Some(vec![Missing::NobodyAnswers(name.clone())]);
    }
    let denied = exchanged.into_iter().filter(|(address, number)| {
        let traffic = Traffic::to(port.protocol, *number);
        let packet = Packet { remote: *address, traffic, ..scene.packet.clone() };
        rule::entries(scene.with(&packet), policy, rule).is_none()
    });
    Some(denied.map(|(address, number)| Missing::Answering(name.clone(), address, number)).collect())
}

const fn destination(scene: Scene<'_>) -> Option<u16> {
    match scene.packet.traffic {
        Traffic::Ports { destination, .. } => Some(destination),
        Traffic::Portless => None,
    }
}

#[cfg(test)]
mod tests;
