//! `DanmNet`, `TenantNetwork` and `ClusterNetwork`: three kinds, one shape.
//!
//! The reference writes the members of both pools always, as `""` where it has none; a reader must take `""`
//! as absent, a writer may leave it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Metadata, Rest, api_type::resource, schema};

/// A network of any kind. `kind` says which.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Network {
    /// Group and version; empty in the items of a list.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// `DanmNet`, `TenantNetwork` or `ClusterNetwork`; empty in the items of a list.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Name, namespace, uid and so on.
    #[serde(default)]
    pub metadata: Metadata,
    /// What the network is and which of its addresses are taken.
    pub spec: NetworkSpec,
    /// `status`, and whatever else is beside the spec.
    #[serde(flatten)]
    pub rest: Rest,
}

/// `spec` of a network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkSpec {
    /// Base name of the CNI configuration of a static delegate, prefix of a VLAN interface, suffix of a VxLAN
    /// interface.
    #[serde(rename = "NetworkID")]
    pub network_id: String,
    /// `ipvlan` (also meant by the empty text), `sriov` and `macvlan` are set up by DANM itself; any other
    /// text is the name of a CNI plugin.
    #[serde(rename = "NetworkType", default, skip_serializing_if = "Option::is_none")]
    pub network_type: Option<String>,
    /// Namespaces that may use a `ClusterNetwork`; empty means all.
    #[serde(rename = "AllowedTenants", default, skip_serializing_if = "Option::is_none")]
    pub allowed_tenants: Option<Vec<String>>,
    /// Everything about links and addresses.
    #[serde(rename = "Options", default, skip_serializing_if = "Option::is_none")]
    pub options: Option<NetworkOptions>,
    /// Fields this type does not know.
    #[serde(flatten)]
    pub rest: Rest,
}

/// `spec.Options` of a network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NetworkOptions {
    /// Parent interface on the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_device: Option<String>,
    /// Resource name of the device plugin; excludes `host_device`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_pool: Option<String>,
    /// VxLAN network identifier; excludes `vlan`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 16_777_214))]
    pub vxlan: Option<i64>,
    /// VLAN identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4094))]
    pub vlan: Option<i64>,
    /// Name, or prefix of the name, of the interface inside the Pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_prefix: Option<String>,
    /// IPv4 subnet; absent or empty means the network has no IPv4 addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ipv4_cidr")]
    pub cidr: Option<String>,
    /// Destination to gateway, IPv4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routes: Option<BTreeMap<String, String>>,
    /// Bit array of the IPv4 addresses of `cidr`, standard base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alloc: Option<String>,
    /// Range of dynamically given IPv4 addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocation_pool: Option<AllocationPool>,
    /// IPv6 subnet; absent or empty means the network has no IPv6 addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ipv6_cidr")]
    pub net6: Option<String>,
    /// Destination to gateway, IPv6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routes6: Option<BTreeMap<String, String>>,
    /// Bit array of the IPv6 addresses of `allocation_pool_v6.cidr` (never of `net6`), standard base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alloc6: Option<String>,
    /// Range of dynamically given IPv6 addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "allocation_pool_v6")]
    pub allocation_pool_v6: Option<AllocationPoolV6>,
    /// Routing table for policy routes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 255))]
    pub rt_tables: Option<i64>,
    /// MTU of the interfaces, 1280 to 9000 bytes; DANM 4.4.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1280, max = 9000))]
    pub mtu: Option<i64>,
    /// Fields this type does not know.
    #[serde(flatten)]
    pub rest: Rest,
}

/// `spec.Options.allocation_pool`; each member may be `""`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AllocationPool {
    /// First address given dynamically.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ipv4")]
    pub start: Option<String>,
    /// Last address given dynamically.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ipv4")]
    pub end: Option<String>,
    /// The address given last, with its prefix length.
    #[serde(rename = "lastIp", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ipv4_with_optional_prefix")]
    pub last_ip: Option<String>,
    /// Fields this type does not know.
    #[serde(flatten)]
    pub rest: Rest,
}

/// `spec.Options.allocation_pool_v6`; each member may be `""`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AllocationPoolV6 {
    /// First address given dynamically.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ipv6")]
    pub start: Option<String>,
    /// Last address given dynamically.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ipv6")]
    pub end: Option<String>,
    /// The address given last, with its prefix length.
    #[serde(rename = "lastIp", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ipv6_with_optional_prefix")]
    pub last_ip: Option<String>,
    /// The part of `net6` that the bit array covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ipv6_cidr")]
    pub cidr: Option<String>,
    /// Fields this type does not know.
    #[serde(flatten)]
    pub rest: Rest,
}

resource!(Network, metadata.known);
