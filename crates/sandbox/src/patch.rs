//! A patch of one of three kinds, read from a request and applied to an object.

mod merge;
mod strategic;

use serde_json::{Value, json};

use crate::{call::Call, catalog::Resource, failure::Failure};

#[derive(Debug)]
pub(crate) enum Patch {
    /// RFC 6902.
    Json(json_patch::Patch),
    /// RFC 7396.
    Merge(Value),
    /// Kubernetes' own: lists of named things are merged by their names.
    Strategic(Value),
}

const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
/// Server-side apply, which we do not have.
const APPLY: &str = "application/apply-patch+yaml";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// The operations that JSON patches may have.
const LONGEST: usize = 10_000;

impl Patch {
    pub(crate) fn read(call: &Call, resource: &Resource) -> Result<Self, Failure> {
        let content_type = call.content_type.as_deref().unwrap_or_default();
        let is_known =
            matches!(content_type, JSON | MERGE) || content_type == STRATEGIC && !resource.is_custom;
        if !is_known {
            let accepted = if resource.is_custom {
                [JSON, MERGE, APPLY].join(", ")
            } else {
                [JSON, MERGE, STRATEGIC].join(", ")
            };
            return Err(if content_type == STRATEGIC || content_type == APPLY {
                Failure::unsupported_media_type(&accepted)
            } else {
                let message = "415: Unsupported Media Type";
                Failure { details: Some(json!({})), ..Failure::new(415, "UnsupportedMediaType", message) }
            });
        }
        let invalid = |_| Failure::bad_request("invalid JSON patch");
        let value: Value = serde_json::from_slice(&call.body).map_err(invalid)?;
        match content_type {
            JSON => Self::operations(value),
            _ if !value.is_object() => Err(undecodable(&value, "map[string]interface {}")),
            MERGE => Ok(Self::Merge(value)),
            _ => Ok(Self::Strategic(value)),
        }
    }

    fn operations(value: Value) -> Result<Self, Failure> {
        let Value::Array(operations) = &value else {
            return Err(undecodable(&value, "[]handlers.jsonPatchOp"));
        };
        if operations.len() > LONGEST {
            let message = format!(
                "The allowed maximum operations in a JSON patch is {LONGEST}, got {}",
                operations.len()
            );
            return Err(Failure::new(413, "RequestEntityTooLarge", message));
        }
        serde_json::from_value(value).map(Self::Json).map_err(|_| unprocessable())
    }

    /// The object after the patch.
    pub(crate) fn apply(&self, mut object: Value) -> Result<Value, Failure> {
        match self {
            Self::Json(patch) => json_patch::patch(&mut object, patch).map_err(|_| unprocessable())?,
            Self::Merge(patch) => merge::apply(&mut object, patch),
            Self::Strategic(patch) => strategic::apply(&mut object, patch)?,
        }
        Ok(object)
    }
}

fn undecodable(value: &Value, wanted: &str) -> Failure {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    Failure::bad_request(format!(
        "error decoding patch: json: cannot unmarshal {found} into Go value of type {wanted}"
    ))
}

/// The real server says no more than that, too.
fn unprocessable() -> Failure {
    let failure =
        Failure::new(422, "Invalid", "the server rejected our request due to an error in our request");
    Failure { details: Some(json!({})), ..failure }
}
