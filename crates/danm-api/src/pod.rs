//! The few fields of a Pod that our programs decide by. A whole Pod is some 15 kB of JSON and an index holds
//! a hundred thousand: what is not named here is skipped while it is read.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

/// A Pod, read only.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Pod {
    /// Its metadata, whole: the watch machinery needs it.
    pub metadata: ObjectMeta,
    /// Where it runs.
    #[serde(default)]
    pub spec: PodSpec,
    /// How it fares. Absent when the Pod was read as metadata only.
    #[serde(default)]
    pub status: PodStatus,
}

/// The part of a Pod's `spec` that we read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// Name of its Node, once it is bound to one.
    pub node_name: Option<String>,
}

/// The part of a Pod's `status` that we read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: Option<String>,
}

/// The annotation by which a kubelet marks the image of a static Pod on the API server.
const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

impl Pod {
    /// Whether it is the mirror of a static Pod: deleting it stops nothing, its kubelet makes it again under
    /// a new uid.
    pub fn is_mirror(&self) -> bool {
        self.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(MIRROR_ANNOTATION))
    }

    /// Whether all its containers have ended for good.
    pub fn is_finished(&self) -> bool {
        matches!(self.status.phase.as_deref(), Some("Succeeded" | "Failed"))
    }
}

crate::node::core_resource!(Pod, "Pod", "pods", kube_core::NamespaceResourceScope);
