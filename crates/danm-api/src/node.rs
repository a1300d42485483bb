//! The few fields of a Node that our programs decide by.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

/// A Node, read only.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Node {
    /// Its metadata, whole.
    pub metadata: ObjectMeta,
    /// What is wanted of it.
    #[serde(default)]
    pub spec: NodeSpec,
    /// What its kubelet reports.
    #[serde(default)]
    pub status: NodeStatus,
}

/// The part of a Node's `spec` that we read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeSpec {
    /// What keeps Pods away from it.
    pub taints: Vec<Taint>,
}

/// One item of a Node's `spec.taints`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Taint {
    /// Its key.
    pub key: String,
}

/// The part of a Node's `status` that we read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeStatus {
    /// `Ready` and others.
    pub conditions: Vec<NodeCondition>,
}

/// One item of a Node's `status.conditions`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeCondition {
    /// Such as `Ready`.
    pub r#type: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
}

/// The label that holds the host name of the machine, which may differ from the Node's name.
const HOSTNAME_LABEL: &str = "kubernetes.io/hostname";

/// The taint by which an operator says that the machine is shut down and runs nothing any more.
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

impl Node {
    /// Whether an operator has said that the machine is shut down.
    pub fn is_out_of_service(&self) -> bool {
        self.spec.taints.iter().any(|taint| taint.key == OUT_OF_SERVICE)
    }

    /// Whether its kubelet answers and calls the machine fit.
    pub fn is_ready(&self) -> bool {
        self.status
            .conditions
            .iter()
            .any(|condition| condition.r#type == "Ready" && condition.status == "True")
    }

    /// The host name its label gives.
    pub fn hostname(&self) -> Option<&str> {
        self.metadata.labels.as_ref()?.get(HOSTNAME_LABEL).map(String::as_str)
    }
}

/// Makes a type of the core group a [`kube_core::Resource`].
macro_rules! core_resource {
    ($type:ty, $kind:literal, $plural:literal, $scope:ty) => {
        impl kube_core::Resource for $type {
            type DynamicType = ();
            type Scope = $scope;

            fn kind((): &()) -> std::borrow::Cow<'_, str> {
                $crate::api_type::borrowed($kind)
            }

            fn group((): &()) -> std::borrow::Cow<'_, str> {
                $crate::api_type::borrowed("")
            }

            fn version((): &()) -> std::borrow::Cow<'_, str> {
                $crate::api_type::borrowed("v1")
            }

            fn plural((): &()) -> std::borrow::Cow<'_, str> {
                $crate::api_type::borrowed($plural)
            }

            fn meta(&self) -> &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &mut self.metadata
            }
        }
    };
}
pub(crate) use core_resource;

core_resource!(Node, "Node", "nodes", kube_core::ClusterResourceScope);
