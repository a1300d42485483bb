//! How much of a kind is read. A user may see one namespace only, or want one object only.

use kube::{
    Api, Client, Resource,
    core::{DynamicResourceScope, NamespaceResourceScope},
    runtime::watcher::Config,
};
use serde::de::DeserializeOwned;

/// Part of the objects of a kind; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Those of one namespace. Means nothing to kinds that have none.
    pub namespace: Option<String>,
    /// Those of one name.
    pub name: Option<String>,
    /// Those whose labels a selector selects.
    pub labels: Option<String>,
}

// === impl Scope ===

impl Scope {
    /// Those of one namespace.
    pub fn of_namespace(namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..Self::default() }
    }

    pub(crate) fn selection(&self) -> Config {
        let mut selection = Config::default();
        if let Some(name) = &self.name {
            selection = selection.fields(&format!("metadata.name={name}"));
        }
        if let Some(labels) = &self.labels {
            selection = selection.labels(labels);
        }
        selection
    }

    pub(crate) fn api<K>(&self, client: Client) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + DeserializeOwned,
    {
        match &self.namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::all(client),
        }
    }

    pub(crate) fn dynamic_api<K>(&self, client: Client, kind: &K::DynamicType) -> Api<K>
    where
        K: Resource<Scope = DynamicResourceScope> + DeserializeOwned,
    {
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, kind),
            None => Api::all_with(client, kind),
        }
    }
}
