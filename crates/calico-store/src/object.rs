//! An object of the Kubernetes API as text, of which the `spec` alone is changed. Whatever else is in it comes back as it
//! was: also labels and annotations of others, which Calico itself loses.

use calico_ipam::{BlockError, Members};
use serde::Deserialize;
use serde_json::value::RawValue;

/// An object as it was read.
#[derive(Clone, Debug)]
pub struct Object {
    members: Members,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) version: String,
}

/// What we need to know of an object's `metadata`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    name: String,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    resource_version: String,
}

/// A page of a list.
#[derive(Deserialize)]
pub struct Page {
    #[serde(default)]
    pub(crate) metadata: PageMetadata,
    pub(crate) items: Vec<Box<RawValue>>,
}

/// Where the list goes on.
#[derive(Default, Deserialize)]
pub struct PageMetadata {
    #[serde(default, rename = "continue")]
    pub(crate) token: String,
}

impl Object {
    /// Reads an object. Gives what it specifies besides.
    pub(crate) fn read(text: &str) -> Result<(Self, Box<RawValue>), BlockError> {
        let members = Members::read(text)?;
        let Identity { name, uid, resource_version } = members.require("metadata")?;
        let spec = members.require("spec")?;
        Ok((Self { name, uid, version: resource_version, members }, spec))
    }

    /// The same object with another `spec`. It says of which version it was made.
    pub(crate) fn with_spec(&self, spec: &Members) -> Members {
        let mut members = self.members.clone();
        members.set("spec", spec);
        members
    }
}
