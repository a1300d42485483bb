//! What the Node of a Pod that is gone says about whether it still runs.

use super::{Case, Evidence};
use crate::{Finding, HostState, Reason, Verdict};

/// State of the Node: a kubelet that answers has stopped what the API server does not know any more, a
/// machine that is gone runs nothing, and of one that does not answer nobody knows.
pub struct NodeEvidence;

impl Evidence for NodeEvidence {
    fn weigh(&self, case: Case<'_>) -> Option<Finding> {
        Some(match case.hosts.state(&case.endpoint.host) {
            Some(HostState::Ready { node, .. })
                if may_be_static(&case.endpoint.pod, node, &case.endpoint.host) =>
            {
                Finding::new(Verdict::Unknown, Reason::StaticPod)
            }
            Some(HostState::Ready { .. }) => Finding::new(Verdict::Dangling, Reason::PodGone),
            Some(HostState::OutOfService { .. }) => Finding::new(Verdict::Dangling, Reason::NodeOutOfService),
            Some(HostState::Gone) => Finding::new(Verdict::Dangling, Reason::NodeGone),
            Some(HostState::NotReady { .. }) => Finding::new(Verdict::Unknown, Reason::NodeNotReady),
            Some(HostState::Doubtful(_)) | None => Finding::new(Verdict::Unknown, Reason::HostUnknown),
        })
    }

    fn describe(&self, case: Case<'_>) -> Option<String> {
        let host = &case.endpoint.host;
        Some(match case.hosts.state(host)? {
            HostState::Ready { node, .. } => format!("Node {node} is Ready"),
            HostState::NotReady { node } => format!("Node {node} is not Ready and may still run the Pod"),
            HostState::OutOfService { node } => {
                format!("Node {node} is not Ready, and its taint says that it is out of service")
            }
            HostState::Gone => format!("no Node is host {host}"),
            HostState::Doubtful(why) => why.clone(),
        })
    }
}

/// A static Pod is called after its Node, and runs whether or not its mirror is on the API server.
fn may_be_static(pod: &str, node: &str, host: &str) -> bool {
    [node, host].iter().any(|name| pod.strip_suffix(*name).is_some_and(|rest| rest.ends_with('-')))
}
