//! Who claims an address: enough of an endpoint to name it, and to find it again.

use std::{fmt, sync::Arc};

use crate::{Endpoint, EndpointId, Slot, Uid, Version};

/// An endpoint that claims an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its place in the index.
    pub slot: Slot,
    /// Its name.
    pub id: EndpointId,
    /// Its uid.
    pub uid: Uid,
    /// Its version.
    pub version: Version,
    /// The name of its Pod.
    pub pod: Arc<str>,
    /// The uid of its Pod; empty in old objects.
    pub pod_uid: Uid,
}

impl Holder {
    pub(crate) fn new(slot: Slot, endpoint: &Endpoint) -> Self {
        Self {
            slot,
            id: endpoint.id.clone(),
            uid: endpoint.uid.clone(),
            version: endpoint.version,
            pod: Arc::clone(&endpoint.pod),
            pod_uid: endpoint.pod_uid.clone(),
        }
    }

    /// Whether both are of one Pod: what a sandbox has left beside its successor, or a Pod's second interface.
    pub(crate) fn is_of_pod_of(&self, other: &Self) -> bool {
        let is_same_name = self.id.namespace == other.id.namespace && self.pod == other.pod;
        let is_unknown = self.pod_uid.is_empty() || other.pod_uid.is_empty();
        is_same_name && (is_unknown || self.pod_uid == other.pod_uid)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of Pod {}", self.id, self.pod)
    }
}
