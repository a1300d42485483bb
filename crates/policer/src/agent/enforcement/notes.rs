//! What people are told in Events about the rules of a Pod. How it went is `status.rs`'s.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::ObjectReference;
use operator_runtime::{EventKind, EventNote, printable};

use super::{
    reference::Remains,
    status::{State, Status},
};

/// So many paths are told of at once.
const PATHS: usize = 5;

/// What is to be told of a status after the one before.
pub(super) fn notes(status: &Status, before: Option<&Status>) -> Vec<EventNote> {
    let mut notes = Vec::new();
    if before.map(|before| &before.state) != Some(&status.state) {
        notes.extend(of_state(status, before));
    }
    if status.is_tampered {
        let message = "somebody changed the rules of this Pod in its network namespace; they were put right";
        notes.push(note(status, "PolicyTampered", message.to_owned(), "Repair"));
    }
    let is_news = |refused: &&(String, String)| before.is_none_or(|before| !before.refused.contains(refused));
    let refused = status.refused.iter().filter(is_news).take(PATHS);
    for (path, reason) in refused {
        let message = format!(
            "an endpoint of this Pod names the network namespace {}, which is not believed: {reason}",
            printable(path, false)
        );
        notes.push(note(status, "NetnsRefused", message, "Locate"));
    }
    for name in status.absent.iter().filter(|name| before.is_none_or(|before| !before.absent.contains(*name)))
    {
        let message = format!(
            "an endpoint of this Pod names the interface {name}, which the kernel does not have there: policies are not enforced \
             on a device that a program has taken over (DPDK, vfio), nor on one that was not made"
        );
        notes.push(note(status, "InterfaceNotEnforced", message, "Enforce"));
    }
    notes.extend(of_reference(status, before.map(|before| &*before.reference)));
    if status.more > before.map_or(0, |before| before.more) {
        let message = format!("{} more network namespaces of this Pod have no rules", status.more);
        notes.push(note(status, "PolicyNotEnforced", message, "Enforce"));
    }
    notes
}

/// What is to be told of a Pod that has waited for long.
pub(super) fn waiting(status: &Status) -> EventNote {
    let message = "no process of this Pod is found on its node, so its rules are nowhere; a static Pod is never found, because the uid \
                   of its cgroup is another";
    note(status, "PolicyNotEnforced", message.to_owned(), "Locate")
}

fn of_state(status: &Status, before: Option<&Status>) -> Option<EventNote> {
    match &status.state {
        State::Closed(reason) => {
            let message = format!(
                "its rules cannot be put into the kernel, so it is closed where policies isolate it: {reason}"
            );
            Some(note(status, "PolicyNotEnforced", message, "Enforce"))
        }
        State::Failed(reason) => {
            let message = format!("its rules cannot be put into the kernel, and stay as they were: {reason}");
            Some(note(status, "PolicyNotEnforced", message, "Enforce"))
        }
        State::Opened(by) => {
            let message =
                format!("{}: no policy is enforced in it; its peers' own rules still hold", by.words());
            Some(note(status, "PolicyOpened", message, "Open"))
        }
        State::Enforced | State::Audited if before.is_some_and(|before| before.state.is_amiss()) => {
            let message = "its rules are in the kernel again".to_owned();
            Some(EventNote { kind: EventKind::Normal, ..note(status, "PolicyEnforced", message, "Enforce") })
        }
        _ => None,
    }
}

/// What is to be told of rules of the reference.
fn of_reference(status: &Status, before: Option<&Remains>) -> Vec<EventNote> {
    let Remains { found, suspected, removals, problem } = &*status.reference;
    let nothing = Remains::default();
    let before = before.unwrap_or(&nothing);
    let mut notes = Vec::new();
    if !found.is_subset(&before.found) {
        let message = format!(
            "the reference Policer has left rules in this Pod's network namespace, in {}: what they do not allow they refuse, \
             whatever policies say now. If its DaemonSet is gone, --remove-reference-rules takes them away",
            list(found)
        );
        notes.push(note(status, "ReferenceRulesFound", message, "HandOver"));
    }
    if !suspected.is_subset(&before.suspected) {
        let message = format!(
            "rules in this Pod's network namespace may be the reference Policer's: {}",
            list(suspected)
        );
        let kind = EventKind::Normal;
        notes.push(EventNote { kind, ..note(status, "ReferenceRulesSuspected", message, "HandOver") });
    }
    if *removals > before.removals {
        let (kind, message) = if *removals == 1 {
            (EventKind::Normal, "rules of the reference Policer were taken away")
        } else {
            (
                EventKind::Warning,
                "rules of the reference Policer have come again, and were taken away again: its DaemonSet is at work",
            )
        };
        notes.push(EventNote {
            kind,
            ..note(status, "ReferenceRulesRemoved", message.to_owned(), "HandOver")
        });
    }
    if let Some(problem) = problem.as_ref().filter(|problem| before.problem.as_ref() != Some(*problem)) {
        notes.push(note(status, "ReferenceRulesStay", problem.clone(), "HandOver"));
    }
    notes
}

fn list(words: &BTreeSet<String>) -> String {
    words.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn note(status: &Status, reason: &str, message: String, action: &str) -> EventNote {
    EventNote {
        regarding: ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            namespace: Some(status.pod.namespace.to_string()),
            name: Some(status.pod.name.to_string()),
            uid: Some(status.uid.to_string()),
            ..ObjectReference::default()
        },
        kind: EventKind::Warning,
        reason: reason.to_owned(),
        message,
        action: action.to_owned(),
    }
}
