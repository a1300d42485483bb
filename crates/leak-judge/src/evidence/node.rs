//! What the machine of a Pod that is gone, or has ended for good, says about whether it still runs.

use super::{Case, Evidence};
use crate::{Finding, HostState, Reason, Verdict, world::BootAge};

/// State of the Node: a kubelet that answers has stopped what the API server does not know any more, a
/// machine that is gone runs nothing, and of one that does not answer nobody knows.
pub struct NodeEvidence;

impl Evidence for NodeEvidence {
    fn weigh(&self, case: Case<'_>) -> Option<Finding> {
        let dangling = |reason| Finding::new(Verdict::Dangling, reason);
        let unknown = |reason| Finding::new(Verdict::Unknown, reason);
        let is_finished = case.life.is_some();
        let age = case.boot_age();
        let host = &case.endpoint.host;
        Some(match case.host {
            Some(HostState::Ready { node, .. })
                if may_be_static(&case.endpoint.pod, node, host) && !is_finished =>
            {
                unknown(Reason::StaticPod)
            }
            Some(HostState::Ready { node, .. }) if is_finished => {
                if case.pod_ran_on(node) {
                    dangling(Reason::PodFinished)
                } else {
                    unknown(Reason::HostUnknown)
                }
            }
            // Its kubelet answers: that the endpoint was there before the boot showed is a second witness only.
            Some(HostState::Ready { .. }) if age > BootAge::Unknown => dangling(Reason::NodeRebooted),
            Some(HostState::Ready { .. }) => dangling(Reason::PodGone),
            Some(HostState::OutOfService { .. }) => dangling(Reason::NodeOutOfService),
            Some(HostState::Gone) => dangling(Reason::NodeGone),
            // Nobody answers: nothing less will do than that the sandbox cannot have outlived a boot.
            Some(HostState::NotReady { .. }) if age == BootAge::Earlier => dangling(Reason::NodeRebooted),
            Some(HostState::NotReady { silent_since: Some(_), .. })
                if case.rules.unreachable_grace.is_some() =>
            {
                dangling(Reason::NodeUnreachable)
            }
            Some(HostState::NotReady { .. }) => unknown(Reason::NodeNotReady),
            Some(HostState::Doubtful(_)) | None => unknown(Reason::HostUnknown),
        })
    }

    fn describe(&self, case: Case<'_>) -> Option<String> {
        let host = &case.endpoint.host;
        let state = match case.host? {
            HostState::Ready { node, .. } => format!("Node {node} is Ready"),
            HostState::NotReady { node, .. } if case.boot_age() == BootAge::Earlier => {
                format!("Node {node} is not Ready")
            }
            HostState::NotReady { node, .. } => format!("Node {node} is not Ready and may still run the Pod"),
            HostState::OutOfService { node } => {
                format!("Node {node} is not Ready, and its taint says that it is out of service")
            }
            HostState::Gone => format!("no Node is host {host}"),
            HostState::Doubtful(why) => why.clone(),
        };
        Some(match case.boot_age() {
            BootAge::Unknown => state,
            BootAge::BeforeSeen => {
                format!("{state}; it was started anew, which was not seen before the endpoint was there")
            }
            BootAge::Earlier => format!("{state}; it was started anew after the endpoint was made"),
        })
    }
}

/// A static Pod is called after its Node, and runs whether or not its mirror is on the API server.
fn may_be_static(pod: &str, node: &str, host: &str) -> bool {
    [node, host].iter().any(|name| pod.strip_suffix(*name).is_some_and(|rest| rest.ends_with('-')))
}
