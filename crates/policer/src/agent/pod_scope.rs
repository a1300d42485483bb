//! Which Pods are watched together, and how much of them: a node cannot do without its own, and a server cannot send all Pods
//! in full to a thousand nodes. Which scopes are needed is decided in `depth.rs`.

use std::{fmt, sync::Arc};

use kube::runtime::watcher::Config;
use operator_runtime::Selection;

/// Some of the Pods.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum PodScope {
    /// Those of this node, in full and in whatever state: they are targets.
    Local,
    /// The metadata of those of other nodes that may be peers.
    Others,
    /// The same Pods of one namespace, in full.
    Namespace(Arc<str>),
    /// The same Pods of all namespaces, in full.
    Everywhere,
}

/// What servers before 1.28 do not know. Without it they tell of Pods that share their node's network, too: such a Pod has no
/// address by its metadata, and DANM makes it no endpoint.
const OWN_NETWORK: &str = "spec.hostNetwork=false";

// === impl PodScope ===

impl PodScope {
    /// Its Pods, as an agent of this node asks for them.
    pub(super) fn selection(&self, node: &str) -> Selection {
        let fields = |fields: &str| Config::default().fields(fields);
        if *self == Self::Local {
            return fields(&format!("spec.nodeName={node}")).into();
        }
        // Whoever has ended is no peer, nor whom no node has taken yet. One that comes to be selected no longer is told of as
        // deleted.
        let others =
            format!("spec.nodeName!=,spec.nodeName!={node},status.phase!=Succeeded,status.phase!=Failed");
        Selection { of: fields(&format!("{others},{OWN_NETWORK}")), otherwise: Some(fields(&others)) }
    }

    /// How much is known of a Pod by it.
    pub(super) const fn depth(&self) -> u8 {
        match self {
            Self::Others => 0,
            Self::Namespace(_) | Self::Everywhere => 1,
            Self::Local => 2,
        }
    }

    /// Whether it is watched only while something needs it.
    pub(super) const fn is_on_demand(&self) -> bool {
        matches!(self, Self::Namespace(_) | Self::Everywhere)
    }
}

/// As metrics and reports name it.
impl fmt::Display for PodScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("pods of this node"),
            Self::Others => f.write_str("metadata of other pods"),
            Self::Namespace(namespace) => write!(f, "other pods of namespace {namespace}"),
            Self::Everywhere => f.write_str("other pods"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_nodes_pods_are_asked_for_without_those_that_are_no_peers() {
        let local = PodScope::Local.selection("n");
        assert_eq!(local.of.field_selector.as_deref(), Some("spec.nodeName=n"));
        assert!(local.otherwise.is_none());
        for scope in [PodScope::Others, PodScope::Namespace("x".into()), PodScope::Everywhere] {
            let Selection { of, otherwise } = scope.selection("n");
            let narrower = otherwise.and_then(|it| it.field_selector).expect("older servers are asked");
            assert_eq!(
                narrower,
                "spec.nodeName!=,spec.nodeName!=n,status.phase!=Succeeded,status.phase!=Failed"
            );
            assert_eq!(of.field_selector, Some(format!("{narrower},spec.hostNetwork=false")), "{scope}");
        }
    }
}
