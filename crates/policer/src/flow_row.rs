//! A flow that was denied in the kernel of a Pod, as a value that is shown. The names of the fields are the contract: scripts read them.

use std::net::IpAddr;

use danm_api::Enforcement;
use policy_dataplane::{DeniedFlow, PodUid};
use policy_engine::NamespacedName;
use serde::Serialize;

use crate::pod_row::PodRow;

/// A flow that was denied, or would have been, within the last minute or so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FlowRow {
    /// The Pod.
    #[serde(flatten)]
    pub pod: PodRow,
    /// The interface.
    pub interface: String,
    /// `ingress` or `egress`.
    pub direction: String,
    /// `deny` or `would-deny`.
    pub verdict: &'static str,
    /// Who opened it.
    pub from: IpAddr,
    /// To whom.
    pub to: IpAddr,
    /// The protocol, as probes call it.
    pub protocol: String,
    /// The port; of ICMP, its type and code.
    pub port: u16,
}

// === impl FlowRow ===

impl FlowRow {
    /// Of a Pod with this uid, whose name is this if anybody knows it.
    pub(crate) fn new(pod: Option<&NamespacedName>, uid: &PodUid, flow: &DeniedFlow) -> Self {
        Self {
            pod: PodRow::new(pod, uid),
            interface: flow.interface.clone(),
            direction: flow.direction.to_string(),
            verdict: match flow.enforcement {
                Enforcement::Enforce => "deny",
                Enforcement::Audit => "would-deny",
            },
            from: flow.source,
            to: flow.destination,
            protocol: flow.protocol_name(),
            port: flow.port,
        }
    }
}
