//! What an Event says about a network: one for each round or audit, never one for each endpoint.

use danm_api::VERSION;
use k8s_openapi::api::core::v1::ObjectReference;
use leak_judge::NetworkId;
use operator_runtime::{EventKind, EventNote};

use crate::{Failure, Inconsistency, Mend, Round};

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
    let regarding = reference(network, uid.clone());
    Some(EventNote { regarding, kind, reason: reason.to_owned(), message, action: "Release".to_owned() })
}

/// The Event of a mended address book. What will be tried again at once is none.
pub(super) fn note_of_mend(mend: &Mend) -> Option<EventNote> {
    let Mend { network, uid, freed, restored, error } = mend;
    let trouble = error.as_ref().filter(|error| !matches!(error.failure, Failure::Conflict(_)));
    let (kind, reason, message) = match (trouble, restored, freed) {
        (Some(error), _, _) => (EventKind::Warning, "MendingFailed", error.to_string()),
        (None, 0, 0) => return None,
        (None, 0, _) => (
            EventKind::Normal,
            "OrphanBitsReleased",
            format!("Freed {freed} addresses that no endpoint claimed"),
        ),
        (None, _, _) => (
            EventKind::Warning,
            "MissingBitsSet",
            format!(
                "Set {restored} bits that living endpoints missed, and freed {freed} addresses that none claimed"
            ),
        ),
    };
    let regarding = reference(network, uid.clone());
    Some(EventNote { regarding, kind, reason: reason.to_owned(), message, action: "Mend".to_owned() })
}

/// The Event about what does not agree in the address book of a network, or does again.
pub(super) fn note_of_inconsistency(news: &Inconsistency) -> EventNote {
    let (kind, reason, message) = match news.total {
        0 => (EventKind::Normal, "AddressBookConsistent", "All addresses agree again".to_owned()),
        total => {
            let first = news.examples.join("; ");
            let more = total - news.examples.len();
            let more = if more > 0 { format!("; and {more} more") } else { String::new() };
            (EventKind::Warning, "AddressBookInconsistent", format!("{first}{more}"))
        }
    };
    let regarding = reference(&news.network, Some(news.uid.clone()));
    EventNote { regarding, kind, reason: reason.to_owned(), message, action: "Audit".to_owned() }
}

fn reference(network: &NetworkId, uid: Option<String>) -> ObjectReference {
    let NetworkId { group, network } = network;
    let namespace = &network.namespace;
    ObjectReference {
        api_version: Some(format!("{group}/{VERSION}")),
        kind: Some(network.kind.name().to_owned()),
        namespace: (!namespace.is_empty()).then(|| namespace.to_string()),
        name: Some(network.name.to_string()),
        uid,
        ..ObjectReference::default()
    }
}
