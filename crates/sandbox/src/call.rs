//! A request that has been read in full.

use http::{Method, header::CONTENT_TYPE, request::Parts};
use hyper::body::Bytes;
use serde_json::Value;

use crate::{
    catalog::Resource,
    event,
    failure::{Cause, Failure},
    object::Fields,
    protobuf,
    query::Query,
};

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Query,
    pub(crate) accept: Option<String>,
    /// Without parameters.
    pub(crate) content_type: Option<String>,
    pub(crate) body: Bytes,
}

const ACCEPTED: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

impl Call {
    pub(crate) fn new(parts: &Parts, body: Bytes) -> Self {
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let content_type = header(CONTENT_TYPE).and_then(|text| text.split(';').next());
        let accept: Vec<&str> = {
            let all = parts.headers.get_all(http::header::ACCEPT).iter();
            all.filter_map(|value| value.to_str().ok()).collect()
        };
        Self {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query: Query::parse(parts.uri.query().unwrap_or_default()),
            accept: (!accept.is_empty()).then(|| accept.join(",")),
            content_type: content_type.map(|text| text.trim().to_owned()),
            body,
        }
    }

    /// The object in the body of a request that creates or replaces one.
    pub(crate) fn object(&self, resource: &Resource) -> Result<Fields, Failure> {
        let unrecognized = |why: String| {
            let kind = &resource.kind;
            Failure::bad_request(format!(
                "the object provided is unrecognized (must be of type {kind}): {why}"
            ))
        };
        let Value::Object(mut fields) = self.value().map_err(|failure| match failure.code {
            400 => unrecognized(failure.message),
            _ => failure,
        })?
        else {
            return Err(unrecognized("couldn't get version/kind; the body is no JSON object".to_owned()));
        };
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let name = fields.get("metadata").and_then(|metadata| metadata["name"].as_str()).unwrap_or_default();
        check_type(resource, (text("kind"), text("apiVersion")), name)?;
        fields.remove("kind");
        fields.remove("apiVersion");
        event::to_kept(resource, &mut fields);
        match fields.get("metadata") {
            None | Some(Value::Null) => fields.insert("metadata".to_owned(), Value::Object(Fields::new())),
            Some(Value::Object(_)) => None,
            Some(_) => return Err(unrecognized("metadata is no JSON object".to_owned())),
        };
        Ok(fields)
    }

    /// The body as a value, whether it is JSON, YAML, or protobuf that we know.
    pub(crate) fn value(&self) -> Result<Value, Failure> {
        let cannot =
            |why: String| Failure::bad_request(format!("couldn't get version/kind; json parse error: {why}"));
        match self.content_type.as_deref() {
            None | Some("application/json" | "*/*" | "") => {
                serde_json::from_slice(&self.body).map_err(|error| cannot(error.to_string()))
            }
            Some("application/yaml" | "application/x-yaml") => {
                let text = std::str::from_utf8(&self.body).map_err(|error| cannot(error.to_string()))?;
                serde_saphyr::from_str(text).map_err(|error| cannot(error.to_string()))
            }
            Some("application/vnd.kubernetes.protobuf") => {
                protobuf::decode(&self.body).ok_or_else(unreadable_protobuf)
            }
            Some(_) => Err(Failure::unsupported_media_type(ACCEPTED)),
        }
    }
}

/// Typed clients of kubectl send protobuf and nothing else, which the real server always reads.
fn unreadable_protobuf() -> Failure {
    let message = "the sandbox reads protobuf of the simplest kinds only: write the object to a file, and use kubectl \
                   create -f or kubectl apply -f";
    Failure::new(415, "UnsupportedMediaType", message)
}

/// An object that names another kind is no object of ours. Built-in kinds need not be named.
pub(crate) fn check_type(
    resource: &Resource,
    (kind, api_version): (&str, &str),
    name: &str,
) -> Result<(), Failure> {
    let expected = resource.api_version();
    let is_other_kind = kind != resource.kind && (resource.is_custom || !kind.is_empty());
    let is_other_version = api_version != expected && (resource.is_custom || !api_version.is_empty());
    let message = if is_other_kind && kind.is_empty() {
        let kind = &resource.kind;
        format!("the object provided is unrecognized (must be of type {kind}): Object 'Kind' is missing")
    } else if is_other_version && resource.is_custom {
        format!(
            "the API version in the data ({api_version}) does not match the expected API version ({expected})"
        )
    } else if is_other_kind && resource.is_custom {
        let cause = Cause::invalid("kind", format!("\"{kind}\": must be {}", resource.kind));
        return Err(Failure::invalid_as(resource, kind, name, &[cause]));
    } else if is_other_kind || is_other_version {
        let ours = &resource.kind;
        format!("{kind} in version \"{api_version}\" cannot be handled as a {ours}: unknown conversion")
    } else {
        return Ok(());
    };
    Err(Failure::bad_request(message))
}
