//! What a rule allows: some ports of some peers. Which Pods a selector means is in `peer.rs`.

use danm_api::{PolicyPeer, PolicyPort, PolicyRule, PortNumbers};

use super::{
    Grant, Scene,
    peer::{self, Called},
    service,
    subject::Rules,
};
use crate::{Direction, PolicyKey, Traffic};

/// Which peer and which port of a rule match; none where the rule names none.
pub type Entries = (Option<usize>, Option<usize>);

/// What a port says about a packet.
pub enum PortMatch<'a> {
    /// It does not match.
    No,
    /// It matches.
    Yes,
    /// It does if the Pod that is spoken to calls the packet's port so.
    IfCalled(Called<'a>),
}

/// The first of the rules that allows the packet: as it is, or because it allows what a Service exchanges it for. A rule that is not
/// understood allows nothing.
pub fn grant(scene: Scene<'_>, policy: &PolicyKey, rules: &Rules) -> Option<Grant> {
    let understood = rules.iter().enumerate().filter_map(|(index, rule)| Some((index, rule.as_ref()?)));
    let mut grants = understood.filter_map(|(index, rule)| {
        let grant =
            |(peer, port), service| Grant { policy: policy.clone(), rule: index, peer, port, service };
        let directly = entries(scene, policy, rule).map(|entries| grant(entries, None));
        directly.or_else(|| {
            let (service, entries) = service::allowed(scene, policy, rule)?;
            Some(grant(entries, Some(service)))
        })
    });
    grants.next()
}

/// A rule allows what one of its peers and one of its ports match, both together.
pub fn entries(scene: Scene<'_>, policy: &PolicyKey, rule: &PolicyRule) -> Option<Entries> {
    let (peers, ports) = (alternatives(rule.peers.as_deref()), alternatives(rule.ports.as_deref()));
    let mut pairs = peers.iter().flat_map(|peer| ports.iter().map(move |port| (peer, port)));
    let pair = pairs.find(|((_, peer), (_, port))| matches(scene, policy, *peer, *port))?;
    let ((peer, _), (port, _)) = pair;
    Some((*peer, *port))
}

/// The entries of a list, each with its place. A list that is not given restricts nothing; an entry that is not understood
/// matches nothing.
pub fn alternatives<T>(list: Option<&[Option<T>]>) -> Vec<(Option<usize>, Option<&T>)> {
    let Some(list) = list else { return vec![(None, None)] };
    let entries = list.iter().enumerate();
    entries.filter_map(|(index, entry)| Some((Some(index), Some(entry.as_ref()?)))).collect()
}

/// Whether a peer and a port match, where any that is not given matches.
pub fn matches(
    scene: Scene<'_>,
    policy: &PolicyKey,
    peer: Option<&PolicyPeer>,
    port: Option<&PolicyPort>,
) -> bool {
    match port.map_or(PortMatch::Yes, |port| port_match(scene, port)) {
        PortMatch::No => false,
        PortMatch::Yes => is_peer(scene, policy, peer),
        PortMatch::IfCalled(called) => is_peer_that_calls(scene, policy, peer, called),
    }
}

/// A port means a protocol, and the port to which a packet goes; never the one from which it comes. What has no ports is
/// matched by no port.
pub fn port_match<'a>(scene: Scene<'_>, port: &'a PolicyPort) -> PortMatch<'a> {
    let Traffic::Ports { protocol, destination, .. } = scene.packet.traffic else { return PortMatch::No };
    if protocol != port.protocol {
        return PortMatch::No;
    }
    let is_meant = match &port.numbers {
        PortNumbers::All => true,
        PortNumbers::Range(first, last) => (*first..=*last).contains(&destination),
        PortNumbers::Named(name) => match scene.packet.direction {
            // The Pod that is spoken to is the judged one.
            Direction::Ingress => scene.pod.port_numbers(protocol, name).any(|number| number == destination),
            Direction::Egress => return PortMatch::IfCalled(Called { name, protocol, number: destination }),
        },
    };
    if is_meant { PortMatch::Yes } else { PortMatch::No }
}

/// Whether the other side is a peer. A block means addresses, whoever has them, by whatever interface.
fn is_peer(scene: Scene<'_>, policy: &PolicyKey, peer: Option<&PolicyPeer>) -> bool {
    match peer {
        None => true,
        Some(PolicyPeer::Block(block)) => peer::is_in_block(block, scene.packet.remote),
        Some(PolicyPeer::Pods(pods)) => peer::is_among(scene, pods.networks.is_some(), |holder| {
            peer::is_selected(scene.world, &policy.name.namespace, pods, holder)
        }),
    }
}

/// Whether the other side is a peer that calls the port so. A name means something only at a Pod: an address of a block is
/// none, and where no peer is given, every Pod is one.
fn is_peer_that_calls(
    scene: Scene<'_>,
    policy: &PolicyKey,
    peer: Option<&PolicyPeer>,
    called: Called<'_>,
) -> bool {
    match peer {
        None => peer::is_among(scene, false, |holder| called.is_so_at(holder)),
        Some(PolicyPeer::Block(_)) => false,
        Some(PolicyPeer::Pods(pods)) => peer::is_among(scene, pods.networks.is_some(), |holder| {
            called.is_so_at(holder) && peer::is_selected(scene.world, &policy.name.namespace, pods, holder)
        }),
    }
}
