//! What our programs read of a Namespace: its metadata.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

/// A Namespace, read only.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Namespace {
    /// Its metadata, whole.
    pub metadata: Box<ObjectMeta>,
}

crate::node::core_resource!(Namespace, "Namespace", "namespaces", kube_core::ClusterResourceScope);
