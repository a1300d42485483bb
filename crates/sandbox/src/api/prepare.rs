//! The fields that the server sets itself, on objects that are created or changed.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    catalog::Resource,
    object::{Fields, Object},
    random, timestamp,
};

/// What of an object's metadata only the server writes.
const KEPT: [&str; 7] = [
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "namespace",
    "generateName",
];

/// Completes an object that is to be created.
pub(crate) fn prepare_new(resource: &Resource, fields: &mut Fields) {
    let metadata = metadata(fields);
    for given_by_server in ["deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink"] {
        metadata.remove(given_by_server);
    }
    metadata.insert("uid".to_owned(), json!(random::uid()));
    metadata.insert("creationTimestamp".to_owned(), json!(timestamp::now()));
    // A kubelet reports the status of its Node as it creates it; every other status comes later.
    if resource.has_status && !resource.is("nodes") {
        fields.remove("status");
    }
    complete(resource, fields);
}

/// As the types of the real server do.
fn drop_empty(metadata: &mut Fields) {
    for name in ["labels", "annotations", "finalizers", "ownerReferences"] {
        let is_empty = match metadata.get(name) {
            Some(Value::Array(items)) => items.is_empty(),
            Some(Value::Object(fields)) => fields.is_empty(),
            Some(Value::Null) => true,
            _ => false,
        };
        if is_empty {
            metadata.remove(name);
        }
    }
}

/// What every object of a kind has, however it came.
pub(crate) fn complete(resource: &Resource, fields: &mut Fields) {
    let metadata = metadata(fields);
    drop_empty(metadata);
    if resource.has_generation {
        metadata.entry("generation").or_insert(json!(1));
    }
    if resource.is("namespaces") {
        let name = metadata.get("name").cloned().unwrap_or_default();
        object(metadata, "labels").insert("kubernetes.io/metadata.name".to_owned(), name);
        fields.entry("spec").or_insert_with(|| json!({"finalizers": ["kubernetes"]}));
        fields.entry("status").or_insert_with(|| json!({"phase": "Active"}));
    }
    if resource.is("secrets") {
        encode_secret(fields);
    }
    if resource.is("pods") {
        let status = object(fields, "status");
        status.entry("phase").or_insert(json!("Pending"));
        status.entry("qosClass").or_insert(json!("BestEffort"));
        if let Some(spec) = fields.get_mut("spec").and_then(Value::as_object_mut) {
            spec.entry("terminationGracePeriodSeconds").or_insert(json!(30));
            spec.entry("restartPolicy").or_insert(json!("Always"));
        }
    }
}

/// What is given as text is kept as base64.
fn encode_secret(fields: &mut Fields) {
    let Some(Value::Object(texts)) = fields.remove("stringData") else { return };
    let data = object(fields, "data");
    for (name, text) in texts {
        data.insert(name, json!(STANDARD.encode(text.as_str().unwrap_or_default())));
    }
}

/// Completes an object that is to take the place of another: some fields stay as they were.
pub(crate) fn prepare_change(resource: &Resource, old: &Object, new: Fields, is_status: bool) -> Fields {
    let old = old.read();
    let mut fields = if is_status { with_status(resource, &old, new) } else { new };
    if resource.has_status && !is_status {
        take("status", &old, &mut fields);
    }
    let before = old.get("metadata").cloned().unwrap_or_default();
    let metadata = metadata(&mut fields);
    metadata.remove("managedFields");
    drop_empty(metadata);
    for kept in KEPT {
        match before.get(kept) {
            Some(value) => metadata.insert(kept.to_owned(), value.clone()),
            None => metadata.remove(kept),
        };
    }
    if resource.has_generation && is_other_specification(resource, &old, &fields) {
        let generation = before["generation"].as_u64().unwrap_or_default() + 1;
        self::metadata(&mut fields).insert("generation".to_owned(), json!(generation));
    }
    if resource.is("namespaces") {
        // The one label that nobody can take away.
        complete(resource, &mut fields);
    }
    if resource.is("secrets") {
        encode_secret(&mut fields);
    }
    fields
}

/// The old object with a new status. Built-in kinds take labels and annotations this way, too.
fn with_status(resource: &Resource, old: &Fields, mut new: Fields) -> Fields {
    let mut fields = old.clone();
    take("status", &new, &mut fields);
    if !resource.is_custom {
        let given = std::mem::take(metadata(&mut new));
        fields.insert("metadata".to_owned(), Value::Object(given));
    }
    fields
}

fn take(name: &str, from: &Fields, to: &mut Fields) {
    match from.get(name) {
        Some(value) => to.insert(name.to_owned(), value.clone()),
        None => to.remove(name),
    };
}

/// Whether a generation ends: of built-in kinds with `spec`, of others with anything but metadata and status.
fn is_other_specification(resource: &Resource, old: &Fields, new: &Fields) -> bool {
    if !resource.is_custom {
        return old.get("spec") != new.get("spec");
    }
    let rest = |fields: &Fields| {
        let mut fields = fields.clone();
        fields.remove("metadata");
        if resource.has_status {
            fields.remove("status");
        }
        fields
    };
    rest(old) != rest(new)
}

/// The metadata; there always are some.
pub(crate) fn metadata(fields: &mut Fields) -> &mut Fields {
    object(fields, "metadata")
}

/// A field as the object that it has to be: whatever else is there gives way.
fn object<'a>(fields: &'a mut Fields, name: &str) -> &'a mut Fields {
    let value = fields.entry(name).or_insert(Value::Null);
    if !value.is_object() {
        *value = json!({});
    }
    match value {
        Value::Object(object) => object,
        _ => unreachable!("it was made an object"),
    }
}
