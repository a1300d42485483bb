//! The API objects of DANM as Rust types, in both of the groups they are served under.
//!
//! ```text
//!   JSON of the API server ──> Decoded<T> ──> Network · DanmEp · TenantConfig · ReservedIp
//!                                   │
//!                                   └──────> Unreadable (named, parked, in nobody's way)
//!   the same types ──> crd::manifests ──> deploy/crds/*.yaml
//! ```
//!
//! Responsible for the names and shapes of fields, and for losing none of them: what a type does not know it
//! keeps and writes back. Not responsible for what a field means: which bit an address is belongs to
//! `danm-ipam`, whether its holder lives to `leak-judge`; of a policy only what it says is known here, not which packets
//! it lets through. Nothing here talks to an API server.
//!
//! Group and version are chosen at run time, so every type is a [`kube_core::Resource`] whose dynamic type
//! names the group. The shapes are those of DANM 4.3 (`danm.k8s.io`) and 4.4 (`danm.io`).

mod api_group;
mod api_type;
mod change;
pub mod crd;
mod danm_ep;
mod decoded;
mod endpoint_view;
mod label_selector;
mod metadata;
mod namespace;
mod network;
mod network_kind;
mod network_policy;
mod network_ref;
mod node;
mod pod;
mod reserved_ip;
mod schema;
mod service;
mod tenant_config;

pub use api_group::{ApiGroup, VERSION};
pub use api_type::{ApiType, DanmKind};
pub use change::Change;
pub use danm_ep::{DanmEp, DanmEpSpec, Interface};
pub use decoded::{Decoded, Unreadable};
pub use endpoint_view::{CALICO_TYPE, EndpointView, EndpointViewSpec, InterfaceView};
pub use label_selector::{LabelSelector, OneOfEach, Requirement, SelectorProblem};
pub use metadata::Metadata;
pub use namespace::Namespace;
pub use network::{AllocationPool, AllocationPoolV6, Network, NetworkOptions, NetworkSpec};
pub use network_kind::{NetworkKind, UnknownNetworkKind};
pub use network_policy::{
    DanmNetworkPolicy, Enforcement, FieldProblem, IpBlock, NetworkName, PodPeer, PolicyPeer, PolicyPort,
    PolicyRule, PolicySpec, PolicySubject, PortNumbers, Protocol,
};
pub use network_ref::NetworkRef;
pub use node::Node;
pub use pod::{Container, ContainerPort, Pod};
pub use reserved_ip::{ReservedAddress, ReservedIp, ReservedIpSpec, ReservedNetwork};
pub use service::{EndpointSlice, Service, ServicePort};
pub use tenant_config::{HostDevice, TenantConfig};

/// Fields of an object that its type does not name, kept as they were read.
pub type Rest = serde_json::Map<String, serde_json::Value>;
