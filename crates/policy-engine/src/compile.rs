//! What a policy's rules become for one direction at one kind of interface: rules that speak of sets, and what defines these.
//! Pure; who is in the sets is the engine's business.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use danm_api::{
    LabelSelector, NetworkName, NetworkRef, PodPeer, PolicyPeer, PolicyPort, PolicyRule, Protocol,
};

use crate::{
    Attachment, Direction, NamedPort, ranges,
    ruleset::{PortNumbers, Ports},
    set::{NamespaceScope, PeerGroup, PeerView, ServiceView, SetDefinition},
};

/// Where rules are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The namespace of the policy, and of the Pod that is judged.
    pub namespace: &'a Arc<str>,
    /// Which way packets go.
    pub direction: Direction,
    /// The network of the interface.
    pub attachment: &'a Attachment,
    /// All networks of the Pod.
    pub own: &'a Arc<BTreeSet<NetworkRef>>,
    /// The ports to which the Pod gives names.
    pub ports: &'a [NamedPort],
    /// Whether there are Services.
    pub has_services: bool,
}

/// A rule that speaks of a set by what defines it; of anyone if there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which of the policy's rules it is of; none if it is of several.
    pub index: Option<u32>,
    /// The set.
    pub remote: Option<SetDefinition>,
    /// The ports.
    pub ports: Ports,
}

/// The ports of a rule: those that are numbers here, and those that only the Pod that is spoken to knows.
struct Wanted {
    numbers: Option<Ports>,
    named: BTreeSet<(Protocol, Box<str>)>,
}

impl Place<'_> {
    /// What the rules of a policy become.
    pub fn compile(&self, rules: &Arc<[Option<PolicyRule>]>) -> Vec<Part> {
        let mut parts = Vec::new();
        for (index, rule) in (0..).zip(rules.iter()) {
            if let Some(rule) = rule {
                self.compile_rule(index, rule, &mut parts);
            }
        }
        let is_closed = parts.iter().all(|part| part.remote.is_some() || part.ports != Ports::Any);
        if self.direction == Direction::Egress && self.has_services && is_closed && !parts.is_empty() {
            parts.push(self.services(rules));
        }
        parts
    }

    fn compile_rule(&self, index: u32, rule: &PolicyRule, parts: &mut Vec<Part>) {
        let Wanted { numbers, named } = self.wanted(rule);
        let mut add = |remote: Option<SetDefinition>, ports: &Ports| {
            parts.push(Part { index: Some(index), remote, ports: ports.clone() });
        };
        let Some(peers) = &rule.peers else {
            if let Some(ports) = &numbers {
                add(None, ports);
            }
            let everybody = self.view(NamespaceScope::Any, None, None).filter(|_| !named.is_empty());
            if let Some(everybody) = everybody {
                add(Some(SetDefinition::PodPorts(everybody, named)), &Ports::Any);
            }
            return;
        };
        let peers: BTreeSet<&PolicyPeer> = peers.iter().flatten().collect();
        let blocks = peers.iter().filter_map(|peer| match peer {
            PolicyPeer::Block(block) => Some(block.clone()),
            PolicyPeer::Pods(_) => None,
        });
        let blocks: BTreeSet<_> = blocks.collect();
        if let Some(ports) = numbers.as_ref().filter(|_| !blocks.is_empty()) {
            add(Some(SetDefinition::Blocks(blocks)), ports);
        }
        for peer in peers {
            let PolicyPeer::Pods(peer) = peer else { continue };
            let Some(view) = self.view_of(peer) else { continue };
            if let Some(ports) = &numbers {
                add(Some(SetDefinition::Pods(view.clone())), ports);
            }
            if !named.is_empty() {
                add(Some(SetDefinition::PodPorts(view, named.clone())), &Ports::Any);
            }
        }
    }

    /// The ports that a rule wants. What is not understood wants none.
    fn wanted(&self, rule: &PolicyRule) -> Wanted {
        let Some(ports) = &rule.ports else {
            return Wanted { numbers: Some(Ports::Any), named: BTreeSet::new() };
        };
        let mut numbers: PortNumbers = BTreeMap::new();
        let mut named = BTreeSet::new();
        for PolicyPort { protocol, numbers: wanted } in ports.iter().flatten() {
            let mut add = |first, last| numbers.entry(*protocol).or_default().push((first, last));
            match wanted {
                danm_api::PortNumbers::All => add(0, u16::MAX),
                danm_api::PortNumbers::Range(first, last) => add(*first, *last),
                danm_api::PortNumbers::Named(name) if self.direction == Direction::Egress => {
                    named.insert((*protocol, name.clone()));
                }
                danm_api::PortNumbers::Named(name) => {
                    let is_meant = |port: &&NamedPort| port.protocol == *protocol && port.name == *name;
                    self.ports.iter().filter(is_meant).for_each(|port| add(port.number, port.number));
                }
            }
        }
        for of_protocol in numbers.values_mut() {
            *of_protocol = ranges::merged(std::mem::take(of_protocol));
        }
        Wanted { numbers: (!numbers.is_empty()).then_some(Ports::Numbers(numbers)), named }
    }

    fn view_of(&self, peer: &PodPeer) -> Option<PeerView> {
        let namespaces = match &peer.namespaces {
            Some(selector) => NamespaceScope::Selected(Arc::new(selector.clone())),
            None => NamespaceScope::One(Arc::clone(self.namespace)),
        };
        let networks = peer.networks.as_ref().map(|names| names.iter().cloned().collect());
        self.view(namespaces, peer.pods.as_ref(), networks)
    }

    /// Nobody where the interface's network is not clear: an address there may be anybody's.
    fn view(
        &self,
        namespaces: NamespaceScope,
        pods: Option<&LabelSelector>,
        networks: Option<BTreeSet<NetworkName>>,
    ) -> Option<PeerView> {
        let met_on = match self.attachment {
            Attachment::On(network) => Some(network.clone()),
            Attachment::Nowhere => None,
            Attachment::Unclear => return None,
        };
        let is_hidden = |own: &&NetworkRef| {
            networks.as_ref().is_some_and(|names| names.iter().any(|name| is_called(own, name)))
                && met_on.as_ref() != Some(*own)
        };
        let hidden = self.own.iter().filter(is_hidden).cloned().collect();
        let pods = Arc::new(pods.cloned().unwrap_or_default());
        Some(PeerView { group: PeerGroup { namespaces, pods }, networks, met_on, hidden })
    }

    fn services(&self, rules: &Arc<[Option<PolicyRule>]>) -> Part {
        let view = ServiceView {
            namespace: Arc::clone(self.namespace),
            rules: Arc::clone(rules),
            attachment: self.attachment.clone(),
            own: Arc::clone(self.own),
        };
        Part { index: None, remote: Some(SetDefinition::Services(view)), ports: Ports::Any }
    }
}

/// Whether a policy means this network, in the network's own namespace, by this name.
pub fn is_called(network: &NetworkRef, name: &NetworkName) -> bool {
    network.kind == name.kind && *network.name == *name.name
}
