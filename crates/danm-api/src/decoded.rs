//! Reading objects so that a malformed one is a value with a name, not the end of the list it stands in.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_core::Resource;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};

/// An object, or what is left of one that does not have the shape of its type. Some 1,000 bytes that pass through a dozen
/// hands on their way from a list to an index: boxed, that costs nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded<T> {
    /// It has the shape.
    Readable(Box<T>),
    /// It has not.
    Unreadable(Box<Unreadable>),
}

/// An object that could not be read as its type.
#[derive(Clone, Debug, PartialEq)]
pub struct Unreadable {
    /// As much of its metadata as is needed to name it.
    pub metadata: ObjectMeta,
    /// Which field is wrong, in what way.
    pub problem: String,
    /// What was there.
    pub object: Value,
}

/// The text of the object is taken first, and read then: nothing in it can spoil what stands around it, however
/// wrong or deeply nested it is.
impl<'de, T: DeserializeOwned> Deserialize<'de> for Decoded<T> {
    fn deserialize<D: Deserializer<'de>>(object: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(object)?;
        Ok(match serde_json::from_str(text.get()) {
            Ok(readable) => Self::Readable(readable),
            Err(error) => {
                let object = whatever_is_in(text.get());
                Self::Unreadable(Box::new(Unreadable {
                    metadata: identity(&object),
                    problem: error.to_string(),
                    object,
                }))
            }
        })
    }
}

/// An object, or of one that is nested too deeply its metadata.
fn whatever_is_in(text: &str) -> Value {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        metadata: Option<&'a RawValue>,
    }
    if let Ok(object) = serde_json::from_str(text) {
        return object;
    }
    let named = serde_json::from_str::<Named<'_>>(text).ok();
    let metadata = named.and_then(|named| serde_json::from_str::<Value>(named.metadata?.get()).ok());
    json!({"metadata": metadata})
}

impl<T: Resource> Resource for Decoded<T> {
    type DynamicType = T::DynamicType;
    type Scope = T::Scope;

    fn kind(api: &Self::DynamicType) -> std::borrow::Cow<'_, str> {
        T::kind(api)
    }

    fn group(api: &Self::DynamicType) -> std::borrow::Cow<'_, str> {
        T::group(api)
    }

    fn version(api: &Self::DynamicType) -> std::borrow::Cow<'_, str> {
        T::version(api)
    }

    fn plural(api: &Self::DynamicType) -> std::borrow::Cow<'_, str> {
        T::plural(api)
    }

    fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Readable(object) => object.meta(),
            Self::Unreadable(object) => &object.metadata,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Readable(object) => object.meta_mut(),
            Self::Unreadable(object) => &mut object.metadata,
        }
    }
}

/// The members that name an object, each taken on its own, so that a bad one does not hide the others.
fn identity(object: &Value) -> ObjectMeta {
    let text = |member: &str| object["metadata"][member].as_str().map(str::to_owned);
    ObjectMeta {
        name: text("name"),
        namespace: text("namespace"),
        uid: text("uid"),
        resource_version: text("resourceVersion"),
        ..ObjectMeta::default()
    }
}
