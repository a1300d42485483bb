//! The rules of one Pod as a plain value: what a kernel is to do with a packet at each of its interfaces. Equal worlds give
//! equal rulesets. How it got its contents is `compile.rs`'s; how it is written for a kernel, the data plane's.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use danm_api::{Enforcement, Protocol};

use crate::{
    Direction, InterfaceName, PolicyKey,
    ranges::Range,
    set::{Members, SetDefinition, SetName},
};

/// The rules of one Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// The interfaces that its endpoints name.
    pub interfaces: BTreeMap<InterfaceName, Gates>,
    /// Every other interface: one that comes later, that was renamed, that an application made.
    pub others: Gates,
    /// The sets that the rules speak of.
    pub sets: BTreeMap<SetName, Set>,
}

/// A set: what is meant, and who that is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// What defines it.
    pub definition: Arc<SetDefinition>,
    /// Who is in it.
    pub members: Arc<Members>,
}

/// What passes an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Gates {
    /// What comes in; everything if there is no chain.
    pub ingress: Option<Arc<Chain>>,
    /// What goes out, likewise.
    pub egress: Option<Arc<Chain>>,
}

/// What is allowed; everything else is denied, or counted if it is audited. The order makes no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chain {
    /// What becomes of everything else.
    pub enforcement: Enforcement,
    /// The policies that isolate, or would, in order, each with what it allows.
    pub policies: Vec<PolicyRules>,
}

/// What one policy allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyRules {
    /// The policy.
    pub policy: PolicyKey,
    /// Its rules. One that allows nobody has none.
    pub rules: Vec<Rule>,
}

/// Some packets that are allowed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// Which rule of the policy says so; none if several do so together.
    pub index: Option<u32>,
    /// Whom the packet comes from, or goes to.
    pub remote: Remote,
    /// To which ports.
    pub ports: Ports,
}

/// The other end of a packet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Remote {
    /// Whoever it is.
    Anyone,
    /// An address in this set; if it is a set of ports, the port is in it, too.
    In(SetName),
}

/// The port of a packet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ports {
    /// Whatever it carries.
    Any,
    /// One of these.
    Numbers(PortNumbers),
}

/// Ranges of ports that do not touch, by protocol, in order.
pub type PortNumbers = BTreeMap<Protocol, Vec<Range<u16>>>;

// === impl Ruleset ===

impl Ruleset {
    /// What passes an interface, be it one that an endpoint names or not.
    pub fn gates(&self, interface: &InterfaceName) -> &Gates {
        self.interfaces.get(interface).unwrap_or(&self.others)
    }

    /// Denies everything at every interface.
    pub fn closed() -> Self {
        let chain = Some(Arc::new(Chain::default()));
        Self { others: Gates { ingress: chain.clone(), egress: chain }, ..Self::default() }
    }

    /// The same policies where they isolate, and nothing that they allow. What is audited is left out.
    #[must_use]
    pub fn without_allowances(&self) -> Self {
        let closed = |chain: &Arc<Chain>| {
            let policies = chain.policies.iter();
            let policies = policies
                .map(|policy| PolicyRules { policy: policy.policy.clone(), rules: Vec::new() })
                .collect();
            chain.is_enforced().then(|| Arc::new(Chain { policies, ..Chain::default() }))
        };
        let gates = |gates: &Gates| Gates {
            ingress: gates.ingress.as_ref().and_then(closed),
            egress: gates.egress.as_ref().and_then(closed),
        };
        Self {
            interfaces: self.interfaces.iter().map(|(name, it)| (name.clone(), gates(it))).collect(),
            others: gates(&self.others),
            sets: BTreeMap::new(),
        }
    }

    /// Whether nothing is denied anywhere. Something may be audited.
    pub fn is_open(&self) -> bool {
        !self.chains().any(|chain| chain.is_enforced())
    }

    /// Whether there is nothing to say about any packet: nothing is denied, and nothing audited.
    pub fn is_empty(&self) -> bool {
        self.chains().next().is_none()
    }

    /// All chains; one that several interfaces have, several times.
    pub fn chains(&self) -> impl Iterator<Item = &Arc<Chain>> {
        let gates = self.interfaces.values().chain([&self.others]);
        gates.flat_map(|gates| gates.ingress.iter().chain(&gates.egress))
    }
}

// === impl Gates ===

impl Gates {
    /// The chain for a direction.
    pub const fn chain(&self, direction: Direction) -> Option<&Arc<Chain>> {
        match direction {
            Direction::Ingress => self.ingress.as_ref(),
            Direction::Egress => self.egress.as_ref(),
        }
    }

    /// What becomes of what is not allowed in a direction, if there is a chain for it.
    pub fn enforcement(&self, direction: Direction) -> Option<Enforcement> {
        self.chain(direction).map(|chain| chain.enforcement)
    }

    /// Whether anything is denied in either direction.
    pub fn isolate(&self) -> bool {
        Direction::ALL.into_iter().any(|direction| self.enforcement(direction) == Some(Enforcement::Enforce))
    }
}

// === impl Chain ===

impl Chain {
    /// Whether what is not allowed is denied.
    pub fn is_enforced(&self) -> bool {
        self.enforcement.is_enforced()
    }

    /// The sets that it speaks of.
    pub fn sets(&self) -> BTreeSet<&SetName> {
        let rules = self.policies.iter().flat_map(|policy| &policy.rules);
        let sets = rules.filter_map(|rule| match &rule.remote {
            Remote::In(set) => Some(set),
            Remote::Anyone => None,
        });
        sets.collect()
    }
}
