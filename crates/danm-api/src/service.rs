//! The few fields of a Service and of its `EndpointSlice`s that our programs decide by: under which address it is reached,
//! and who answers.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

use crate::pod::list_or_null;

/// A Service, read only.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Service {
    /// Its metadata, whole.
    pub metadata: Box<ObjectMeta>,
    /// Where it is reached.
    #[serde(default)]
    pub spec: ServiceSpec,
}

/// The part of a Service's `spec` that we read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// Its first address: empty, or `None` if it has none.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: Option<Box<str>>,
    /// All of them.
    #[serde(rename = "clusterIPs", deserialize_with = "list_or_null")]
    pub cluster_ips: Vec<Box<str>>,
    /// Its ports.
    #[serde(deserialize_with = "list_or_null")]
    pub ports: Vec<ServicePort>,
}

/// One item of a Service's `ports`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ServicePort {
    /// What it is called; nothing if it is the only one.
    pub name: Option<Box<str>>,
    /// `TCP`, `UDP` or `SCTP`; `TCP` where it is absent.
    pub protocol: Option<Box<str>>,
    /// Its number at the Service's addresses.
    pub port: i64,
}

/// Some of those who answer for a Service, read only.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct EndpointSlice {
    /// Its metadata, whole: a label names the Service.
    pub metadata: Box<ObjectMeta>,
    /// Who answers.
    #[serde(default, deserialize_with = "list_or_null")]
    pub endpoints: Vec<SliceEndpoint>,
    /// On which of their ports.
    #[serde(default, deserialize_with = "list_or_null")]
    pub ports: Vec<ServicePort>,
}

/// One item of a slice's `endpoints`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SliceEndpoint {
    /// Its addresses; all reach the same.
    #[serde(deserialize_with = "list_or_null")]
    pub addresses: Vec<Box<str>>,
    /// How it fares.
    pub conditions: SliceConditions,
}

/// A slice endpoint's `conditions`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SliceConditions {
    /// Whether it answers; it does where that is not known.
    pub ready: Option<bool>,
}

/// The label of a slice that names its Service.
const SERVICE_LABEL: &str = "kubernetes.io/service-name";

impl EndpointSlice {
    /// The name of its Service, in its own namespace.
    pub fn service(&self) -> Option<&str> {
        self.metadata.labels.as_ref()?.get(SERVICE_LABEL).map(String::as_str)
    }
}

crate::node::core_resource!(Service, "Service", "services", kube_core::NamespaceResourceScope);

impl kube_core::Resource for EndpointSlice {
    type DynamicType = ();
    type Scope = kube_core::NamespaceResourceScope;

    fn kind((): &()) -> std::borrow::Cow<'_, str> {
        "EndpointSlice".into()
    }

    fn group((): &()) -> std::borrow::Cow<'_, str> {
        "discovery.k8s.io".into()
    }

    fn version((): &()) -> std::borrow::Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> std::borrow::Cow<'_, str> {
        "endpointslices".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
