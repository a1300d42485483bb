//! DELETE: an object goes, or is marked to go once its finalizers or its node let it. What lives in it goes
//! first.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Answer, Context, List, delete_options::DeleteOptions, namespace, prepare};
use crate::{
    catalog::{Resource, ResourceId},
    failure::{Failure, details},
    object::{Fields, Key, Object},
    store::Store,
    timestamp,
};

/// What became of an object.
struct Deleted {
    object: Arc<Object>,
    is_gone: bool,
}

pub(super) fn delete(context: &mut Context<'_>) -> Result<Answer, Failure> {
    if context.is_about_status() {
        return Err(Failure::not_allowed());
    }
    let options = DeleteOptions::read(context.call)?;
    let object = context.present()?;
    let resource = context.resource.clone();
    namespace::admit_deletion(&resource, object.key.name())?;
    options.check(&resource, &object)?;
    let deleted = delete_one(context.store, &resource, &object, &options);
    let shows_object = !deleted.is_gone || resource.is("pods") || resource.is("services");
    if shows_object {
        return Ok(context.one(200, deleted.object));
    }
    let mut details = details(&resource, &resource.plural, object.key.name());
    details["uid"] = json!(object.uid);
    let status = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details,
    });
    Ok(Answer::Value { code: 200, value: status })
}

pub(super) fn delete_many(context: &mut Context<'_>) -> Result<Answer, Failure> {
    let options = DeleteOptions::read(context.call)?;
    let selector = context.selector()?;
    let resource = context.resource.clone();
    let revision = context.store.revision();
    let mut objects = context.store.collection(&resource).list(selector.namespace.as_deref());
    objects.retain(|object| selector.matches(object));
    for object in &objects {
        namespace::admit_deletion(&resource, object.key.name())?;
        delete_one(context.store, &resource, object, &options);
    }
    Ok(Answer::List(List { resource, objects, revision, next: None, remaining: None }))
}

fn delete_one(
    store: &mut Store,
    resource: &Resource,
    object: &Arc<Object>,
    options: &DeleteOptions,
) -> Deleted {
    let mut fields = object.read();
    let grace = if resource.is("pods") { grace_period(&fields, options) } else { Grace::None };
    let holds_others = resource.holds_others();
    let stays =
        object.has_finalizers || holds_others || matches!(grace, Grace::Seconds(1..) | Grace::Unchanged);
    if object.is_terminating && (matches!(grace, Grace::Unchanged) || (stays && !resource.is("pods"))) {
        return Deleted { object: object.clone(), is_gone: false };
    }
    if stays || grace != Grace::None {
        mark(resource, &mut fields, grace);
    }
    if options.is_trial {
        let object = Arc::new(Object::new(resource, fields, object.revision));
        return Deleted { object, is_gone: !stays };
    }
    if !stays {
        return Deleted { object: retire(store, resource, fields), is_gone: true };
    }
    let marked = store.put(resource, fields);
    if holds_others {
        // Clients are shown that it is going, even if it is gone by then.
        empty(store, resource, &marked);
    }
    Deleted { object: marked, is_gone: false }
}

/// How long a Pod may go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Grace {
    /// The kind knows no grace.
    None,
    Seconds(i64),
    /// It has been deleted before, and has no less time now.
    Unchanged,
}

/// As the real server decides it: a Pod that no node runs ends at once, and time can only be shortened.
fn grace_period(pod: &Fields, options: &DeleteOptions) -> Grace {
    let pod = Value::Object(pod.clone());
    let given = pod.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64);
    let is_terminating = !pod["metadata"]["deletionTimestamp"].is_null();
    let is_held = !pod["metadata"]["finalizers"].is_null();
    if let (true, Some(before)) = (is_terminating, given) {
        return match options.grace_period {
            Some(seconds) if seconds < before => Grace::Seconds(seconds.max(0)),
            _ if before == 0 && !is_held => Grace::Seconds(0),
            _ => Grace::Unchanged,
        };
    }
    let is_bound = pod.pointer("/spec/nodeName").and_then(Value::as_str).is_some_and(|node| !node.is_empty());
    let has_ended =
        matches!(pod.pointer("/status/phase").and_then(Value::as_str), Some("Failed" | "Succeeded"));
    if !is_bound || has_ended {
        return Grace::Seconds(0);
    }
    let usual = pod.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(30);
    Grace::Seconds(options.grace_period.unwrap_or(usual).max(0))
}

