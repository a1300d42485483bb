//! How something is to be deleted: from the query, or from the `DeleteOptions` in the body.

use serde_json::Value;

use crate::{
    call::Call,
    catalog::Resource,
    failure::{Cause, Failure},
    object::Object,
};

#[derive(Clone, Debug, Default)]
pub(super) struct DeleteOptions {
    pub(super) is_trial: bool,
    pub(super) grace_period: Option<i64>,
    uid: Option<String>,
    revision: Option<String>,
}

const KIND: &str = "DeleteOptions";

const POLICIES: [&str; 3] = ["Foreground", "Background", "Orphan"];

impl DeleteOptions {
    pub(super) fn read(call: &Call) -> Result<Self, Failure> {
        let body = if call.body.is_empty() { Value::Null } else { call.value()? };
        if !body.is_null() && !body.is_object() {
            return Err(Failure::bad_request("couldn't get version/kind; the body is no DeleteOptions"));
        }
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let policy = text("/propagationPolicy");
        let policy = policy.as_deref().or_else(|| call.query.get("propagationPolicy"));
        check_policy(policy)?;
        let grace_period = match body["gracePeriodSeconds"].as_i64() {
            Some(seconds) => Some(seconds),
            None => call.query.number("gracePeriodSeconds")?,
        };
        let is_trial = match body["dryRun"].as_array().map(Vec::as_slice) {
            Some([Value::String(all)]) if all == "All" => true,
            Some([other, ..]) => {
                let message = format!("[{other}]: supported values: \"All\"");
                return Err(Failure::invalid_options(KIND, Cause::unsupported("dryRun", message)));
            }
            Some([]) | None => call.query.is_dry_run(KIND)?,
        };
        Ok(Self {
            is_trial,
            grace_period,
            uid: text("/preconditions/uid"),
            revision: text("/preconditions/resourceVersion"),
        })
    }

    /// Whether it is the object that the client means.
    pub(super) fn check(&self, resource: &Resource, object: &Object) -> Result<(), Failure> {
        let name = object.key.name();
        if let Some(uid) = self.uid.as_deref().filter(|uid| **uid != *object.uid) {
            let why = format!(
                "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have been deleted and then recreated",
                object.uid
            );
            return Err(Failure::conflict(resource, &resource.kind, name, &why));
        }
        let present = object.revision.to_string();
        if let Some(revision) = self.revision.as_deref().filter(|revision| **revision != *present) {
            let why = format!(
                "the ResourceVersion in the precondition ({revision}) does not match the ResourceVersion in record ({present}). The object might have been modified"
            );
            return Err(Failure::conflict(resource, &resource.kind, name, &why));
        }
        Ok(())
    }

    /// Without conditions, for each of many.
    pub(super) fn immediately() -> Self {
        Self { grace_period: Some(0), ..Self::default() }
    }
}

/// Nobody collects garbage here, so all policies do the same.
fn check_policy(policy: Option<&str>) -> Result<(), Failure> {
    let Some(policy) = policy.filter(|policy| !POLICIES.contains(policy)) else { return Ok(()) };
    let message =
        format!("\"{policy}\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"");
    Err(Failure::invalid_options(KIND, Cause::unsupported("propagationPolicy", message)))
}
