//! A ruleset spelt out for a kernel: sets of one family each, chains, and rules made of few kinds of matches and verdicts. Both
//! who writes text (`nft.rs`) and who speaks netlink write exactly this, so that what people read is what is loaded.
//!
//! ```text
//!   input ── loopback, connections that were judged, ND, MLD, errors ──> accept
//!         ├─ a reply: judge_egress_replies ──┐
//!         └─ else: judge_ingress ────────────┤ by the interface: ingress_eth0, ... which comes back if a rule allows it,
//!                                            │ and rejects it otherwise
//!                                            └──> allowed: remembered, and accepted
//!   output likewise, with egress; what is forwarded has to be allowed both ways
//! ```
//!
//! A *gate* is the chain of an interface and a direction: what policies say. Gates are the same in many Pods. The *frame* is what
//! leads to them, and what passes whatever policies say; it is each Pod's own. A gate judges a connection by how it was opened, so
//! that it can be asked about packets of both ways: connections are judged again after rules have become stricter. The gate of
//! policies that are audited counts what it does not allow, and everything comes back.

mod denied;
mod frame;
mod gates;
mod interface;
mod last_frame;
mod strictness;
mod surroundings;

use std::{fmt, net::IpAddr, sync::Arc};

use danm_api::Protocol;

use crate::{
    Direction, InterfaceName, PolicyKey,
    ranges::Range,
    ruleset::Ruleset,
    set::{Members, SetDefinition},
};

pub use denied::{DENIED_MINUTES, DeniedSet, MOST_DENIED};
pub use frame::{ALLOWED, DNS, JUDGED, NODES};
pub use gates::{gate_in, gates};
pub use last_frame::LastFrame;
pub use surroundings::{Dns, Flows, Forward, NodeAccess, Surroundings};

/// Everything in the one table that is ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// What leads to the gates; shared by programs that differ in these alone.
    pub frame: Arc<Part>,
    /// What policies say; shared by Pods for which they say the same.
    pub gates: Arc<Part>,
}

/// Some of the contents of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// In the order of what they mean, then of their families.
    pub sets: Vec<FamilySet>,
    /// Each chain before those that it leads to.
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
    /// Whom it is meant to have.
    pub meaning: Meaning,
    /// Who is in it, and in the other family.
    pub members: Arc<Members>,
}

/// Whom a set is meant to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Whom a policy says.
    Defined(Arc<SetDefinition>),
    /// What this says.
    Words(&'static str),
}

/// A chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramChain {
    /// Its name.
    pub name: String,
    /// Which connections it is about: those that come in, or those that go out.
    pub direction: Direction,
    /// How packets come to it.
    pub entry: Entry,
    /// Policies that isolate there and allow nothing: no rule speaks of them.
    pub silent: Vec<PolicyKey>,
    /// Its rules, in order.
    pub rules: Vec<ProgramRule>,
}

/// How packets come to a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// From the kernel. What no rule decides is accepted.
    Hook(Hook),
    /// From another chain; what for.
    Chain(&'static str),
    /// By this interface.
    Interface(InterfaceName),
    /// By all that no endpoint names.
    OtherInterfaces,
}

/// Where the kernel asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// About what is for the Pod.
    Input,
    /// About what the Pod sends.
    Output,
    /// About what the Pod passes on.
    Forward,
}

/// On which side of a packet an interface is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It came by it.
    In,
    /// It leaves by it.
    Out,
}

/// A rule: of what all of its matches match, it decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramRule {
    /// What packets are like.
    pub matches: Vec<Match>,
    /// What it is there for; told beside it, and counted.
    pub purpose: Option<Purpose>,
    /// What becomes of them.
    pub action: Action,
}

/// What packets are like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// They stay in the Pod.
    Loopback(Side),
    /// They are of IPv6's neighbour discovery, and come from the link.
    NeighbourDiscovery,
    /// They tell routers of multicast listeners, or ask for them, and come from the link.
    MulticastListeners,
    /// They are of a connection that has this label.
    Labelled(u8),
    /// They are of a connection that both ends speak on.
    Established,
    /// They are errors about a connection. What else is called related belongs to helpers, which nobody asked for.
    Errors,
    /// They reset a connection that the Pod's own rules reject: these pass the hook for what goes out like everything else.
    Resets,
    /// They are of no connection, and begin none.
    Invalid,
    /// They are the first of a TCP connection that is seen, and do not begin it.
    Unopened,
    /// They go the other way than the first of their connection.
    Reply,
    /// They are at this interface.
    At(Side, InterfaceName),
    /// The Pod's own end of the connection is this address.
    Own(IpAddr),
    /// The other end of the connection is in this set.
    Remote(Family, String),
    /// The other end of the connection is in this set, together with protocol and port.
    RemotePort(Family, String),
    /// The same, of replies.
    ReplyPort(Family, String),
    /// They are of this protocol.
    Protocol(Protocol),
    /// They are of ICMP, of this family.
    Icmp(Family),
    /// They are of this protocol, and the connection is to one of these ports.
    Ports(Protocol, Vec<Range<u16>>),
    /// They ask for an address of this family, or give one; of IPv6, those who give them on the link.
    Dhcp(Family),
}

