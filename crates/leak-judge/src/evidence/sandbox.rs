//! What the later sandboxes of a living Pod say about the endpoints of its earlier ones.

use super::{Case, Evidence};
use crate::{Finding, Reason, Verdict, world::BootAge};

/// Sandboxes. After its machine was started again, a kubelet makes new ones for the Pods it had, under the same uids.
/// DANM removes the endpoints of the old ones then, or fails to: what it left behind is nobody's.
pub struct SandboxEvidence;

impl Evidence for SandboxEvidence {
    fn weigh(&self, case: Case<'_>) -> Option<Finding> {
        let successor = case.world.endpoints().successor(case.endpoint)?;
        let is_rebooted = case.boot_age() > BootAge::Unknown;
        (is_rebooted && !successor.is_deleting && case.life.is_some())
            .then_some(Finding::new(Verdict::Dangling, Reason::SandboxReplaced))
    }

    fn describe(&self, case: Case<'_>) -> Option<String> {
        let successor = case.world.endpoints().successor(case.endpoint)?;
        let host = &case.endpoint.host;
        Some(match case.boot_age() {
            BootAge::Unknown => format!(
                "{} is of a later sandbox, but {host} is not known to have been started anew since",
                successor.id
            ),
            _ => format!("{} is of a later sandbox, and {host} was started anew since", successor.id),
        })
    }
}
