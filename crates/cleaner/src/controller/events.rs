//! What an Event says about a round: one for each network, never one for each endpoint.

use danm_api::VERSION;
use k8s_openapi::api::core::v1::ObjectReference;
use operator_runtime::{EventKind, EventNote};

use crate::{Failure, Round};

/// The Event of a round. What will be tried again at once is none.
pub(super) fn note_of(round: &Round) -> Option<EventNote> {
    let Round { network, uid, freed, deleted, error } = round;
    let trouble = error.as_ref().filter(|error| !matches!(error.failure, Failure::Conflict(_)));
    let (kind, reason, message) = match trouble {
        Some(error) => (EventKind::Warning, "ReleaseFailed", error.to_string()),
        None if *deleted == 0 => return None,
        None => (
            EventKind::Normal,
            "AddressesReleased",
            format!("Freed {freed} addresses and deleted {deleted} DanmEps whose Pods are gone"),
        ),
    };
    let namespace = &network.network.namespace;
    let regarding = ObjectReference {
        api_version: Some(format!("{}/{VERSION}", network.group)),
        kind: Some(network.network.kind.name().to_owned()),
        namespace: (!namespace.is_empty()).then(|| namespace.to_string()),
        name: Some(network.network.name.to_string()),
        uid: uid.clone(),
        ..ObjectReference::default()
    };
    let action = "Release".to_owned();
    Some(EventNote { regarding, kind, reason: reason.to_owned(), message, action })
}
