//! The kinds as the API server knows them: kind, plural, scope, short names. Their fields are in a file each.

use std::borrow::Cow;

use crate::{ApiGroup, NetworkKind};

/// A kind of DANM's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DanmKind {
    /// One of the three kinds of network.
    Network(NetworkKind),
    /// An interface of a Pod.
    DanmEp,
    /// What tenants may ask for.
    TenantConfig,
    /// Addresses kept for a namespace; in `danm.io` only.
    ReservedIp,
    /// Who may talk to Pods, on which of their interfaces.
    NetworkPolicy,
}

/// A kind in one of the groups: the dynamic type of all resources of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiType {
    /// The group.
    pub group: ApiGroup,
    /// The kind.
    pub kind: DanmKind,
}

impl DanmKind {
    /// Every kind, in the order in which manifests list them.
    pub const ALL: [Self; 7] = [
        Self::Network(NetworkKind::DanmNet),
        Self::Network(NetworkKind::TenantNetwork),
        Self::Network(NetworkKind::ClusterNetwork),
        Self::TenantConfig,
        Self::DanmEp,
        Self::ReservedIp,
        Self::NetworkPolicy,
    ];

    /// The `kind` of its objects.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Network(kind) => kind.name(),
            Self::DanmEp => "DanmEp",
            Self::TenantConfig => "TenantConfig",
            Self::ReservedIp => "ReservedIP",
            Self::NetworkPolicy => "DanmNetworkPolicy",
        }
    }

    /// The resource name in URLs and in RBAC rules.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Network(NetworkKind::DanmNet) => "danmnets",
            Self::Network(NetworkKind::TenantNetwork) => "tenantnetworks",
            Self::Network(NetworkKind::ClusterNetwork) => "clusternetworks",
            Self::DanmEp => "danmeps",
            Self::TenantConfig => "tenantconfigs",
            Self::ReservedIp => "reservedips",
            Self::NetworkPolicy => "danmnetworkpolicies",
        }
    }

    /// The short names: those people know from the reference, where it has some.
    pub const fn short_names(self) -> &'static [&'static str] {
        match self {
            Self::Network(NetworkKind::DanmNet) => &["dn", "dnet"],
            Self::Network(NetworkKind::TenantNetwork) => &["tn", "tnet"],
            Self::Network(NetworkKind::ClusterNetwork) => &["cn", "cnet"],
            Self::DanmEp => &["de", "dep"],
            Self::TenantConfig => &["tc", "tconf"],
            Self::ReservedIp => &["rip"],
            Self::NetworkPolicy => &["dnetpol"],
        }
    }

    /// Whether its objects live in a namespace.
    pub const fn is_namespaced(self) -> bool {
        match self {
            Self::Network(kind) => kind.is_namespaced(),
            Self::DanmEp | Self::ReservedIp | Self::NetworkPolicy => true,
            Self::TenantConfig => false,
        }
    }

    /// The groups that have it.
    pub const fn groups(self) -> &'static [ApiGroup] {
        match self {
            Self::ReservedIp => &[ApiGroup::DanmIo],
            _ => &ApiGroup::ALL,
        }
    }
}

impl ApiType {
    /// The group and version as objects spell them, such as `danm.io/v1`.
    pub fn api_version(self) -> String {
        format!("{}/{}", self.group, crate::VERSION)
    }
}

/// Makes a type a [`kube_core::Resource`] whose group and kind are chosen at run time, and whose metadata is in the member
/// that is named.
macro_rules! resource {
    ($type:ty, $($metadata:ident).+) => {
        impl kube_core::Resource for $type {
            type DynamicType = $crate::ApiType;
            type Scope = kube_core::DynamicResourceScope;

            fn kind(api: &$crate::ApiType) -> std::borrow::Cow<'_, str> {
                $crate::api_type::borrowed(api.kind.name())
            }

            fn group(api: &$crate::ApiType) -> std::borrow::Cow<'_, str> {
                $crate::api_type::borrowed(api.group.name())
            }

            fn version(_: &$crate::ApiType) -> std::borrow::Cow<'_, str> {
                $crate::api_type::borrowed($crate::VERSION)
            }

            fn plural(api: &$crate::ApiType) -> std::borrow::Cow<'_, str> {
                $crate::api_type::borrowed(api.kind.plural())
            }

            fn meta(&self) -> &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &self.$($metadata).+
            }

            fn meta_mut(&mut self) -> &mut k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &mut self.$($metadata).+
            }
        }
    };
}
pub(crate) use resource;

/// A name that lives as long as the program, in the shape `Resource` asks for.
pub const fn borrowed(name: &'static str) -> Cow<'static, str> {
    Cow::Borrowed(name)
}
