//! The steps of the loop, as values.

use leak_judge::{Audit, EndpointPlan, Held, Holder, Moment, NetworkPlan};

use super::boot_memory::BootWork;
use crate::{confirm::Questions, mend::MendPlan, returns::Return};

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Read or store what is known of boots.
    KeepBoots(BootWork),
    /// Listen to the kubelets of these Nodes.
    Listen(Vec<String>),
    /// Ask the API server what the releases ahead rest on.
    Confirm(Questions),
    /// Give these back to Calico; or ask it about these.
    GiveBack(Vec<Return>),
    /// Release these.
    Release(Vec<NetworkPlan>),
    /// Ask whether these live, whose bits are missing.
    Recheck(Vec<Holder>),
    /// Mend the address books of these networks.
    Mend(Vec<MendPlan>),
    /// Tell how things stand: everything has been looked at.
    Report(Standing),
    /// Wait for news, for proofs that time gives, or for what is under way.
    Wait {
        /// The longest, if time alone can change something.
        until: Option<Moment>,
        /// For what, for people; empty where it is nothing in particular.
        why: String,
    },
    /// Wait on: nothing has happened since that could change anything.
    WaitOn {
        /// The longest, as before.
        until: Option<Moment>,
    },
    /// Tell how things stand, and be done.
    End(Standing),
}

/// How things stand, without what was told already.
#[derive(Debug)]
pub(crate) struct Standing {
    /// The latest look at everything.
    pub audit: Audit,
    /// Endpoints that are proved dead and have to wait.
    pub held: Vec<Held>,
    /// Endpoints whose release does not work, and why.
    pub failed: Vec<(EndpointPlan, String)>,
}
