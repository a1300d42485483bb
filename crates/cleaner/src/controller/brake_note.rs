//! What is said of the brake when it holds and when it lets go: in the log, and in an Event of the Lease, by which
//! an operator has a say in it. Without a Lease there is no such object, and the log has to do.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use operator_runtime::{EventKind, EventNote};

use super::brake_annotation;
use crate::Passage;

/// For how long the brake is to be let be if somebody does as the note says.
const GO_ON_FOR: Duration = Duration::from_secs(3600);

/// The Lease that a controller acts under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeaseName {
    pub(super) namespace: String,
    pub(super) name: String,
}

/// What there is to say: a word for machines, a sentence for people, and whether they should worry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BrakeNote {
    pub(super) kind: EventKind,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

// === impl BrakeNote ===

impl BrakeNote {
    /// What there is to say of what the brake lets pass from now on. `left` is for how long it holds, if time
    /// opens it.
    pub(super) fn of(
        passage: &Passage,
        left: Option<Duration>,
        lease: Option<&LeaseName>,
        now: Timestamp,
    ) -> Self {
        let (kind, reason, message) = match passage {
            Passage::Closed { why, .. } => {
                let until = left.map_or_else(
                    || "until somebody says so".to_owned(),
                    |left| {
                        format!(
                            "until {}, and then only after its Pod and Node were asked for by name",
                            in_seconds(now, left)
                        )
                    },
                );
                let go_on = lease.map_or_else(
                    || "start with --override-brake".to_owned(),
                    |LeaseName { namespace, name }| {
                        let annotation = brake_annotation::go_on_until(in_seconds(now, GO_ON_FOR));
                        format!("kubectl -n {namespace} annotate lease {name} {annotation} --overwrite")
                    },
                );
                let message = format!(
                    "{why}. None of them is released on that ground alone {until}. If it is true that they are gone, go on with: {go_on}"
                );
                (EventKind::Warning, "BrakeHolds", message)
            }
            Passage::OneByOne => {
                let message = "The brake has held for its time: endpoints are released once their Pods and Nodes were asked for by name";
                (EventKind::Normal, "BrakeEases", message.to_owned())
            }
            Passage::Free => {
                let message = "The brake does not hold any more: endpoints are released as ever";
                (EventKind::Normal, "BrakeReleased", message.to_owned())
            }
        };
        Self { kind, reason, message }
    }

    /// The Event of the Lease. Without its uid, `kubectl describe` does not find it.
    pub(super) fn into_event(self, lease: &LeaseName, uid: Option<String>) -> EventNote {
        let regarding = ObjectReference {
            api_version: Some("coordination.k8s.io/v1".to_owned()),
            kind: Some("Lease".to_owned()),
            namespace: Some(lease.namespace.clone()),
            name: Some(lease.name.clone()),
            uid,
            ..ObjectReference::default()
        };
        let Self { kind, reason, message } = self;
        EventNote { regarding, kind, reason: reason.to_owned(), message, action: "Brake".to_owned() }
    }
}

/// A moment to come, in whole seconds.
fn in_seconds(now: Timestamp, later: Duration) -> Timestamp {
    let later = i64::try_from(later.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(now.as_second().saturating_add(later)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn noon() -> Timestamp {
        "2026-01-31T12:00:00.25Z".parse().expect("a time")
    }

    fn lease() -> LeaseName {
        LeaseName { namespace: "kube-system".to_owned(), name: "danm-cleaner".to_owned() }
    }

    fn closed() -> Passage {
        Passage::Closed { why: "51 of 100 endpoints look dead".to_owned(), until: None }
    }

    #[test]
    fn a_brake_that_holds_says_why_until_when_and_how_to_go_on() {
        let note = BrakeNote::of(&closed(), Some(Duration::from_secs(600)), Some(&lease()), noon());
        assert_eq!((note.kind, note.reason), (EventKind::Warning, "BrakeHolds"));
        for part in [
            "51 of 100 endpoints look dead. ",
            " until 2026-01-31T12:10:00Z, ",
            " kubectl -n kube-system annotate lease danm-cleaner danm.io/cleaner-brake=go-on-until=2026-01-31T13:00:00Z --overwrite",
        ] {
            assert!(note.message.contains(part), "{part:?} in {}", note.message);
        }
    }

    #[test]
    fn the_command_says_what_the_controller_understands() {
        let note = BrakeNote::of(&closed(), None, Some(&lease()), noon());
        assert!(note.message.contains("until somebody says so"), "{}", note.message);
        let word = note.message.split(' ').find_map(|word| word.strip_prefix("danm.io/cleaner-brake="));
        let annotation = ("danm.io/cleaner-brake".to_owned(), word.unwrap_or_default().to_owned());
        let open = brake_annotation::open_for(&BTreeMap::from([annotation]), noon());
        assert!(open.is_some_and(|open| open + Duration::from_secs(1) > GO_ON_FOR), "{open:?}");
    }

    #[test]
    fn without_a_lease_a_restart_lets_it_go() {
        let note = BrakeNote::of(&closed(), None, None, noon());
        assert!(note.message.ends_with("--override-brake"), "{}", note.message);
    }

    #[test]
    fn a_brake_that_lets_go_is_no_reason_to_worry() {
        for (passage, reason) in [(Passage::OneByOne, "BrakeEases"), (Passage::Free, "BrakeReleased")] {
            let note = BrakeNote::of(&passage, None, Some(&lease()), noon());
            assert_eq!((note.kind, note.reason), (EventKind::Normal, reason));
        }
    }
}
