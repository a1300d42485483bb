//! What a rule in the kernel of a Pod has counted, as a value that is shown. The names of the fields are the contract: scripts read them.

use policy_dataplane::{Count, NamespaceId, PodUid};
use policy_engine::{Counted, NamespacedName};
use serde::Serialize;

use crate::pod_row::PodRow;

/// What a rule has counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Statistic {
    /// The Pod.
    #[serde(flatten)]
    pub pod: PodRow,
    /// Its network namespace, as `ip netns` calls it.
    pub network_namespace: String,
    /// Of which connections, `ingress` or `egress`; none where it is not told.
    pub direction: Option<String>,
    /// The interface; `*` are all that no endpoint names; empty where it is not told.
    pub interface: String,
    /// What became of the packets.
    pub verdict: Verdict,
    /// The policy and which of its rules; what it was else.
    pub rule: String,
    /// So many packets.
    pub packets: u64,
    /// With so many bytes.
    pub bytes: u64,
}

/// What became of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Allow,
    Deny,
    /// They passed: policies are audited.
    #[serde(rename = "would-deny")]
    WouldDeny,
}

// === impl Statistic ===

impl Statistic {
    /// Of a Pod with this uid, whose name is this if anybody knows it.
    pub(crate) fn new(pod: Option<&NamespacedName>, uid: &PodUid, place: NamespaceId, count: &Count) -> Self {
        let (verdict, rule) = Self::words(&count.counter.counted);
        Self {
            pod: PodRow::new(pod, uid),
            network_namespace: place.to_string(),
            direction: count.counter.direction.map(|direction| direction.to_string()),
            interface: count.counter.interface.to_string(),
            verdict,
            rule,
            packets: count.packets,
            bytes: count.bytes,
        }
    }

    /// What became of packets, and by which rule or as what.
    pub(crate) fn words(counted: &Counted) -> (Verdict, String) {
        match counted {
            Counted::Policy(policy, rule) => (Verdict::Allow, format!("{policy} {rule}")),
            Counted::Exception(exception) => (Verdict::Allow, format!("(exception) {exception}")),
            Counted::Denied => (Verdict::Deny, "no rule allows it".to_owned()),
            Counted::WouldBeDenied => {
                (Verdict::WouldDeny, "no rule of an audited policy allows it".to_owned())
            }
            Counted::Invalid => (Verdict::Deny, "of no connection".to_owned()),
            Counted::Unopened => (Verdict::Deny, "of a connection that nobody opened".to_owned()),
        }
    }
}
