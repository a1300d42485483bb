//! What is known about the life of an endpoint's Pod. Each kind of evidence is one implementation of one small
//! trait; they are asked in a fixed order, and the first that knows decides.

mod node;
mod pod;

use crate::{
    Finding, Hosts, Reason, Verdict,
    world::{Endpoint, World},
};

/// An endpoint and everything that can be said about it.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The endpoint.
    pub endpoint: &'a Endpoint,
    /// The cluster.
    pub world: &'a World,
    /// The machines.
    pub hosts: &'a Hosts,
}

/// One kind of evidence.
pub trait Evidence: Sync {
    /// What it proves, or must leave open; `None` where it has nothing to say.
    fn weigh(&self, case: Case<'_>) -> Option<Finding>;

    /// What it saw, for people: one line, or none where it has nothing to say.
    fn describe(&self, case: Case<'_>) -> Option<String>;
}

/// All evidence, in the order in which it is asked: life comes before death.
pub const EVIDENCE: [&dyn Evidence; 2] = [&pod::PodEvidence, &node::NodeEvidence];

/// What all evidence together says.
pub fn weigh(case: Case<'_>) -> Finding {
    EVIDENCE
        .iter()
        .find_map(|evidence| evidence.weigh(case))
        .unwrap_or(Finding::new(Verdict::Unknown, Reason::Unconfirmed))
}
