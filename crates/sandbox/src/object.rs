//! An object as it is kept: serialized once, with the few fields beside it that are asked for often. `kind` and
//! `apiVersion` are not in the text, so that every served version can put its own before it.

use std::{fmt::Write, sync::Arc};

use hyper::body::Bytes;
use serde_json::{Map, Value, json};

use crate::catalog::Resource;

/// The fields of an object.
pub(crate) type Fields = Map<String, Value>;

/// Where an object is in its collection: `namespace/name`, or `name`. As one text it has etcd's order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key(Box<str>);

/// An object of one revision. It never changes.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) key: Key,
    pub(crate) revision: u64,
    pub(crate) uid: Box<str>,
    pub(crate) labels: Box<[(Box<str>, Box<str>)]>,
    /// The values of [`Resource::fields`], in their order.
    pub(crate) fields: Box<[Box<str>]>,
    pub(crate) is_terminating: bool,
    pub(crate) has_finalizers: bool,
    text: Bytes,
    /// Where the text of the metadata ends.
    metadata_end: usize,
}

const BEFORE_METADATA: &str = "{\"metadata\":";

// === impl Key ===

impl Key {
    pub(crate) fn new(namespace: Option<&str>, name: &str) -> Self {
        match namespace {
            Some(namespace) => Self(format!("{namespace}/{name}").into()),
            None => Self(name.into()),
        }
    }

    pub(crate) fn namespace(&self) -> Option<&str> {
        self.0.split_once('/').map(|(namespace, _)| namespace)
    }

    pub(crate) fn name(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, name)| name)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The first key at or after a text.
    pub(crate) fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// The keys of a namespace lie from the first to before the second.
    pub(crate) fn bounds(namespace: &str) -> (Self, Self) {
        // '0' is the character after '/'.
        (Self(format!("{namespace}/").into()), Self(format!("{namespace}0").into()))
    }
}

// === impl Object ===

impl Object {
    /// Serializes an object. Its metadata tells the revision from now on.
    pub(crate) fn new(resource: &Resource, mut fields: Fields, revision: u64) -> Self {
        fields.remove("kind");
        fields.remove("apiVersion");
        let mut metadata = fields.remove("metadata").unwrap_or_else(|| json!({}));
        metadata["resourceVersion"] = json!(revision.to_string());
        if revision == 0 {
            // It is not kept.
            metadata.as_object_mut().map(|metadata| metadata.remove("resourceVersion"));
        }
        let selectable = resource.fields.iter().map(|path| field_text(&fields, path).into()).collect();
        let mut text = format!("{BEFORE_METADATA}{metadata}");
        let metadata_end = text.len();
        for (name, value) in &fields {
            // Writing to a text does not fail.
            let _ = write!(text, ",{}:{value}", json!(name));
        }
        text.push('}');
        Self {
            key: Key::new(metadata["namespace"].as_str(), metadata["name"].as_str().unwrap_or_default()),
            revision,
            uid: metadata["uid"].as_str().unwrap_or_default().into(),
            labels: labels(&metadata["labels"]),
            fields: selectable,
            is_terminating: !metadata["deletionTimestamp"].is_null(),
            has_finalizers: metadata["finalizers"].as_array().is_some_and(|all| !all.is_empty()),
            text: text.into(),
            metadata_end,
        }
    }

    /// The same object, as an event tells it that came about later.
    pub(crate) fn at(&self, resource: &Resource, revision: u64) -> Arc<Self> {
        Arc::new(Self::new(resource, self.read(), revision))
    }

    /// The fields, without `kind` and `apiVersion`.
    pub(crate) fn read(&self) -> Fields {
        // We wrote it.
        serde_json::from_slice(&self.text).unwrap_or_default()
    }

    /// The text without its opening brace: something goes before it.
    pub(crate) fn tail(&self) -> &[u8] {
        self.text.get(1..).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The text of the metadata.
    pub(crate) fn metadata(&self) -> &[u8] {
        self.text.get(BEFORE_METADATA.len()..self.metadata_end).unwrap_or_default()
    }

    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        self.labels.iter().find(|(name, _)| **name == *key).map(|(_, value)| &**value)
    }
}

fn labels(labels: &Value) -> Box<[(Box<str>, Box<str>)]> {
    let labels = labels.as_object().into_iter().flatten();
    labels.map(|(key, value)| (key.as_str().into(), value.as_str().unwrap_or_default().into())).collect()
}

/// Fields that are true or false, and false where there is none.
const FLAGS: [&str; 2] = ["spec.hostNetwork", "spec.unschedulable"];

/// The text of a field such as `spec.nodeName`; empty where there is none.
fn field_text(fields: &Fields, path: &str) -> String {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let parts = rest.split('.').filter(|part| !part.is_empty());
    let value = parts.fold(fields.get(first), |value, part| value?.get(part));
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None if FLAGS.contains(&path) => false.to_string(),
        Some(Value::Object(_) | Value::Array(_) | Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}
