//! A resource: a kind in one version of its group, and what the server has to know to serve it.

use std::sync::Arc;

use serde_json::Value;

use crate::table::Column;

/// Where objects of all versions of a kind are kept: `plural.group`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ResourceId(Arc<str>);

/// Whether objects live in namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Namespaced,
    Cluster,
}

/// A kind in one version of its group.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) kind: String,
    pub(crate) list_kind: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) scope: Scope,
    /// Whether `status` is written through its subresource only.
    pub(crate) has_status: bool,
    /// Whether `metadata.generation` counts the changes of the specification.
    pub(crate) has_generation: bool,
    /// Whether a definition makes it, and not we.
    pub(crate) is_custom: bool,
    /// Fields that field selectors may name, besides name and namespace.
    pub(crate) fields: &'static [&'static str],
    pub(crate) columns: Vec<Column>,
    /// The `openAPIV3Schema` of a definition.
    pub(crate) schema: Option<Value>,
}

impl Resource {
    /// The name of the resource of definitions.
    pub(crate) const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

    pub(crate) fn id(&self) -> ResourceId {
        // Both groups of events show the same objects.
        match (self.group.as_str(), self.plural.as_str()) {
            ("events.k8s.io", "events") => ResourceId("events".into()),
            _ => ResourceId(self.qualified().into()),
        }
    }

    pub(crate) fn api_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// `pods`, `danmeps.danm.io`: the name that errors give it.
    pub(crate) fn qualified(&self) -> String {
        self.in_group(&self.plural)
    }

    /// A name followed by the group, where there is one.
    pub(crate) fn in_group(&self, name: &str) -> String {
        if self.group.is_empty() { name.to_owned() } else { format!("{name}.{}", self.group) }
    }

    pub(crate) fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }

    pub(crate) fn is(&self, qualified: &str) -> bool {
        *self.id().0 == *qualified
    }

    pub(crate) fn is_definition(&self) -> bool {
        self.is(Self::DEFINITIONS)
    }

    /// Whether its objects go only after others that live in them.
    pub(crate) fn holds_others(&self) -> bool {
        self.is_definition() || self.is("namespaces")
    }

    /// Whether a PUT may do without a version.
    pub(crate) fn takes_unconditional_update(&self) -> bool {
        !self.is_custom && !matches!(self.group.as_str(), "coordination.k8s.io" | "apiextensions.k8s.io")
    }

    /// Whether a PUT of an object that is not there creates it.
    pub(crate) fn is_created_by_update(&self) -> bool {
        self.is("leases.coordination.k8s.io") || self.is("events")
    }

    /// Whether it answers a question and keeps nothing.
    pub(crate) fn is_review(&self) -> bool {
        self.group == "authorization.k8s.io"
    }

    /// How an answer begins before the fields that are stored.
    pub(crate) fn head(&self) -> String {
        format!("{{\"kind\":\"{}\",\"apiVersion\":\"{}\",", self.kind, self.api_version())
    }
}

impl ResourceId {
    pub(crate) fn new(qualified: &str) -> Self {
        Self(qualified.into())
    }
}
