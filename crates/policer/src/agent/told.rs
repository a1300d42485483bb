//! An object as its watch tells of it: what it is for policies, or why it cannot be read. What follows from it is not known
//! here.

use danm_api::{ApiType, DanmKind, Namespace, NetworkRef, Pod, Unreadable};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use policy_engine::{EndpointKey, Key, NamespacedName, Object, PolicyKey};
use serde_json::Value;

use super::{roster::Sighting, source::Source};
use crate::opening::Word;

/// An object that a watch tells of.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) key: Key,
    pub(super) read: Read,
    /// What the annotation of a Namespace or a Pod says by which it is opened, if it says anything that can be read.
    pub(super) word: Option<Word>,
}

/// What was read of it.
#[derive(Debug)]
pub(super) enum Read {
    /// What it is for policies.
    Object(Object),
    /// A Pod, as far as this watch tells of it.
    Pod(NamespacedName, Sighting),
    /// A policy, and what is needed to write about it.
    Policy(Object, Record),
    /// Nothing, and why; and what it is all the same for whoever never read it, if it is anything.
    Unreadable(String, Option<Object>),
}

/// A policy's object, as far as it concerns who writes its status.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Record {
    /// Whose status it is: one that was deleted and made again is another.
    pub(super) uid: String,
    /// The version that this is.
    pub(super) version: String,
    /// Counts what its authors changed.
    pub(super) generation: Option<i64>,
    /// Its conditions as they are, those of others among them.
    pub(super) conditions: Vec<Value>,
}

// === impl Told ===

impl Told {
    pub(super) fn object(object: Object) -> Self {
        Self { key: object.key(), read: Read::Object(object), word: None }
    }

    pub(super) fn namespace(namespace: Namespace) -> Self {
        let word = Word::read(namespace.metadata.annotations.as_ref());
        Self { word, ..Self::object(Object::from(namespace)) }
    }

    pub(super) fn pod(pod: &Pod) -> Self {
        let name = name_of(&pod.metadata);
        let version = pod.metadata.resource_version.as_deref().and_then(|version| version.parse().ok());
        // One that cannot be compared is older than any that can.
        let sighting = Sighting { version: version.unwrap_or_default(), pod: pod.into() };
        let word = Word::read(pod.metadata.annotations.as_ref());
        Self { key: Key::Pod(name.clone()), read: Read::Pod(name, sighting), word }
    }

    pub(super) fn policy(object: Object, record: Record) -> Self {
        Self { key: object.key(), read: Read::Policy(object, record), word: None }
    }

    pub(super) fn unreadable(source: &Source, object: Unreadable) -> Self {
        let rest = match source {
            Source::Danm(ApiType { kind: DanmKind::DanmEp, group }) => {
                Some(Object::unreadable_endpoint(*group, &object))
            }
            _ => None,
        };
        let key = key_of(source, &object.metadata);
        Self { key, read: Read::Unreadable(object.problem, rest), word: None }
    }
}

/// What identifies an object of a source, by its metadata alone.
fn key_of(source: &Source, metadata: &ObjectMeta) -> Key {
    let name = name_of(metadata);
    match source {
        Source::Namespaces => Key::Namespace(name.name),
        Source::Pods(_) => Key::Pod(name),
        Source::Services => Key::Service(name),
        Source::EndpointSlices => Key::Slice(name),
        Source::Danm(api) => match api.kind {
            DanmKind::Network(kind) => {
                Key::Network(api.group, NetworkRef::new(kind, &name.namespace, &name.name))
            }
            DanmKind::NetworkPolicy => Key::Policy(PolicyKey { name, group: api.group }),
            DanmKind::DanmEp | DanmKind::TenantConfig | DanmKind::ReservedIp => {
                Key::Endpoint(EndpointKey { name, group: api.group })
            }
        },
    }
}

fn name_of(metadata: &ObjectMeta) -> NamespacedName {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    NamespacedName::new(&text(&metadata.namespace), &text(&metadata.name))
}

// === impl Record ===

impl Record {
    pub(super) fn of(metadata: &ObjectMeta, conditions: Vec<Value>) -> Self {
        Self {
            uid: metadata.uid.clone().unwrap_or_default(),
            version: metadata.resource_version.clone().unwrap_or_default(),
            generation: metadata.generation,
            conditions,
        }
    }
}
