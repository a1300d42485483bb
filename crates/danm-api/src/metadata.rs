//! Metadata of an object. The fields are Kubernetes'; this adds that a field unknown to us is kept.

use std::ops::Deref;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

use crate::Rest;

/// Kubernetes' metadata, and whatever a newer API server adds to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// What this version of Kubernetes' types names.
    #[serde(flatten)]
    pub known: ObjectMeta,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

impl Deref for Metadata {
    type Target = ObjectMeta;

    fn deref(&self) -> &ObjectMeta {
        &self.known
    }
}

impl From<ObjectMeta> for Metadata {
    fn from(known: ObjectMeta) -> Self {
        Self { known, rest: Rest::new() }
    }
}
