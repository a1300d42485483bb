//! `ReservedIP` of DANM 4.4: addresses of a network that are kept for one namespace. We read it, and never
//! write it: its status belongs to DANM.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Metadata, NetworkKind, Rest, api_type::resource};

/// A reservation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReservedIp {
    /// Group and version; empty in the items of a list.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// `ReservedIP`; empty in the items of a list.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Name, namespace, uid and so on.
    #[serde(default)]
    pub metadata: Metadata,
    /// Which addresses, of which network.
    pub spec: ReservedIpSpec,
    /// `status`, and whatever else is beside the spec.
    #[serde(flatten)]
    pub rest: Rest,
}

/// `spec` of a reservation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReservedIpSpec {
    /// The network the addresses belong to.
    pub network: ReservedNetwork,
    /// The addresses: at most one of each family.
    #[schemars(length(min = 1, max = 2))]
    pub ips: Vec<ReservedAddress>,
    /// Fields this type does not know, such as `description`.
    #[serde(flatten)]
    pub rest: Rest,
}

/// `spec.network` of a reservation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReservedNetwork {
    /// Its name.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Its kind; DANM allows `TenantNetwork`, the default, and `ClusterNetwork`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::reserved_network_kind")]
    pub kind: Option<NetworkKind>,
    /// Fields this type does not know.
    #[serde(flatten)]
    pub rest: Rest,
}

/// One item of `spec.ips`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReservedAddress {
    /// The address, without a prefix length.
    pub address: String,
    /// Whether several endpoints may hold it at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shareable: Option<bool>,
    /// Fields this type does not know.
    #[serde(flatten)]
    pub rest: Rest,
}

resource!(ReservedIp, metadata.known);
