//! A flow that was denied in the kernel of a Pod, as a value that is shown. The names of the fields are the contract: scripts read them.

use std::net::IpAddr;

use danm_api::Enforcement;
use policy_dataplane::{DeniedFlow, PodUid};
use policy_engine::NamespacedName;
use serde::Serialize;

/// A flow that was denied, or would have been, within the last minute or so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FlowRow {
    /// The Pod's namespace; none where nobody knows whose the uid is.
    pub namespace: Option<String>,
    /// The Pod's name.
    pub pod: Option<String>,
    /// Its uid.
    pub uid: String,
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
            namespace: pod.map(|pod| pod.namespace.to_string()),
            pod: pod.map(|pod| pod.name.to_string()),
            uid: uid.to_string(),
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

    /// The Pod as people call it.
    pub(crate) fn pod_name(&self) -> String {
        match (&self.namespace, &self.pod) {
            (Some(namespace), Some(pod)) => format!("{namespace}/{pod}"),
            _ => format!("uid {}", self.uid),
        }
    }
}
