//! What an endpoint claims to be its Pod's network namespace, and what is wrong with it. A claim that holds is no news: nothing
//! follows from it that does not follow from where processes are.

use std::io;

use super::{NamespaceId, PodUid};

/// The path that an endpoint names, and what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The path, as it is written. Whoever shows it has to make it printable.
    pub path: String,
    /// The namespace there.
    pub found: Result<NamespaceId, Refusal>,
}

/// Why a claim is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The path is none that an endpoint may name.
    #[error("it is neither a plain name in a folder of network namespaces nor /proc/PID/ns/net")]
    Elsewhere,
    /// A symlink leads who knows where.
    #[error("it is a symlink, and these are not followed")]
    Symlink,
    /// There is nothing.
    #[error("there is nothing at that path, or no longer")]
    Gone,
    /// It is another kind of file.
    #[error("it is no namespace")]
    NoNamespace,
    /// It cannot be looked at.
    #[error("it cannot be looked at: {0}")]
    Unreadable(io::ErrorKind),
    /// It is the node's own.
    #[error("it is the network namespace of the node itself")]
    Host,
    /// Nobody proves it.
    #[error("no process of the Pod is in it")]
    Empty,
    /// It is somebody else's.
    #[error("a process of the Pod with uid {0} is in it, and none of this Pod")]
    OfAnother(PodUid),
    /// Its process is there as a guest.
    #[error("the Pod with uid {0} lives in it, and this Pod only visits it")]
    Visited(PodUid),
}
