//! `DanmEp`: one interface of one Pod. Written by DANM's CNI plugin, by nobody else honestly; a tenant who may
//! write it can put anything into any field.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Metadata, Rest, api_type::resource};

/// An endpoint: the interface that connects a Pod to a network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DanmEp {
    /// Group and version; empty in the items of a list.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// `DanmEp`; empty in the items of a list.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Name (a random UUID), namespace (the Pod's), uid and so on.
    #[serde(default)]
    pub metadata: Metadata,
    /// Which Pod, which network, which addresses.
    pub spec: DanmEpSpec,
    /// Whatever is beside the spec.
    #[serde(flatten)]
    pub rest: Rest,
}

/// `spec` of an endpoint. The reference's CRD has no schema and older objects lack fields: all have defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DanmEpSpec {
    /// `metadata.name` of the network.
    #[serde(rename = "NetworkName")]
    pub network_name: String,
    /// Copy of the network's `NetworkType` at creation.
    #[serde(rename = "NetworkType", default, skip_serializing_if = "Option::is_none")]
    pub network_type: Option<String>,
    /// The same as `metadata.name`.
    #[serde(rename = "EndpointID", default, skip_serializing_if = "Option::is_none")]
    pub endpoint_id: Option<String>,
    /// The interface and its addresses.
    #[serde(rename = "Interface", default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<Interface>,
    /// Host name of the machine (not the Node's name).
    #[serde(rename = "Host", default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Name of the Pod, in the endpoint's namespace.
    #[serde(rename = "Pod", default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// `metadata.uid` of the Pod; empty in old objects.
    #[serde(rename = "PodUID", default, skip_serializing_if = "Option::is_none")]
    pub pod_uid: Option<String>,
    /// Id of the Pod's sandbox container.
    #[serde(rename = "CID", default, skip_serializing_if = "Option::is_none")]
    pub cid: Option<String>,
    /// Path of the Pod's network namespace on its host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<String>,
    /// Kind of the network; empty means `DanmNet`.
    #[serde(rename = "apiType", default, skip_serializing_if = "Option::is_none")]
    pub api_type: Option<String>,
    /// Fields this type does not know.
    #[serde(flatten)]
    pub rest: Rest,
}

/// `spec.Interface` of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Interface {
    /// Name of the interface in the Pod.
    #[serde(rename = "Name", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `""`, `none`, an IPv4 address with its prefix length, or literally `dynamic`.
    #[serde(rename = "Address", skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The same for IPv6. The text is not canonical.
    #[serde(rename = "AddressIPv6", skip_serializing_if = "Option::is_none")]
    pub address_ipv6: Option<String>,
    /// MAC address of a virtual function.
    #[serde(rename = "MacAddress", skip_serializing_if = "Option::is_none")]
    pub mac_address: Option<String>,
    /// Policy routes, IPv4; the reference writes `null` for none.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub proutes: Option<Option<BTreeMap<String, String>>>,
    /// Policy routes, IPv6; the reference writes `null` for none.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub proutes6: Option<Option<BTreeMap<String, String>>>,
    /// PCI address of a device.
    #[serde(rename = "DeviceID", skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// Fields this type does not know, such as `Mtu`.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Tells a member that is `null` from one that is absent, so that both are written back as they were.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(member: D) -> Result<Option<T>, D::Error> {
    T::deserialize(member).map(Some)
}

resource!(DanmEp, metadata.known);
