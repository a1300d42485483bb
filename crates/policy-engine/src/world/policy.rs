//! A policy as it is in force: what it says, or said last when that could be understood.

use std::sync::Arc;

use danm_api::{FieldProblem, PolicySpec};

/// A policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// What is in force. Where nothing is known about whom the policy is about, it has no subject and does nothing.
    pub spec: Arc<PolicySpec>,
    /// What is not understood in the object as it is now.
    pub problems: Vec<FieldProblem>,
    /// Whether what is in force is an earlier version, because the object as it is now says nothing about whom it means.
    pub is_earlier_version: bool,
}

// === impl Policy ===

impl Policy {
    /// The policy that follows when an object is read. What is to be enforced by it as it is now is, whatever else it says.
    pub fn read(spec: Arc<PolicySpec>, before: Option<&Self>) -> Self {
        let problems = spec.problems.clone();
        match before.filter(|before| spec.subject.is_none() && before.spec.subject.is_some()) {
            Some(before) => {
                let mut kept = Arc::clone(&before.spec);
                if kept.is_audited() && !spec.is_audited() {
                    Arc::make_mut(&mut kept).enforcement = spec.enforcement;
                }
                Self { spec: kept, problems, is_earlier_version: true }
            }
            None => Self { spec, problems, is_earlier_version: false },
        }
    }
}
