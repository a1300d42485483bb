//! Which objects a list, a watch or a deletion of many is about.

mod field;
mod label;

use self::{field::FieldSelector, label::LabelSelector};
use crate::{catalog::Resource, failure::Failure, object::Object, query::Query};

/// Selects by namespace, labels and fields.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    pub(crate) namespace: Option<String>,
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Selector {
    /// What a query asks for.
    pub(crate) fn new(resource: &Resource, namespace: Option<&str>, query: &Query) -> Result<Self, Failure> {
        let labels = LabelSelector::parse(query.get("labelSelector").unwrap_or_default())?;
        let fields = FieldSelector::parse(resource, query.get("fieldSelector").unwrap_or_default())?;
        Ok(Self { namespace: namespace.map(str::to_owned), labels, fields })
    }

    pub(crate) fn matches(&self, object: &Object) -> bool {
        let is_in_namespace =
            self.namespace.as_deref().is_none_or(|namespace| object.key.namespace() == Some(namespace));
        is_in_namespace && self.labels.matches(object) && self.fields.matches(object)
    }

    /// Whether it chooses among the objects of its namespace.
    pub(crate) fn is_choosy(&self) -> bool {
        !self.labels.is_empty() || !self.fields.is_empty()
    }
}
