//! The few fields of a Node that our programs decide by.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

/// A Node, read only.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Node {
    /// Its metadata, whole.
    pub metadata: Box<ObjectMeta>,
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
    /// Where it is reached.
    pub addresses: Vec<NodeAddress>,
    /// What the machine says of itself.
    #[serde(rename = "nodeInfo")]
    pub node_info: NodeInfo,
}

/// One item of a Node's `status.addresses`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeAddress {
    /// An address, or a name.
    pub address: String,
}

/// The part of a Node's `status.nodeInfo` that we read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeInfo {
    /// Changes whenever the machine is started.
    #[serde(rename = "bootID")]
    pub boot_id: String,
}

/// One item of a Node's `status.conditions`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeCondition {
    /// Such as `Ready`.
    pub r#type: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// When the kubelet last reported it, by its own clock.
    pub last_heartbeat_time: Option<String>,
    /// When its status became what it is.
    pub last_transition_time: Option<String>,
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
        self.readiness().is_some_and(|ready| ready.status == "True")
    }

    /// Whether its kubelet answers, be it that the machine is unfit. One that has ceased to is called `Unknown` by
    /// the control plane.
    pub fn answers(&self) -> bool {
        self.readiness().is_some_and(|ready| ready.status != "Unknown")
    }

    /// Its `Ready` condition.
    pub fn readiness(&self) -> Option<&NodeCondition> {
        self.status.conditions.iter().find(|condition| condition.r#type == "Ready")
    }

    /// What tells one start of the machine from another, if its kubelet has reported it.
    pub fn boot_id(&self) -> Option<&str> {
        Some(&*self.status.node_info.boot_id).filter(|id| !id.is_empty())
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
