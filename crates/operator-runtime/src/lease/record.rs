//! What a Lease says, as it is in the API, with all fields that are not ours. Who may take it when is
//! `election.rs`'s to say.

use jiff::{Timestamp, fmt::temporal::DateTimePrinter};
use k8s_openapi::api::coordination::v1::Lease;
use kube::core::{ApiResource, NotUsed, Object, ObjectMeta, TypeMeta};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A Lease. Read, changed and written back it keeps what we do not know.
pub(crate) type LeaseObject = Object<Record, NotUsed>;

/// The fields of `spec` that an election is about. Times are words of another machine's clock, kept as text:
/// that they change is all they tell.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder_identity: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_duration_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquire_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renew_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_transitions: Option<i32>,
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

// === impl Record ===

impl Record {
    /// Who holds it, if anybody does.
    pub(crate) fn holder(&self) -> Option<&str> {
        self.holder_identity.as_deref().filter(|holder| !holder.is_empty())
    }

    /// Makes somebody its holder, or goes on with them.
    pub(crate) fn hold(&mut self, identity: &str, seconds: u32, wall: Timestamp) {
        let time = micro_time(wall);
        if self.holder() != Some(identity) {
            self.lease_transitions = self.lease_transitions.map(|count| count.saturating_add(1));
            self.holder_identity = Some(identity.to_owned());
            self.acquire_time = Some(time.clone());
        }
        self.lease_transitions.get_or_insert(0);
        self.lease_duration_seconds = Some(seconds);
        self.renew_time = Some(time);
    }

    /// Gives it back, in client-go's words: nobody holds it, for a second from now.
    pub(crate) fn let_go(&mut self, wall: Timestamp) {
        let time = micro_time(wall);
        self.holder_identity = Some(String::new());
        self.lease_duration_seconds = Some(1);
        self.acquire_time = Some(time.clone());
        self.renew_time = Some(time);
    }
}

/// A Lease that is not there yet.
pub(crate) fn new_lease(namespace: &str, name: &str) -> LeaseObject {
    let resource = resource();
    Object {
        types: Some(TypeMeta { api_version: resource.api_version, kind: resource.kind }),
        metadata: ObjectMeta {
            namespace: Some(namespace.to_owned()),
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        spec: Record::default(),
        status: None,
    }
}

/// Where Leases are served.
pub(crate) fn resource() -> ApiResource {
    ApiResource::erase::<Lease>(&())
}

/// The server wants six digits of a second, no more and no less.
fn micro_time(wall: Timestamp) -> String {
    DateTimePrinter::new().precision(Some(6)).timestamp_to_string(&wall)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(spec: &Value) -> Record {
        serde_json::from_value(spec.clone()).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_new_holder_counts_as_a_transition_and_a_renewal_does_not() {
        let mut lease = record(&json!({"holderIdentity": "a", "leaseTransitions": 3, "acquireTime": "then"}));
        lease.hold("b", 15, at("2026-01-02T03:04:05Z"));
        assert_eq!(lease.lease_transitions, Some(4));
        lease.hold("b", 15, at("2026-01-02T03:04:07.5Z"));
        let expected = json!({
            "holderIdentity": "b", "leaseDurationSeconds": 15, "leaseTransitions": 4,
            "acquireTime": "2026-01-02T03:04:05.000000Z", "renewTime": "2026-01-02T03:04:07.500000Z",
        });
        assert_eq!(serde_json::to_value(lease).unwrap(), expected);
    }

    #[test]
    fn the_first_holder_is_no_transition() {
        let mut lease = Record::default();
        lease.hold("a", 15, Timestamp::UNIX_EPOCH);
        assert_eq!(lease.lease_transitions, Some(0));
    }

    #[test]
    fn unknown_fields_survive() {
        let mut lease = record(&json!({"strategy": "OldestEmulationVersion", "new": {"deep": [1]}}));
        lease.hold("a", 15, Timestamp::UNIX_EPOCH);
        lease.let_go(Timestamp::UNIX_EPOCH);
        let written = serde_json::to_value(lease).unwrap();
        assert_eq!(written["strategy"], "OldestEmulationVersion");
        assert_eq!(written["new"], json!({"deep": [1]}));
        assert_eq!((&written["holderIdentity"], &written["leaseDurationSeconds"]), (&json!(""), &json!(1)));
    }
}
