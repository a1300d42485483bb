//! The life of a namespace: nothing is created in one that is missing or ending, and one that ends takes along
//! what is in it.

use std::sync::Arc;

use serde_json::json;

use crate::{
    catalog::{Resource, ResourceId},
    failure::{Cause, Failure},
    object::Key,
    store::Store,
};

/// Those that are always there.
pub(crate) const GIVEN: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// Those that nobody may delete.
const KEPT: [&str; 3] = ["default", "kube-system", "kube-public"];

fn namespaces(store: &Store) -> Option<Arc<Resource>> {
    store.catalog.of_id(&ResourceId::new("namespaces"))
}

/// Whether something may be created in a namespace.
pub(crate) fn admit(store: &Store, resource: &Resource, namespace: &str, name: &str) -> Result<(), Failure> {
    let Some(namespaces) = namespaces(store) else { return Ok(()) };
    let Some(object) = store.get(&namespaces, &Key::new(None, namespace)) else {
        return Err(Failure::not_found(&namespaces, namespace));
    };
    if !object.is_terminating {
        return Ok(());
    }
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let mut failure = Failure::forbidden(resource, name, &why);
    let message = format!("namespace {namespace} is being terminated");
    failure.add_causes(&[Cause {
        field: "metadata.namespace".to_owned(),
        reason: "NamespaceTerminating",
        message,
    }]);
    Err(failure)
}

/// Whether a namespace may be deleted at all.
pub(crate) fn admit_deletion(resource: &Resource, name: &str) -> Result<(), Failure> {
    if resource.is("namespaces") && KEPT.contains(&name) {
        return Err(Failure::forbidden(resource, name, "this namespace may not be deleted"));
    }
    Ok(())
}

/// Makes a namespace, where it is missing.
pub(crate) fn make(store: &mut Store, name: &str) {
    let Some(namespaces) = namespaces(store) else { return };
    if store.get(&namespaces, &Key::new(None, name)).is_some() {
        return;
    }
    let mut fields = crate::object::Fields::new();
    fields.insert("metadata".to_owned(), json!({"name": name}));
    super::prepare::prepare_new(&namespaces, &mut fields);
    store.put(&namespaces, fields);
}

/// Whether nothing is left in a namespace.
pub(crate) fn is_empty(store: &mut Store, namespace: &str) -> bool {
    let resources: Vec<Arc<Resource>> = store.catalog.all().cloned().collect();
    resources
        .iter()
        .filter(|resource| resource.is_namespaced())
        .all(|resource| store.collection(resource).is_empty_in(namespace))
}
