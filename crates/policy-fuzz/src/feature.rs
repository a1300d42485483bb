//! What a packet put to the test: each is counted, so that nobody believes in what was never tried.

use danm_api::{LabelSelector, PolicyPeer, PolicyPort, PolicyRule, PortNumbers, Protocol, Requirement};
use policy_engine::{
    Attachment, Direction, Grant, Holder, Judgement, NamespacedName, Packet, Policy, Traffic, Why, World,
};

macro_rules! features {
    ($($(#[doc = $text:literal])+ $name:ident,)+) => {
        /// Something that policies can say, or a situation in which they are asked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Feature { $($(#[doc = $text])+ $name,)+ }

        impl Feature {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// In words.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => concat!($($text),+).trim_ascii(),)+ }
            }
        }
    };
}

features! {
    /// nobody isolates the Pod there
    Open,
    /// denied
    Denied,
    /// would be denied by what is audited
    WouldBeDenied,
    /// would be allowed by what is audited
    WouldBeAllowed,
    /// allowed by a rule without peers
    Anyone,
    /// allowed by a selector of Pods
    PodSelector,
    /// allowed by a selector of namespaces
    NamespaceSelector,
    /// allowed by both selectors together
    BothSelectors,
    /// allowed by a peer that is bound to networks
    Network,
    /// allowed by an expression about labels
    Expression,
    /// allowed by a block
    Block,
    /// allowed by a block with exceptions
    Except,
    /// allowed by a port's number
    Number,
    /// allowed by a range of ports
    Range,
    /// allowed by a protocol without a port
    WholeProtocol,
    /// let in by a port's name
    NameIn,
    /// let out by a port's name
    NameOut,
    /// let out to a Service's address
    Service,
    /// allowed by a rule that is not the first
    LaterRule,
    /// allowed by a policy that is not the first
    LaterPolicy,
    /// isolated by a policy about some networks only
    AboutNetworks,
    /// isolated by a policy with entries that nobody understands
    Unreadable,
    /// at an interface that no endpoint names
    UnnamedInterface,
    /// at an interface whose network is not clear
    UnclearInterface,
    /// from or to an address that several hold on the interface's network
    HeldTwice,
    /// from or to an address that is held there by one and elsewhere by another
    HeldElsewhereToo,
    /// from or to an address that is only held elsewhere
    HeldElsewhere,
    /// from or to a Pod that has no endpoints
    WithoutEndpoints,
    /// coming in
    Ingress,
    /// going out
    Egress,
    /// IPv4
    V4,
    /// IPv6
    V6,
    /// TCP
    Tcp,
    /// UDP
    Udp,
    /// SCTP
    Sctp,
    /// without ports
    Portless,
}

/// What a packet at a Pod, and the judgement on it, put to the test.
pub fn of(world: &World, pod: &NamespacedName, packet: &Packet, judgement: &Judgement) -> Vec<Feature> {
    let mut found = vec![
        match packet.direction {
            Direction::Ingress => Feature::Ingress,
            Direction::Egress => Feature::Egress,
        },
        if packet.remote.is_ipv4() { Feature::V4 } else { Feature::V6 },
        match packet.traffic {
            Traffic::Ports { protocol: Protocol::Tcp, .. } => Feature::Tcp,
            Traffic::Ports { protocol: Protocol::Udp, .. } => Feature::Udp,
            Traffic::Ports { protocol: Protocol::Sctp, .. } => Feature::Sctp,
            Traffic::Portless => Feature::Portless,
        },
    ];
    match &judgement.why {
        Why::NoTarget(_) => {}
        Why::NotIsolated => found.push(Feature::Open),
        Why::DeniedBy(policies) => {
            found.push(Feature::Denied);
            let policies = policies.iter().filter_map(|key| world.policy(key));
            policies.for_each(|policy| found.extend(of_policy(policy)));
        }
        Why::WouldBeDeniedBy(_) => found.push(Feature::WouldBeDenied),
        Why::WouldBeAllowedBy(_) => found.push(Feature::WouldBeAllowed),
        Why::AllowedBy(grant) => found.extend(of_grant(world, packet.direction, grant)),
    }
    if !matches!(judgement.why, Why::NoTarget(_) | Why::NotIsolated) {
        found.extend(of_place(world, pod, packet));
    }
    found
}

fn of_policy(policy: &Policy) -> impl Iterator<Item = Feature> {
    let is_about_networks = policy.spec.subject.as_ref().is_some_and(|subject| subject.networks.is_some());
    let is_unreadable = !policy.spec.problems.is_empty();
    let about = is_about_networks.then_some(Feature::AboutNetworks);
    about.into_iter().chain(is_unreadable.then_some(Feature::Unreadable))
}

fn of_place(world: &World, pod: &NamespacedName, packet: &Packet) -> Vec<Feature> {
    let mut found = Vec::new();
    let mut interfaces = world.interfaces_of(pod);
    let named = interfaces.remove(&Some(packet.interface.clone()));
    if named.is_none() {
        found.push(Feature::UnnamedInterface);
    }
    let attachment = match (&named, interfaces.contains_key(&None)) {
        (Some(view), _) => view.attachment(),
        (None, false) => Attachment::Nowhere,
        (None, true) => Attachment::Unclear,
    };
    if attachment == Attachment::Unclear {
        found.push(Feature::UnclearInterface);
    }
    let holders = world.holders(packet.remote);
    let is_here = |network| attachment == Attachment::On(network);
    let is_met = |holder: &&Holder<'_>| holder.network().is_some_and(|network| is_here(network.clone()));
    let here = holders.iter().filter(is_met).count();
    match (here, holders.len() - here) {
        (2.., _) => found.push(Feature::HeldTwice),
        (1, 1..) => found.push(Feature::HeldElsewhereToo),
        (0, 1..) => found.push(Feature::HeldElsewhere),
        _ => {}
    }
    if holders.iter().any(|holder| holder.endpoint.is_none()) {
        found.push(Feature::WithoutEndpoints);
    }
    found
}

fn of_grant(world: &World, direction: Direction, grant: &Grant) -> Vec<Feature> {
    let mut found = Vec::new();
    if grant.rule > 0 {
        found.push(Feature::LaterRule);
    }
    if grant.service.is_some() {
        found.push(Feature::Service);
    }
    let earlier = world.policies().find(|(key, _)| key.name.namespace == grant.policy.name.namespace);
    if earlier.is_some_and(|(key, _)| *key != grant.policy) {
        found.push(Feature::LaterPolicy);
    }
    let Some(policy) = world.policy(&grant.policy) else { return found };
    found.extend(of_policy(policy));
    let rules = match direction {
        Direction::Ingress => &policy.spec.ingress,
        Direction::Egress => &policy.spec.egress,
    };
    let rule = rules.as_ref().and_then(|rules| rules.get(grant.rule)?.as_ref());
    if let Some(rule) = rule {
        found.extend(of_peer(rule, grant));
        found.extend(of_port(rule, grant, direction));
    }
    found
}

fn of_peer(rule: &PolicyRule, grant: &Grant) -> Vec<Feature> {
    let Some(index) = grant.peer else { return vec![Feature::Anyone] };
    let peer = rule.peers.as_ref().and_then(|peers| peers.get(index)?.as_ref());
    match peer {
        None => Vec::new(),
        Some(PolicyPeer::Block(block)) if block.except.is_empty() => vec![Feature::Block],
        Some(PolicyPeer::Block(_)) => vec![Feature::Except],
        Some(PolicyPeer::Pods(pods)) => {
            let mut found = match (&pods.pods, &pods.namespaces) {
                (Some(_), Some(_)) => vec![Feature::BothSelectors],
                (Some(_), None) => vec![Feature::PodSelector],
                (None, Some(_)) => vec![Feature::NamespaceSelector],
                (None, None) => Vec::new(),
            };
            let mut requirements =
                pods.pods.iter().chain(&pods.namespaces).flat_map(LabelSelector::requirements);
            if requirements.any(|requirement| !matches!(requirement, Requirement::In(..))) {
                found.push(Feature::Expression);
            }
            if pods.networks.is_some() {
                found.push(Feature::Network);
            }
            found
        }
    }
}

fn of_port(rule: &PolicyRule, grant: &Grant, direction: Direction) -> Option<Feature> {
    let port: &PolicyPort = rule.ports.as_ref()?.get(grant.port?)?.as_ref()?;
    Some(match (&port.numbers, direction) {
        (PortNumbers::All, _) => Feature::WholeProtocol,
        (PortNumbers::Range(first, last), _) if first == last => Feature::Number,
        (PortNumbers::Range(..), _) => Feature::Range,
        (PortNumbers::Named(_), Direction::Ingress) => Feature::NameIn,
        (PortNumbers::Named(_), Direction::Egress) => Feature::NameOut,
    })
}
