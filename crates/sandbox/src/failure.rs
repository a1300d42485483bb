//! An answer that says no: the `Status` object of a failure, in the words of the real API server. Which rule
//! was broken is the verbs' business.

use serde_json::{Map, Value, json};

use crate::catalog::Resource;

/// What becomes a `Status` with `status: Failure`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) details: Option<Value>,
    /// A token that goes on with a list at the price of consistency.
    pub(crate) next: Option<String>,
}

/// One broken rule of a field.
pub(crate) struct Cause {
    pub(crate) field: String,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None, next: None }
    }

    fn about(mut self, resource: &Resource, kind: &str, name: &str) -> Self {
        self.details = Some(details(resource, kind, name));
        self
    }

    /// The sentence that clients get for a path that is no resource.
    pub(crate) fn no_such_resource() -> Self {
        let failure = Self::new(404, "NotFound", "the server could not find the requested resource");
        Self { details: Some(json!({})), ..failure }
    }

    pub(crate) fn not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self { details: Some(json!({})), ..Self::new(405, "MethodNotAllowed", message) }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// The real server has no reason for some refusals, and calls them its own errors.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    pub(crate) fn unsupported_media_type(accepted: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {accepted}"
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    pub(crate) fn not_found(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", resource.qualified());
        Self::new(404, "NotFound", message).about(resource, &resource.plural, name)
    }

    pub(crate) fn already_exists(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", resource.qualified());
        Self::new(409, "AlreadyExists", message).about(resource, &resource.plural, name)
    }

    pub(crate) fn modified(resource: &Resource, name: &str) -> Self {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, &resource.plural, name, why)
    }

    /// A condition of the request does not hold. The real server names the resource in some of them and the
    /// kind in others.
    pub(crate) fn conflict(resource: &Resource, kind: &str, name: &str, why: &str) -> Self {
        let message =
            format!("Operation cannot be fulfilled on {} \"{name}\": {why}", resource.in_group(kind));
        Self::new(409, "Conflict", message).about(resource, kind, name)
    }

    pub(crate) fn forbidden(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("{} \"{name}\" is forbidden: {why}", resource.qualified());
        Self::new(403, "Forbidden", message).about(resource, &resource.plural, name)
    }

    pub(crate) fn invalid(resource: &Resource, name: &str, causes: &[Cause]) -> Self {
        Self::invalid_as(resource, &resource.kind, name, causes)
    }

    pub(crate) fn invalid_as(resource: &Resource, kind: &str, name: &str, causes: &[Cause]) -> Self {
        let what = resource.in_group(kind);
        let failure = Self::new(422, "Invalid", invalid_message(&what, name, causes));
        let mut failure = failure.about(resource, kind, name);
        failure.add_causes(causes);
        failure
    }

    /// Options of a request that contradict each other.
    pub(crate) fn invalid_options(kind: &str, cause: Cause) -> Self {
        let causes = [cause];
        let message = invalid_message(&format!("{kind}.meta.k8s.io"), "", &causes);
        let details = Some(json!({"group": "meta.k8s.io", "kind": kind}));
        let mut failure = Self { details, ..Self::new(422, "Invalid", message) };
        failure.add_causes(&causes);
        failure
    }

    pub(crate) fn add_causes(&mut self, causes: &[Cause]) {
        let causes = causes
            .iter()
            .map(|cause| json!({"reason": cause.reason, "message": cause.message, "field": cause.field}));
        if let Some(details) = &mut self.details {
            details["causes"] = causes.collect();
        }
    }

    /// The object that is sent.
    pub(crate) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "code": self.code,
        });
        if let Some(next) = &self.next {
            status["metadata"]["continue"] = json!(next);
        }
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        status
    }
}

impl Cause {
    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let message = format!("Invalid value: {}", message.into());
        Self { field: field.into(), reason: "FieldValueInvalid", message }
    }

    pub(crate) fn required(field: impl Into<String>, message: &str) -> Self {
        let message = if message.is_empty() { String::new() } else { format!(": {message}") };
        let message = format!("Required value{message}");
        Self { field: field.into(), reason: "FieldValueRequired", message }
    }

    pub(crate) fn forbidden(field: impl Into<String>, message: impl Into<String>) -> Self {
        let message = format!("Forbidden: {}", message.into());
        Self { field: field.into(), reason: "FieldValueForbidden", message }
    }

    pub(crate) fn unsupported(field: impl Into<String>, message: impl Into<String>) -> Self {
        let message = format!("Unsupported value: {}", message.into());
        Self { field: field.into(), reason: "FieldValueNotSupported", message }
    }

    pub(crate) fn wrong_type(field: impl Into<String>, message: impl Into<String>) -> Self {
        let message = format!("Invalid value: {}", message.into());
        Self { field: field.into(), reason: "FieldValueTypeInvalid", message }
    }
}

fn invalid_message(what: &str, name: &str, causes: &[Cause]) -> String {
    let sentences: Vec<String> =
        causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
    match sentences.as_slice() {
        [one] => format!("{what} \"{name}\" is invalid: {one}"),
        many => format!("{what} \"{name}\" is invalid: [{}]", many.join(", ")),
    }
}

/// What the failure is about. Empty fields are left out, as the real server does.
pub(crate) fn details(resource: &Resource, kind: &str, name: &str) -> Value {
    let fields = [("name", name), ("group", &resource.group), ("kind", kind)];
    let fields = fields.into_iter().filter(|(_, value)| !value.is_empty());
    Value::Object(fields.map(|(field, value)| (field.to_owned(), json!(value))).collect::<Map<_, _>>())
}
