//! What identifies a network. Not its contents, and not its group: a network that was copied from one group
//! to the other is the same network to the Pods on it.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::NetworkKind;

/// The identity of a network: kind, namespace (unless cluster-wide) and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NetworkRef {
    /// Its kind.
    pub kind: NetworkKind,
    /// Its namespace; empty for a `ClusterNetwork`.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl NetworkRef {
    /// The network of this kind and name as seen from a namespace, which a `ClusterNetwork` does not have.
    pub fn new(kind: NetworkKind, namespace: &Arc<str>, name: &Arc<str>) -> Self {
        let namespace = if kind.is_namespaced() { Arc::clone(namespace) } else { Arc::from("") };
        Self { kind, namespace, name: Arc::clone(name) }
    }
}

impl fmt::Display for NetworkRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.namespace {
            "" => write!(f, "{} {}", self.kind, self.name),
            namespace => write!(f, "{} {namespace}/{}", self.kind, self.name),
        }
    }
}
