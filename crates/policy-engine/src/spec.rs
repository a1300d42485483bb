//! Who may talk to whom, the slow and obvious way: one function for each sentence of what a policy means. Tests hold against
//! it whatever is faster; nothing is shared with that but the `World`.
//!
//! Responsible for the verdict about the first packet of a connection as one Pod sees it, and for the reason. Not responsible
//! for what passes whatever policies say (loopback, replies, a cluster's DNS, a Pod's own node).

mod inquiry;
mod nearest;
mod peer;
mod rule;
mod service;
mod subject;

use std::net::IpAddr;

pub use inquiry::{Exchange, auditing, exchange, isolating};
pub use nearest::{Beside, Closest, Lacks, Missing, NearMiss, OpenPort, nearest};

use crate::{Direction, InterfaceName, NamespacedName, Packet, Pod, PolicyKey, Traffic, Verdict, World};

/// What becomes of a packet, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it passes.
    pub verdict: Verdict,
    /// Why.
    pub why: Why,
}

/// Why a packet passes or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It passes: no policy is about the Pod.
    NoTarget(NoTarget),
    /// It passes: no policy isolates that interface in that direction.
    NotIsolated,
    /// It passes: policies that are audited alone isolate there, and a rule of theirs allows it.
    WouldBeAllowedBy(Grant),
    /// It passes: these policies that are audited alone isolate there, and none of their rules allows it.
    WouldBeDeniedBy(Vec<PolicyKey>),
    /// It passes: a rule allows it.
    AllowedBy(Grant),
    /// It does not: these policies isolate the interface, and none of their rules allows it.
    DeniedBy(Vec<PolicyKey>),
}

/// Why no policy is about a Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoTarget {
    /// There is no such Pod.
    NotThere,
    /// It is part of its node.
    OnHostNetwork,
    /// No endpoint names an interface of it.
    WithoutEndpoints,
}

/// What allows a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The policy.
    pub policy: PolicyKey,
    /// Which of its rules of that direction.
    pub rule: usize,
    /// Which of the rule's peers; none if it names no peers.
    pub peer: Option<usize>,
    /// Which of the rule's ports; none if it names no ports.
    pub port: Option<usize>,
    /// The Service to whose cluster address the packet goes, if the rule allows it for all who answer there. Peer and port are
    /// then those that allow the first of them.
    pub service: Option<NamespacedName>,
}

/// The first packet of a connection, from end to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Who opens it.
    pub from: Side,
    /// Who is spoken to.
    pub to: Side,
    /// What it carries.
    pub traffic: Traffic,
}

/// An end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// The Pod and its interface, if there is a Pod of ours.
    pub pod: Option<(NamespacedName, InterfaceName)>,
    /// The address.
    pub address: IpAddr,
}

/// What becomes of it at both ends; none where there is no Pod of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowVerdict {
    /// Where it leaves.
    pub egress: Option<Judgement>,
    /// Where it arrives.
    pub ingress: Option<Judgement>,
}

/// A packet at a Pod that policies may be about.
#[derive(Clone, Copy)]
struct Scene<'a> {
    world: &'a World,
    name: &'a NamespacedName,
    pod: &'a Pod,
    packet: &'a Packet,
}

/// What becomes of a packet at a Pod. Where no policy isolates, everything passes. Where some do, what at least one rule of
/// at least one of them allows passes, and nothing else: policies and rules are added up, and none of them forbids.
///
/// A policy that is audited isolates nothing and allows nothing. Where no other isolates, what would become of the packet is told.
pub fn judge(world: &World, pod: &NamespacedName, packet: &Packet) -> Judgement {
    let scene = match Scene::open(world, pod, packet) {
        Ok(scene) => scene,
        Err(reason) => return Judgement { verdict: Verdict::Allow, why: Why::NoTarget(reason) },
    };
    let isolating = subject::isolating(scene);
    if isolating.is_empty() {
        return Judgement { verdict: Verdict::Allow, why: audited(scene) };
    }
    if let Some(grant) = isolating.iter().find_map(|(key, rules)| rule::grant(scene, key, rules)) {
        return Judgement { verdict: Verdict::Allow, why: Why::AllowedBy(grant) };
    }
    let policies = isolating.into_iter().map(|(key, _)| key.clone());
    Judgement { verdict: Verdict::Deny, why: Why::DeniedBy(policies.collect()) }
}

fn audited(scene: Scene<'_>) -> Why {
    let audited = subject::audited(scene);
    if audited.is_empty() {
        return Why::NotIsolated;
    }
    match audited.iter().find_map(|(key, rules)| rule::grant(scene, key, rules)) {
        Some(grant) => Why::WouldBeAllowedBy(grant),
        None => Why::WouldBeDeniedBy(audited.into_iter().map(|(key, _)| key.clone()).collect()),
    }
}

/// What becomes of the first packet of a connection: it leaves by one Pod's interface and arrives at another's, and each end
/// is judged by the policies about it alone.
pub fn verdict(world: &World, flow: &Flow) -> FlowVerdict {
    let at = |direction, here: &Side, there: &Side| {
        let (pod, interface) = here.pod.as_ref()?;
        let interface = interface.clone();
        let packet = Packet { direction, interface, remote: there.address, traffic: flow.traffic };
        Some(judge(world, pod, &packet))
    };
    FlowVerdict {
        egress: at(Direction::Egress, &flow.from, &flow.to),
        ingress: at(Direction::Ingress, &flow.to, &flow.from),
    }
}

// === impl FlowVerdict ===

impl FlowVerdict {
    /// A connection needs both ends.
    pub fn total(&self) -> Verdict {
        let mut ends = self.egress.iter().chain(&self.ingress);
        Verdict::from(ends.all(|judgement| judgement.verdict.allows()))
    }
}

// === impl Scene ===

impl<'a> Scene<'a> {
    fn open(world: &'a World, name: &'a NamespacedName, packet: &'a Packet) -> Result<Self, NoTarget> {
        let pod = subject::target(world, name)?;
        Ok(Self { world, name, pod, packet })
    }

    /// The same with another packet.
    const fn with(self, packet: &'a Packet) -> Self {
        Self { packet, ..self }
    }
}

#[cfg(test)]
mod tests;
