//! What a program sees of an election.

use std::{collections::BTreeMap, fmt, time::Instant};

use crate::clock::now;

/// Whether we lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// We do.
    Leading,
    /// We do not.
    Standby {
        /// Who does, if anybody.
        holder: Option<String>,
    },
    /// Who leads is not known, and we do not.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// An election as it stands.
#[derive(Clone, Debug)]
pub struct LeaseState {
    /// Whether we lead.
    pub role: Role,
    /// The annotations of the Lease, as last seen: people speak to the leader through them.
    pub annotations: BTreeMap<String, String>,
    /// The uid of the Lease, as last seen: an Event about it needs that.
    pub uid: Option<String>,
    /// Since when we have this role.
    pub since: Instant,
    /// Until when we lead, if nothing else comes. Without an election there is no end.
    pub(crate) until: Option<Instant>,
}

// === impl LeaseState ===

impl LeaseState {
    /// A role that nobody contends: that of a program that takes part in no election.
    pub fn new(role: Role) -> Self {
        Self { role, annotations: BTreeMap::new(), uid: None, since: now(), until: None }
    }

    /// Whether we lead at this very moment. Asked before each write, it tells the truth even where the task
    /// that renews has not had its turn for long.
    pub fn is_leading(&self) -> bool {
        self.role == Role::Leading && self.until.is_none_or(|until| now() < until)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leading => f.write_str("leading"),
            Self::Standby { holder: Some(holder) } => write!(f, "standing by: {holder} leads"),
            Self::Standby { holder: None } => f.write_str("standing by: nobody leads"),
            Self::Unknown { reason } => write!(f, "not leading, and who does is not known: {reason}"),
        }
    }
}
