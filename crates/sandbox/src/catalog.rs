//! What is served: each resource by its path, from the built-in table and from definitions that come and go.
//! Which objects there are is `store.rs`'s business.

mod builtin;
pub(crate) mod calico;
mod definition;
mod resource;

use std::{collections::BTreeMap, sync::Arc};

pub(crate) use self::{
    builtin::builtin,
    definition::{Definition, complete_definition, conditions},
    resource::{Resource, ResourceId, Scope},
};

/// All resources that are served now, in the order of their groups and versions.
#[derive(Debug)]
pub(crate) struct Catalog {
    resources: BTreeMap<(String, String, String), Arc<Resource>>,
}

impl Catalog {
    pub(crate) fn new() -> Self {
        let mut catalog = Self { resources: BTreeMap::new() };
        builtin().into_iter().for_each(|resource| catalog.serve(resource));
        catalog
    }

    pub(crate) fn serve(&mut self, resource: Resource) {
        let path = (resource.group.clone(), resource.version.clone(), resource.plural.clone());
        self.resources.insert(path, Arc::new(resource));
    }

    /// Ends the service of a kind in all its versions.
    pub(crate) fn withdraw(&mut self, id: &ResourceId) {
        self.resources.retain(|_, resource| resource.id() != *id);
    }

    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        self.resources.get(&(group.to_owned(), version.to_owned(), plural.to_owned())).cloned()
    }

    /// The resource of a kind, as an object names it.
    pub(crate) fn of_kind(&self, api_version: &str, kind: &str) -> Option<Arc<Resource>> {
        self.all().find(|resource| resource.api_version() == api_version && resource.kind == kind).cloned()
    }

    /// Any version of a resource.
    pub(crate) fn of_id(&self, id: &ResourceId) -> Option<Arc<Resource>> {
        self.all().find(|resource| resource.id() == *id).cloned()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.resources.values()
    }
}
