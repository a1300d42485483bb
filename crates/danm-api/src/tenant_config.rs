//! `TenantConfig`: the interfaces and VNIs from which tenants' networks are made. It has no `spec`: its fields
//! stand at the top. Read and written back by us, not judged.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Metadata, Rest, api_type::resource};

/// What tenants may ask for. DANM uses the first of the cluster only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantConfig {
    /// Group and version; empty in the items of a list.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// `TenantConfig`; empty in the items of a list.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Name, uid and so on.
    #[serde(default)]
    pub metadata: Metadata,
    /// The interfaces tenants' networks may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_devices: Option<Vec<HostDevice>>,
    /// The `NetworkID` that networks of a type are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_ids: Option<BTreeMap<String, String>>,
    /// Fields this type does not know, such as `allowedClusterNetworks`.
    #[serde(flatten)]
    pub rest: Rest,
}

/// An interface of the hosts, and the VNIs that may be used on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostDevice {
    /// Name of the interface, or (with a slash) the resource name of a device pool.
    pub name: String,
    /// `vlan` or `vxlan`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vni_type: Option<String>,
    /// Such as `900-4999,5000`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vni_range: Option<String>,
    /// Bit N says that VNI N is taken; standard base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alloc: Option<String>,
    /// Fields this type does not know.
    #[serde(flatten)]
    pub rest: Rest,
}

resource!(TenantConfig, metadata.known);