/// What a rule is there for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// This rule of a policy; its way to Services if it is no single rule.
    Policy(PolicyKey, Option<u32>),
    /// Nothing allows the packet.
    Denied,
    /// Nothing allows the packet, and it passes: policies are audited.
    WouldBeDenied,
    /// The packet is of no connection.
    Invalid,
    /// The connection was not opened before our eyes.
    Unopened,
    /// The Pod's node, or any, may speak to it.
    Nodes,
    /// The Pod may ask for names.
    Dns,
    /// The Pod may ask for an address.
    Dhcp,
    /// So many times connections had to be judged again. Nothing is counted.
    Generation(u64),
}

/// What becomes of packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// They pass.
    Accept,
    /// They are gone, and nobody is told.
    Drop,
    /// They go back to the chain that asked.
    Return,
    /// This chain is asked, and may send them back.
    Jump(String),
    /// They go on to this chain.
    Goto(String),
    /// Their connection gets this label, and they pass.
    Label(u8),
    /// They go on to the next rule.
    Continue,
    /// Their flow is written down in this set, if it is of its family, and they go on to the next rule.
    Note(DeniedSet),
    /// A TCP connection is reset. Over IPv6, a client would not listen to ICMP before it tries again.
    ResetTcp,
    /// Whoever sent them is told that they are prohibited.
    Prohibit,
}

// === impl Program ===

impl Program {
    /// What a ruleset is, spelt out, where nothing but policies counts. Nothing, if nothing is denied or audited.
    pub fn of(ruleset: &Ruleset) -> Self {
        Self::around(Arc::new(gates(ruleset)), ruleset, &Surroundings::default(), Flows::default())
    }

    /// The gates of a ruleset, and the frame for them in these surroundings.
    pub fn around(gates: Arc<Part>, ruleset: &Ruleset, surroundings: &Surroundings, flows: Flows) -> Self {
        if ruleset.is_empty() {
            return Self::default();
        }
        Self { frame: Arc::new(frame::frame(ruleset, surroundings, flows)), gates }
    }

    /// Whether there is nothing, so that everything passes.
    pub fn is_empty(&self) -> bool {
        self.frame.chains.is_empty()
    }

    /// Whether anything is denied.
    pub fn denies(&self) -> bool {
        self.gates.chains.iter().any(ProgramChain::is_enforced)
    }

    /// Whether a gate denies something at which the other denies nothing.
    pub fn isolates_more_than(&self, before: &Self) -> bool {
        let is_new = |gate: &&ProgramChain| {
            !before.gates.chains.iter().any(|before| before.name == gate.name && before.is_enforced())
        };
        !Arc::ptr_eq(&self.gates, &before.gates)
            && self.gates.chains.iter().filter(|gate| gate.is_enforced()).any(|gate| is_new(&gate))
    }

    /// All sets.
    pub fn sets(&self) -> impl Iterator<Item = &FamilySet> {
        self.frame.sets.iter().chain(&self.gates.sets)
    }

    /// All chains.
    pub fn chains(&self) -> impl Iterator<Item = &ProgramChain> {
        self.frame.chains.iter().chain(&self.gates.chains)
    }
}

// === impl Family ===

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The family of an address.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The ports of those who ask for an address, and of those who give one.
    pub const fn dhcp_ports(self) -> (u16, u16) {
        match self {
            Self::V4 => (68, 67),
            Self::V6 => (546, 547),
        }
    }

    /// What the part of a set is called that is of this family.
    pub fn set(self, name: impl fmt::Display) -> String {
        match self {
            Self::V4 => format!("{name}_v4"),
            Self::V6 => format!("{name}_v6"),
        }
    }
}

// === impl FamilySet ===

impl FamilySet {
    fn both(name: impl fmt::Display, meaning: &Meaning, members: &Arc<Members>) -> [Self; 2] {
        Family::ALL.map(|family| Self {
            name: family.set(&name),
            family,
            meaning: meaning.clone(),
            members: Arc::clone(members),
        })
    }
}

// === impl Meaning ===

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defined(definition) => definition.fmt(f),
            Self::Words(words) => f.write_str(words),
        }
    }
}

// === impl Hook ===

impl Hook {
    /// What the kernel calls it; its chain is called the same.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Forward => "forward",
        }
    }
}

// === impl ProgramChain ===

impl ProgramChain {
    /// Whether this is a gate that denies what it does not allow.
    fn is_enforced(&self) -> bool {
        let is_gate = matches!(self.entry, Entry::Interface(_) | Entry::OtherInterfaces);
        is_gate && self.rules.last().is_some_and(|rule| rule.action == Action::Prohibit)
    }
}

// === impl ProgramRule ===

impl ProgramRule {
    const fn new(matches: Vec<Match>, purpose: Option<Purpose>, action: Action) -> Self {
        Self { matches, purpose, action }
    }
}

// === impl Purpose ===

impl Purpose {
    /// Whether packets are counted.
    pub const fn is_counted(&self) -> bool {
        !matches!(self, Self::Generation(_))
    }
}

/// What is said to whoever is denied.
fn rejection(purpose: Purpose) -> [ProgramRule; 3] {
    [
        ProgramRule::new(Vec::new(), Some(purpose), Action::Continue),
        ProgramRule::new(vec![Match::Protocol(Protocol::Tcp)], None, Action::ResetTcp),
        ProgramRule::new(Vec::new(), None, Action::Prohibit),
    ]
}

#[cfg(test)]
mod tests;