/// Writes into an object that it is to go.
fn mark(resource: &Resource, fields: &mut Fields, grace: Grace) {
    let metadata = prepare::metadata(fields);
    let seconds = if let Grace::Seconds(seconds) = grace { seconds } else { 0 };
    let is_new = !metadata.contains_key("deletionTimestamp");
    if is_new || matches!(grace, Grace::Seconds(_)) {
        metadata.insert("deletionTimestamp".to_owned(), json!(timestamp::after(seconds)));
        metadata.insert("deletionGracePeriodSeconds".to_owned(), json!(seconds));
    }
    if is_new && let Some(generation) = metadata.get("generation").and_then(Value::as_u64) {
        metadata.insert("generation".to_owned(), json!(generation + 1));
    }
    if resource.is("namespaces") {
        metadata.remove("deletionGracePeriodSeconds");
        fields.insert("status".to_owned(), json!({"phase": "Terminating"}));
    }
}

/// Removes an object for good, and with it whatever only waited for that.
fn retire(store: &mut Store, resource: &Resource, fields: Fields) -> Arc<Object> {
    let object = store.remove(resource, fields);
    if resource.is_definition() {
        store.close(&ResourceId::new(object.key.name()));
    }
    let waiting = [
        object.key.namespace().map(|namespace| ("namespaces", namespace.to_owned())),
        resource.is_custom.then(|| (Resource::DEFINITIONS, resource.qualified())),
    ];
    for (kind, name) in waiting.into_iter().flatten() {
        let Some(holder) = store.catalog.of_id(&ResourceId::new(kind)) else { continue };
        let held = store.get(&holder, &Key::new(None, &name)).filter(|object| object.is_terminating);
        if let Some(held) = held {
            end(store, &holder, &held);
        }
    }
    object
}

/// Keeps a change of an object that is marked as deleted and that no finalizer holds any more: nobody waits for it,
/// but for the node of a Pod, and those who live in it.
pub(super) fn release(store: &mut Store, resource: &Resource, fields: Fields) -> Arc<Object> {
    if resource.holds_others() {
        let object = store.put(resource, fields);
        end(store, resource, &object);
        return object;
    }
    let grace = fields.get("metadata").and_then(|metadata| metadata["deletionGracePeriodSeconds"].as_i64());
    if grace.unwrap_or_default() > 0 { store.put(resource, fields) } else { retire(store, resource, fields) }
}

/// Deletes what lives in a namespace, or the objects of a definition; then it goes itself, if nothing holds it.
fn empty(store: &mut Store, holder: &Resource, object: &Arc<Object>) {
    let name = object.key.name();
    let (resources, namespace): (Vec<Arc<Resource>>, _) = if holder.is("namespaces") {
        let namespaced = store.catalog.all().filter(|resource| resource.is_namespaced());
        (namespaced.cloned().collect(), Some(name))
    } else {
        (store.catalog.of_id(&ResourceId::new(name)).into_iter().collect(), None)
    };
    for resource in resources {
        for one in store.collection(&resource).list(namespace) {
            delete_one(store, &resource, &one, &DeleteOptions::immediately());
        }
    }
    end(store, holder, object);
}

/// Removes a namespace or a definition that is empty by now.
fn end(store: &mut Store, holder: &Resource, object: &Arc<Object>) {
    let Some(present) = store.get(holder, &object.key) else { return };
    let name = present.key.name();
    let is_empty = if holder.is("namespaces") {
        namespace::is_empty(store, name)
    } else {
        let of = store.catalog.of_id(&ResourceId::new(name));
        of.is_none_or(|resource| store.collection(&resource).is_empty())
    };
    if is_empty && !present.has_finalizers {
        retire(store, holder, present.read());
    }
}
