//! Calico's datastore, whichever of the two it is.

use std::fmt;

use crate::{EtcdDatastore, Inventory, KubernetesDatastore, StoreError, inventory};

/// Calico's datastore.
#[derive(Clone)]
pub enum CalicoDatastore {
    /// In the Kubernetes API.
    Kubernetes(KubernetesDatastore),
    /// In an etcd.
    Etcd(EtcdDatastore),
}

// === impl CalicoDatastore ===

impl CalicoDatastore {
    /// Everything that an audit needs. It is read piece by piece: what changes meanwhile may look contradictory.
    ///
    /// # Errors
    /// If a kind of objects cannot be read. An object that cannot be understood is one of the problems in it.
    pub async fn inventory(&self) -> Result<Inventory, StoreError> {
        match self {
            Self::Kubernetes(store) => inventory::read(store).await,
            Self::Etcd(store) => inventory::read(store).await,
        }
    }
}

impl fmt::Display for CalicoDatastore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kubernetes(store) => write!(f, "the Kubernetes API ({})", store.flavour()),
            Self::Etcd(store) => write!(f, "etcd at {}", store.endpoints()),
        }
    }
}
