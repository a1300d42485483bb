//! The steps of a pass, as values.

use leak_judge::{Audit, EndpointPlan, Held, Moment, NetworkPlan};

use crate::confirm::Questions;

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Ask the API server what the releases ahead rest on.
    Confirm(Questions),
    /// Release these.
    Release(Vec<NetworkPlan>),
    /// Wait for proofs that time gives, or for news.
    Wait {
        /// The longest.
        until: Moment,
        /// For what, for people.
        why: String,
    },
    /// Report, and be done.
    End(Ending),
}

/// How things stand when nothing more can be done.
#[derive(Debug)]
pub(crate) struct Ending {
    /// The last look, without what was told already.
    pub audit: Audit,
    /// Endpoints that are proved dead and have to wait for longer than the pass takes.
    pub held: Vec<Held>,
    /// Endpoints whose release was tried for long enough.
    pub failed: Vec<EndpointPlan>,
}
