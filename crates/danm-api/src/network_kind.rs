//! The three kinds of network. Knows their names and scopes; their fields are in `network.rs`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A kind of network. All three share one `spec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NetworkKind {
    /// A namespaced network of the lightweight installation.
    DanmNet,
    /// A namespaced network of the production installation.
    TenantNetwork,
    /// A cluster-wide network of the production installation.
    ClusterNetwork,
}

/// A text that names no kind of network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownNetworkKind(pub String);

impl NetworkKind {
    /// All three kinds.
    pub const ALL: [Self; 3] = [Self::DanmNet, Self::TenantNetwork, Self::ClusterNetwork];

    /// The `kind` of its objects.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DanmNet => "DanmNet",
            Self::TenantNetwork => "TenantNetwork",
            Self::ClusterNetwork => "ClusterNetwork",
        }
    }

    /// Whether its objects live in a namespace.
    pub const fn is_namespaced(self) -> bool {
        !matches!(self, Self::ClusterNetwork)
    }
}

impl fmt::Display for NetworkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for NetworkKind {
    type Err = UnknownNetworkKind;

    /// Reads `spec.apiType` of an endpoint, where the empty text means `DanmNet`.
    fn from_str(api_type: &str) -> Result<Self, Self::Err> {
        match api_type {
            "" => Ok(Self::DanmNet),
            name => Self::ALL
                .into_iter()
                .find(|kind| kind.name() == name)
                .ok_or_else(|| UnknownNetworkKind(name.to_owned())),
        }
    }
}

impl fmt::Display for UnknownNetworkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no kind of network: DanmNet, TenantNetwork or ClusterNetwork", self.0)
    }
}

impl std::error::Error for UnknownNetworkKind {}
