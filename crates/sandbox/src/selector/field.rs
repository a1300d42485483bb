//! Field selectors: `metadata.name=a,spec.nodeName!=b`, for the fields that a kind offers.

use crate::{catalog::Resource, event, failure::Failure, object::Object};

#[derive(Clone, Debug, Default)]
pub(crate) struct FieldSelector(Vec<Requirement>);

#[derive(Clone, Debug)]
struct Requirement {
    field: Field,
    value: String,
    is_equal: bool,
}

#[derive(Clone, Copy, Debug)]
enum Field {
    Name,
    Namespace,
    /// An index into [`Resource::fields`].
    Other(usize),
}

impl FieldSelector {
    pub(crate) fn parse(resource: &Resource, text: &str) -> Result<Self, Failure> {
        let terms = text.split(',').filter(|term| !term.is_empty());
        terms.map(|term| Requirement::parse(resource, term)).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn matches(&self, object: &Object) -> bool {
        self.0.iter().all(|requirement| requirement.matches(object))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Requirement {
    fn parse(resource: &Resource, term: &str) -> Result<Self, Failure> {
        let (name, value, is_equal) = if let Some((name, value)) = term.split_once("!=") {
            (name, value, false)
        } else if let Some((name, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
            (name, value, true)
        } else {
            return Err(Failure::bad_request(format!(
                "invalid selector: '{term}'; can't understand '{term}'"
            )));
        };
        let field = Field::find(resource, name)?;
        Ok(Self { field, value: value.to_owned(), is_equal })
    }

    fn matches(&self, object: &Object) -> bool {
        let value = match self.field {
            Field::Name => object.key.name(),
            Field::Namespace => object.key.namespace().unwrap_or_default(),
            Field::Other(index) => object.fields.get(index).map_or("", |value| value),
        };
        (value == self.value) == self.is_equal
    }
}

impl Field {
    fn find(resource: &Resource, name: &str) -> Result<Self, Failure> {
        match name {
            "metadata.name" => Ok(Self::Name),
            "metadata.namespace" => Ok(Self::Namespace),
            other => {
                let kept = event::kept_path(resource, other);
                let index = resource.fields.iter().position(|field| *field == kept);
                index.map(Self::Other).ok_or_else(|| unknown(resource, other))
            }
        }
    }
}

fn unknown(resource: &Resource, name: &str) -> Failure {
    if resource.fields.is_empty() && !resource.is_custom {
        return Failure::bad_request(format!(
            "\"{name}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
        ));
    }
    Failure::bad_request(format!("field label not supported: {name}"))
}
