//! A ruleset spelt out for a kernel: sets of one family each, chains, and rules made of few kinds of matches and verdicts. Both
//! who writes text (`nft.rs`) and who speaks netlink write exactly this, so that what people read is what is loaded.
//!
//! ```text
//!   input  ── loopback, ND, MLD, replies ──> accept
//!          └─ by the interface's name ──> ingress_eth0, ... ──> a rule accepts, or it is counted and rejected
//!                                    └──> others_ingress (the name is not listed)
//!   output likewise, with egress
//! ```
//!
//! What a Pod forwards between its interfaces passes neither hook: nothing here is about it, and there is no chain for it.

use std::{fmt::Write, sync::Arc};

use danm_api::Protocol;

use crate::{
    Direction, InterfaceName, PolicyKey,
    ranges::Range,
    ruleset::{Chain, PolicyRules, Ports, Remote, Rule, Ruleset, Set},
    set::{Members, SetDefinition, SetName},
};

/// Everything in the one table that is ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// In the order of what they mean, then of their families.
    pub sets: Vec<FamilySet>,
    /// Each base chain before those that it leads to.
    pub chains: Vec<ProgramChain>,
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// The part of a set that is of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilySet {
    /// Its name.
    pub name: String,
    /// Its family.
    pub family: Family,
    /// What defines it.
    pub definition: Arc<SetDefinition>,
    /// Who is in it, and in the other family.
    pub members: Arc<Members>,
}

/// A chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramChain {
    /// Its name.
    pub name: String,
    /// Which packets it is about.
    pub direction: Direction,
    /// Where they come to it.
    pub entry: Entry,
    /// Policies that isolate there and allow nothing: no rule speaks of them.
    pub silent: Vec<PolicyKey>,
    /// Its rules, in order.
    pub rules: Vec<ProgramRule>,
}

/// Where packets come to a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// At the kernel's hook: all of the direction. What no rule decides is accepted.
    Hook,
    /// At this interface.
    Interface(InterfaceName),
    /// At all that no endpoint names.
    OtherInterfaces,
}

/// A rule: what all of its matches match, it counts and decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramRule {
    /// What packets are like.
    pub matches: Vec<Match>,
    /// What is counted.
    pub counted: Option<Counted>,
    /// What becomes of them.
    pub action: Action,
}

/// What packets are like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// They stay in the Pod.
    Loopback,
    /// They are of IPv6's neighbour discovery, and come from the link.
    NeighbourDiscovery,
    /// They tell routers of multicast listeners, or ask for them, and come from the link.
    MulticastListeners,
    /// They belong to a connection that was allowed.
    Established,
    /// They are errors about one. What else is called related belongs to helpers, which nobody asked for.
    Errors,
    /// They reset a connection that the Pod's own rules reject: these pass the hook for what goes out like everything else.
    Resets,
    /// The other end is in this set.
    Remote(Family, String),
    /// The other end is in this set, together with protocol and port.
    RemotePort(Family, String),
    /// They are of this protocol.
    Protocol(Protocol),
    /// They are of this protocol, and go to one of these ports.
    Ports(Protocol, Vec<Range<u16>>),
}

/// For whom packets are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    /// For this rule of a policy; for its way to Services if it is no single rule.
    Policy(PolicyKey, Option<u32>),
    /// For nobody: they are denied.
    Denied,
}

/// What becomes of packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// They pass.
    Accept,
    /// They go on to a chain by the name of their interface, or pass if there is none for it; others go on to the next rule.
    ByInterface(Vec<(InterfaceName, Option<String>)>),
    /// They go on to this chain.
    Goto(String),
    /// They go on to the next rule.
    Continue,
    /// A TCP connection is reset. Over IPv6, a client would not listen to ICMP before it tries again.
    ResetTcp,
    /// Whoever sent them is told that they are prohibited.
    Prohibit,
}

/// What passes whatever policies say: loopback, what keeps IPv6 alive, and replies. Neighbours and multicast listeners are
/// not tracked, so they come before replies.
const ALWAYS: [Match; 6] = [
    Match::Loopback,
    Match::NeighbourDiscovery,
    Match::MulticastListeners,
    Match::Established,
    Match::Errors,
    Match::Resets,
];

// === impl Program ===

impl Program {
    /// What a ruleset is, spelt out. Nothing, if nothing is denied.
    pub fn of(ruleset: &Ruleset) -> Self {
        if ruleset.is_open() {
            return Self::default();
        }
        // In the order of what they mean: names are in none that says anything.
        let mut sets: Vec<(&SetName, &Set)> = ruleset.sets.iter().collect();
        sets.sort_by_cached_key(|(name, set)| (set.definition.to_string(), *name));
        let sets = sets.into_iter().flat_map(|(name, set)| {
            Family::ALL.map(|family| FamilySet {
                name: family.set(name),
                family,
                definition: Arc::clone(&set.definition),
                members: Arc::clone(&set.members),
            })
        });
        let chains = Direction::ALL.into_iter().flat_map(|direction| chains(ruleset, direction));
        Self { sets: sets.collect(), chains: chains.collect() }
    }
}

