//! Who asks for an address to be given back, and by what it may prove that it is his. Whether that holds is `ownership`'s to
//! say.

use std::net::IpAddr;

use crate::HandleId;

/// An address that is to be given back, if the proof holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The address.
    pub address: IpAddr,
    /// By what it has to be the claimant's.
    pub proof: Proof,
}

/// By what an address is proved to be the claimant's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By what an endpoint says that is to be released: the container, or, for an address without a handle, the Pod and its
    /// node.
    Endpoint {
        /// The id of the sandbox container that it was given to; empty if the endpoint does not say it.
        container: String,
        /// The namespace of its Pod.
        namespace: String,
        /// The name of its Pod.
        pod: String,
        /// The names of its node: that of the Node object and that of the host.
        nodes: Vec<String>,
    },
    /// By the handle that holds it, letter by letter.
    Handle(HandleId),
    /// By the id of the sandbox container, at the end of the handle that holds it.
    Container(String),
    /// By the Pod that is named for it, on whatever node.
    Pod {
        /// The namespace of the Pod.
        namespace: String,
        /// The name of the Pod.
        pod: String,
    },
}
