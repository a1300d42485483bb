//! The packets that are judged: the first of a connection, as one Pod sees it. Replies are none of a policy's business.

use std::{fmt, net::IpAddr};

use danm_api::Protocol;

use crate::InterfaceName;

/// Which way a packet goes, seen from the Pod that is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// It comes in.
    Ingress,
    /// It goes out.
    Egress,
}

/// What a packet carries, as far as a policy looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Traffic {
    /// Something with ports.
    Ports {
        /// The protocol.
        protocol: Protocol,
        /// From which port. No policy looks at it; whoever does is wrong.
        source: u16,
        /// To which port.
        destination: u16,
    },
    /// Something without: ICMP, GRE.
    Portless,
}

/// A packet at an interface of the Pod that is judged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Packet {
    /// Which way it goes.
    pub direction: Direction,
    /// The interface by which it comes or goes.
    pub interface: InterfaceName,
    /// The address at the other end.
    pub remote: IpAddr,
    /// What it carries.
    pub traffic: Traffic,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It passes.
    Allow,
    /// It does not.
    Deny,
}

// === impl Direction ===

impl Direction {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ingress, Self::Egress];

    /// As objects and people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// === impl Traffic ===

impl Traffic {
    /// Something to this port, from a port that does not matter.
    pub const fn to(protocol: Protocol, destination: u16) -> Self {
        Self::Ports { protocol, source: 49_152, destination }
    }
}

// === impl Verdict ===

impl Verdict {
    /// Whether the packet passes.
    pub const fn allows(self) -> bool {
        matches!(self, Self::Allow)
    }

    /// The verdict in one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

impl From<bool> for Verdict {
    fn from(passes: bool) -> Self {
        if passes { Self::Allow } else { Self::Deny }
    }
}