/// The base chain of a direction, and those that it leads to; none if nothing is denied in it.
fn chains(ruleset: &Ruleset, direction: Direction) -> Vec<ProgramChain> {
    let named = ruleset.interfaces.iter().filter_map(|(name, gates)| {
        let chain = gates.chain(direction)?;
        let entry = Entry::Interface(name.clone());
        Some(gate(ruleset, direction, chain, chain_name(direction, name), entry))
    });
    let mut gates: Vec<ProgramChain> = named.collect();
    let others = ruleset
        .others
        .chain(direction)
        .map(|chain| gate(ruleset, direction, chain, format!("others_{direction}"), Entry::OtherInterfaces));
    gates.extend(others);
    if gates.is_empty() { Vec::new() } else { [vec![base(ruleset, direction)], gates].concat() }
}

fn base(ruleset: &Ruleset, direction: Direction) -> ProgramChain {
    let name = match direction {
        Direction::Ingress => "input",
        Direction::Egress => "output",
    };
    let mut rules = ALWAYS.map(|always| ProgramRule::new(vec![always], None, Action::Accept)).to_vec();
    let targets = ruleset
        .interfaces
        .iter()
        .map(|(name, gates)| (name.clone(), gates.chain(direction).map(|_| chain_name(direction, name))));
    let targets: Vec<_> = targets.collect();
    // Endpoints may name no interface that there can be.
    if !targets.is_empty() {
        rules.push(ProgramRule::new(Vec::new(), None, Action::ByInterface(targets)));
    }
    if ruleset.others.chain(direction).is_some() {
        rules.push(ProgramRule::new(Vec::new(), None, Action::Goto(format!("others_{direction}"))));
    }
    ProgramChain { name: name.to_owned(), direction, entry: Entry::Hook, silent: Vec::new(), rules }
}

/// What is allowed, and then what is not.
fn gate(ruleset: &Ruleset, direction: Direction, chain: &Chain, name: String, entry: Entry) -> ProgramChain {
    let mut rules: Vec<ProgramRule> =
        chain.policies.iter().flat_map(|policy| rules_of(ruleset, policy)).collect();
    rules.push(ProgramRule::new(Vec::new(), Some(Counted::Denied), Action::Continue));
    rules.push(ProgramRule::new(vec![Match::Protocol(Protocol::Tcp)], None, Action::ResetTcp));
    rules.push(ProgramRule::new(Vec::new(), None, Action::Prohibit));
    let silent = chain.policies.iter().filter(|policy| policy.rules.is_empty());
    let silent = silent.map(|policy| policy.policy.clone()).collect();
    ProgramChain { name, direction, entry, silent, rules }
}

fn rules_of(ruleset: &Ruleset, policy: &PolicyRules) -> Vec<ProgramRule> {
    let rules = policy.rules.iter().flat_map(|rule| {
        let counted = Counted::Policy(policy.policy.clone(), rule.index);
        let matches = matches(ruleset, rule).into_iter();
        matches.map(move |matches| ProgramRule::new(matches, Some(counted.clone()), Action::Accept))
    });
    rules.collect()
}

/// What a rule matches, once for each family and protocol. A set that is not there has nobody.
fn matches(ruleset: &Ruleset, rule: &Rule) -> Vec<Vec<Match>> {
    let ports = ports(&rule.ports);
    let Remote::In(name) = &rule.remote else { return ports };
    let Some(set) = ruleset.sets.get(name) else { return Vec::new() };
    let remote = |family: Family| match &*set.members {
        Members::Ports(..) => Match::RemotePort(family, family.set(name)),
        Members::Addresses(..) | Members::Ranges(..) => Match::Remote(family, family.set(name)),
    };
    let of_family = |family| ports.iter().map(move |ports| [vec![remote(family)], ports.clone()].concat());
    Family::ALL.into_iter().flat_map(of_family).collect()
}

fn ports(ports: &Ports) -> Vec<Vec<Match>> {
    let Ports::Numbers(numbers) = ports else { return vec![Vec::new()] };
    let of_protocol = |(protocol, ranges): (&Protocol, &Vec<Range<u16>>)| match ranges.as_slice() {
        [(0, u16::MAX)] => vec![Match::Protocol(*protocol)],
        ranges => vec![Match::Ports(*protocol, ranges.to_vec())],
    };
    numbers.iter().map(of_protocol).collect()
}

/// Interfaces may be called what chains may not: such a character is written as `/` and its number. No interface has a `/`
/// in its name, so no two chains get one.
fn chain_name(direction: Direction, interface: &InterfaceName) -> String {
    let mut name = format!("{direction}_");
    for character in interface.as_str().chars() {
        let is_plain = character.is_ascii_alphanumeric() || "_-.".contains(character);
        // A text takes everything.
        let _ = if is_plain {
            write!(name, "{character}")
        } else {
            write!(name, "/{:02x}", u32::from(character))
        };
    }
    name
}

// === impl Family ===

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// What the part of a set is called that is of this family.
    fn set(self, name: &SetName) -> String {
        match self {
            Self::V4 => format!("{name}_v4"),
            Self::V6 => format!("{name}_v6"),
        }
    }
}

// === impl ProgramRule ===

impl ProgramRule {
    const fn new(matches: Vec<Match>, counted: Option<Counted>, action: Action) -> Self {
        Self { matches, counted, action }
    }
}
