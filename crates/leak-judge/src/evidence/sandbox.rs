//! What the later sandboxes of a living Pod say about the endpoints of its earlier ones.

use super::{Case, Evidence};
use crate::{
    Finding, Reason, Verdict,
    world::{BootAge, Endpoint},
};

/// Sandboxes. After its machine was started anew, a kubelet makes new ones for the Pods it had, under the same uids.
/// DANM removes the endpoints of the old ones then, or fails to: what it left behind is nobody's.
pub struct SandboxEvidence;

/// An endpoint may come so many ownership windows after its sandbox, and be seen later still: the window is how long the
/// request that makes it may be under way, and a watch that stands open without a word is noticed after half as long again.
const LATEST: u32 = 3;

impl Evidence for SandboxEvidence {
    fn weigh(&self, case: Case<'_>) -> Option<Finding> {
        let successor = case.world.endpoints().successor(case.endpoint)?;
        (is_left_behind(case, successor) && !successor.is_deleting && case.life.is_some())
            .then_some(Finding::new(Verdict::Dangling, Reason::SandboxReplaced))
    }

    fn describe(&self, case: Case<'_>) -> Option<String> {
        let successor = case.world.endpoints().successor(case.endpoint)?;
        let host = &case.endpoint.host;
        Some(if is_left_behind(case, successor) {
            format!("{} is of a later sandbox, and {host} was started anew since", successor.id)
        } else {
            format!(
                "{} came later, but may be of an earlier sandbox, as far as is known of {host}",
                successor.id
            )
        })
    }
}

/// Whether an endpoint's sandbox has not outlived a boot: it was there in an earlier one, or it may have been and its
/// successor came so much later that no request for an earlier sandbox can have been under way for so long. Edits make
/// endpoints look younger than they are, so the successor has to be surely of the later boot.
fn is_left_behind(case: Case<'_>, successor: &Endpoint) -> bool {
    let age = case.boot_age();
    let came_after = successor.first_seen.since(case.endpoint.first_seen);
    let is_late = came_after >= case.rules.ownership_window * LATEST && !successor.was_listed;
    let is_of_this_boot = case.boot_age_of(successor) == BootAge::Unknown;
    is_of_this_boot && (age == BootAge::Earlier || (age == BootAge::BeforeSeen && is_late))
}
