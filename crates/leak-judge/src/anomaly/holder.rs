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
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of Pod {}", self.id, self.pod)
    }
}
