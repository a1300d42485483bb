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
        let mut terms: Vec<&str> = split(text).into_iter().filter(|term| !term.is_empty()).collect();
        // The real server tells what is wrong in this order.
        terms.sort_unstable();
        let understood =
            terms.into_iter().map(|term| Term::parse(text, term)).collect::<Result<Vec<_>, _>>()?;
        let requirements = understood.into_iter().map(|term| term.about(resource));
        requirements.collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn matches(&self, object: &Object) -> bool {
        self.0.iter().all(|requirement| requirement.matches(object))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A requirement as it is written.
struct Term<'a> {
    field: &'a str,
    value: String,
    is_equal: bool,
}

impl<'a> Term<'a> {
    fn parse(selector: &str, term: &'a str) -> Result<Self, Failure> {
        let Some((left, right)) = term.split_once('=') else {
            return Err(Failure::bad_request(format!(
                "invalid selector: '{selector}'; can't understand '{term}'"
            )));
        };
        let (field, value, is_equal) = match left.strip_suffix('!') {
            Some(field) => (field, right, false),
            None => (left, right.strip_prefix('=').unwrap_or(right), true),
        };
        Ok(Self { field, value: unescaped(value)?, is_equal })
    }

    fn about(self, resource: &Resource) -> Result<Requirement, Failure> {
        let field = Field::find(resource, self.field)?;
        Ok(Requirement { field, value: self.value, is_equal: self.is_equal })
    }
}

/// Splits at the commas that no backslash stands before.
fn split(text: &str) -> Vec<&str> {
    let mut is_escaped = false;
    let separate = |c: char| {
        let is_literal = std::mem::take(&mut is_escaped);
        is_escaped = c == '\\' && !is_literal;
        c == ',' && !is_literal
    };
    text.split(separate).collect()
}

/// A value without its backslashes.
fn unescaped(text: &str) -> Result<String, Failure> {
    let refused = |why: String| Err(Failure::bad_request(format!("invalid field selector: {why}")));
    let mut value = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some(literal @ ('\\' | ',' | '=')) => value.push(literal),
                other => {
                    let sequence: String = ['\\'].into_iter().chain(other).collect();
                    return refused(format!("invalid escape sequence: {sequence}"));
                }
            },
            // By its number, as the real server has it.
            ',' | '=' => return refused(format!("unescaped character in value: {}", u32::from(c))),
            _ => value.push(c),
        }
    }
    Ok(value)
}

impl Requirement {
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
        // As clients called it long ago.
        let name = if resource.plural == "pods" && name == "spec.host" { "spec.nodeName" } else { name };
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
