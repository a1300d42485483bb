//! The types of the fields of metadata: what has another one is not read as an object at all.

use serde_json::Value;

use crate::{catalog::Resource, failure::Failure, object::Fields};

/// A field, its type in the words of the real server, and a test for it.
type Field = (&'static str, &'static str, fn(&Value) -> bool);

const FIELDS: [Field; 11] = [
    ("name", "string", Value::is_string),
    ("generateName", "string", Value::is_string),
    ("namespace", "string", Value::is_string),
    ("uid", "string", Value::is_string),
    ("resourceVersion", "string", Value::is_string),
    ("creationTimestamp", "Time", Value::is_string),
    ("deletionTimestamp", "Time", Value::is_string),
    ("labels", "map[string]string", is_map_of_texts),
    ("annotations", "map[string]string", is_map_of_texts),
    ("finalizers", "[]string", is_list_of_texts),
    ("ownerReferences", "[]v1.OwnerReference", Value::is_array),
];

/// Refuses metadata that cannot be read.
pub(super) fn check(resource: &Resource, fields: &Fields) -> Result<(), Failure> {
    let metadata = fields.get("metadata").unwrap_or(&Value::Null);
    let is_wrong = |name: &str, test: fn(&Value) -> bool| {
        metadata.get(name).is_some_and(|value| !value.is_null() && !test(value))
    };
    let Some((name, expected, _)) = FIELDS.iter().find(|(name, _, test)| is_wrong(name, *test)) else {
        return Ok(());
    };
    let (kind, version) = (&resource.kind, &resource.version);
    Err(Failure::bad_request(format!(
        "{kind} in version \"{version}\" cannot be handled as a {kind}: json: cannot unmarshal it into Go struct field \
         ObjectMeta.metadata.{name} of type {expected}"
    )))
}

fn is_map_of_texts(value: &Value) -> bool {
    value.as_object().is_some_and(|map| map.values().all(Value::is_string))
}

fn is_list_of_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
}
