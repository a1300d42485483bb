//! What a kernel would do with a packet at a Pod that has a ruleset. It knows nothing of policies: only chains and sets.

use danm_api::Protocol;

use crate::{
    Packet, Traffic, Verdict, ranges,
    ruleset::{Chain, Ports, Remote, Rule, Ruleset, Set},
};

impl Ruleset {
    /// The verdict on a packet.
    pub fn trace(&self, packet: &Packet) -> Verdict {
        match self.gates(&packet.interface).chain(packet.direction) {
            Some(chain) if chain.is_enforced() => Verdict::from(self.accepts(chain, packet)),
            Some(_) | None => Verdict::Allow,
        }
    }

    /// Whether a packet passes only because what denies it is audited.
    pub fn would_deny(&self, packet: &Packet) -> bool {
        let chain = self.gates(&packet.interface).chain(packet.direction);
        chain.is_some_and(|chain| !chain.is_enforced() && !self.accepts(chain, packet))
    }

    fn accepts(&self, chain: &Chain, packet: &Packet) -> bool {
        chain.policies.iter().flat_map(|policy| &policy.rules).any(|rule| self.matches(rule, packet))
    }

    fn matches(&self, rule: &Rule, packet: &Packet) -> bool {
        let remote = match &rule.remote {
            Remote::Anyone => true,
            Remote::In(name) => self.sets.get(name).is_some_and(|Set { members, .. }| {
                members.has_address(packet.remote)
                    || port(packet)
                        .is_some_and(|(protocol, port)| members.has_port(packet.remote, protocol, port))
            }),
        };
        remote && rule.ports.contain(packet)
    }
}

impl Ports {
    fn contain(&self, packet: &Packet) -> bool {
        match (self, port(packet)) {
            (Self::Any, _) => true,
            (Self::Numbers(_), None) => false,
            (Self::Numbers(numbers), Some((protocol, port))) => {
                numbers.get(&protocol).is_some_and(|of_protocol| ranges::contains(of_protocol, port))
            }
        }
    }
}

/// The protocol and port that a packet goes to.
const fn port(packet: &Packet) -> Option<(Protocol, u16)> {
    match packet.traffic {
        Traffic::Ports { protocol, destination, .. } => Some((protocol, destination)),
        Traffic::Portless => None,
    }
}
