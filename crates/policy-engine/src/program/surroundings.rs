//! What rules take into account beside policies: the Pod's node, names, addresses that are asked for, and what is to become of
//! connections that were there before. Who knows these things is the agent of a node; a ruleset alone does without.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use super::Family;
use crate::{InterfaceName, set::Members};

/// What a Pod's rules take into account beside policies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Nodes that reach the Pod whatever policies say.
    pub nodes: Option<NodeAccess>,
    /// Whom the Pod may ask for names.
    pub dns: Dns,
    /// Interfaces that ask for an address of a family.
    pub dhcp: BTreeSet<(InterfaceName, Family)>,
    /// What becomes of packets that the Pod passes on.
    pub forward: Forward,
    /// The Pod's own addresses, each of one interface alone, as far as they are known; nothing, if nobody asks by which interfaces
    /// connections go. A reply may leave by another interface than its connection came by, and is judged by this.
    pub addresses: Option<BTreeMap<IpAddr, InterfaceName>>,
}

/// Nodes that reach the Pod whatever policies say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAccess {
    /// By which interface.
    pub interface: InterfaceName,
    /// Their addresses.
    pub addresses: Arc<Members>,
}

/// Whom the Pod may ask for names whatever policies say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Dns {
    /// Nobody.
    #[default]
    Closed,
    /// These ports at these addresses.
    Servers(Arc<Members>),
    /// Everybody, on port 53.
    Any,
}

/// What becomes of packets that the Pod passes on from one interface to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forward {
    /// They have to be allowed to come in by the one, and to go out by the other.
    #[default]
    Judge,
    /// They pass.
    Open,
    /// They do not.
    Closed,
}

/// How rules know the connections that they have allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flows {
    /// By a label that they set. The number grows each time that rules become stricter: connections are judged again then, at
    /// their next packet, whichever way it goes.
    Labelled(u64),
    /// By having been answered: what was allowed once is allowed as long as it lasts.
    Kept,
    /// Not at all: each packet is judged. For kernels without labels.
    Unknown,
}

/// The labels that a connection may have.
const LABELS: u64 = 128;

// === impl Flows ===

impl Default for Flows {
    fn default() -> Self {
        Self::Labelled(0)
    }
}

impl Flows {
    /// The label of a generation: they are used round and round.
    pub const fn label(generation: u64) -> u8 {
        // Less than 128.
        (generation % LABELS) as u8
    }
}
