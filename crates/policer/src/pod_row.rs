//! The Pod of a row that was read in a kernel: there its uid is known, and its name only if somebody has kept it. The names of the fields are
//! the contract: scripts read them.

use std::fmt;

use policy_dataplane::PodUid;
use policy_engine::NamespacedName;
use serde::Serialize;

/// A Pod of this node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct PodRow {
    /// Its namespace; none where nobody knows whose the uid is.
    pub namespace: Option<String>,
    /// Its name.
    pub pod: Option<String>,
    /// Its uid.
    pub uid: String,
}

// === impl PodRow ===

impl PodRow {
    /// The Pod with this uid, whose name is this if anybody knows it.
    pub(crate) fn new(name: Option<&NamespacedName>, uid: &PodUid) -> Self {
        Self {
            namespace: name.map(|name| name.namespace.to_string()),
            pod: name.map(|name| name.name.to_string()),
            uid: uid.to_string(),
        }
    }
}

/// As people call it.
impl fmt::Display for PodRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.namespace, &self.pod) {
            (Some(namespace), Some(pod)) => write!(f, "{namespace}/{pod}"),
            _ => write!(f, "uid {}", self.uid),
        }
    }
}
