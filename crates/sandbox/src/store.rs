//! All objects, one counter of revisions, and what is served. A store is held for as long as a write takes, so
//! that writes happen one after the other. What a write has to obey is the verbs' business.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    catalog::{Catalog, Resource, ResourceId},
    collection::Collection,
    object::{Fields, Key, Object},
};

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) catalog: Catalog,
    collections: HashMap<ResourceId, Collection>,
    revision: u64,
    /// The revision up to which every log is complete: what a bookmark may tell.
    published: Arc<AtomicU64>,
    /// Events that each collection remembers.
    history: usize,
}

impl Store {
    pub(crate) fn new(history: usize) -> Self {
        let catalog = Catalog::new();
        let mut store = Self {
            catalog,
            collections: HashMap::new(),
            revision: 1,
            published: Arc::new(AtomicU64::new(1)),
            history,
        };
        let ids: Vec<ResourceId> = store.catalog.all().map(|resource| resource.id()).collect();
        ids.into_iter().for_each(|id| store.open(id));
        store
    }

    /// Makes room for objects of a kind.
    pub(crate) fn open(&mut self, id: ResourceId) {
        let (history, revision) = (self.history, self.revision);
        self.collections.entry(id).or_insert_with(|| Collection::new(history, revision));
    }

    /// Ends the service of a kind. Whoever watches it is told.
    pub(crate) fn close(&mut self, id: &ResourceId) {
        self.catalog.withdraw(id);
        if let Some(collection) = self.collections.remove(id) {
            collection.log.withdraw();
        }
    }

    /// The revision of the last write.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn collection(&mut self, resource: &Resource) -> &mut Collection {
        let id = resource.id();
        let (history, revision) = (self.history, self.revision);
        self.collections.entry(id).or_insert_with(|| Collection::new(history, revision))
    }

    pub(crate) fn get(&self, resource: &Resource, key: &Key) -> Option<Arc<Object>> {
        self.collections.get(&resource.id())?.get(key).cloned()
    }

    /// Stores an object under the next revision.
    pub(crate) fn put(&mut self, resource: &Resource, fields: Fields) -> Arc<Object> {
        self.revision += 1;
        let object = Arc::new(Object::new(resource, fields, self.revision));
        self.collection(resource).put(object.clone());
        self.published.store(self.revision, Ordering::Release);
        object
    }

    /// Removes an object. What is returned is its last state, under the revision of the removal.
    pub(crate) fn remove(&mut self, resource: &Resource, last: Fields) -> Arc<Object> {
        self.revision += 1;
        let object = Arc::new(Object::new(resource, last, self.revision));
        self.collection(resource).remove(object.clone());
        self.published.store(self.revision, Ordering::Release);
        object
    }

    /// The revision of the last write, as it grows.
    pub(crate) fn published(&self) -> Arc<AtomicU64> {
        self.published.clone()
    }

    /// Forgets the past of every collection.
    pub(crate) fn forget(&mut self) {
        let revision = self.revision;
        self.collections.values_mut().for_each(|collection| collection.forget(revision));
    }
}
