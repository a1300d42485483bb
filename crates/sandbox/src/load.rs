//! Objects that are put in place as they are given: first the definitions, then whatever they define.

use operator_runtime::items;
use serde_json::Value;
use thiserror::Error;

use crate::{api, object::Fields, store::Store};

/// Why an object cannot be put in place.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LoadError {
    /// It does not say what it is.
    #[error("an object has no {missing}: {start}")]
    Incomplete {
        /// The field that it has not.
        missing: &'static str,
        /// How it begins.
        start: String,
    },
    /// Nobody serves its kind.
    #[error("{kind} \"{name}\": no such kind in {api_version}; load its CustomResourceDefinition, too")]
    UnknownKind {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// Its group and version.
        api_version: String,
    },
    /// It breaks a rule of its kind.
    #[error("{0}")]
    Refused(String),
}

/// Puts objects in place and says how many they were.
pub(crate) fn load(store: &mut Store, objects: impl IntoIterator<Item = Value>) -> Result<usize, LoadError> {
    let mut later = Vec::new();
    let mut count = 0;
    for object in objects.into_iter().flat_map(items) {
        if object["kind"] == "CustomResourceDefinition" {
            load_one(store, object)?;
            count += 1;
        } else {
            later.push(object);
        }
    }
    for object in later {
        load_one(store, object)?;
        count += 1;
    }
    Ok(count)
}

fn load_one(store: &mut Store, object: Value) -> Result<(), LoadError> {
    let text = |pointer: &'static str, name: &'static str| {
        let found = object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        found.map(str::to_owned).ok_or_else(|| LoadError::Incomplete { missing: name, start: start(&object) })
    };
    let (kind, api_version) = (text("/kind", "kind")?, text("/apiVersion", "apiVersion")?);
    let name = text("/metadata/name", "metadata.name")?;
    let Some(resource) = store.catalog.of_kind(&api_version, &kind) else {
        return Err(LoadError::UnknownKind { kind, name, api_version });
    };
    let fields: Fields = match object {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    };
    api::load(store, &resource, fields).map_err(|failure| LoadError::Refused(failure.message))
}

/// As much of an object as is needed to find it.
fn start(object: &Value) -> String {
    object.to_string().chars().take(120).collect()
}
