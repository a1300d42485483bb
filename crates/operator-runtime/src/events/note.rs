//! What an Event says, and how the API wants to hear it.

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Event, EventSource, ObjectReference},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};

/// Something worth telling the people an object belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct EventNote {
    /// The object.
    pub regarding: ObjectReference,
    /// Whether somebody should worry.
    pub kind: EventKind,
    /// What happened, as one word in camel case that machines can go by.
    pub reason: String,
    /// What happened, for people. What is longer than a kilobyte is cut.
    pub message: String,
    /// What was done, as one word in camel case.
    pub action: String,
}

/// Whether somebody should worry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// No.
    Normal,
    /// Yes.
    Warning,
}

/// What the server takes of a message, in bytes.
const MESSAGE: usize = 1024;

/// Says that a message was longer.
const CUT: &str = "…";

/// The server wants Events of objects without a namespace here.
const CLUSTER_SCOPED: &str = "default";

// === impl EventNote ===

impl EventNote {
    /// The Event, as published by this instance of a program at a time.
    pub(crate) fn into_event(self, component: &str, instance: &str, wall: Timestamp) -> Event {
        let kind = match self.kind {
            EventKind::Normal => "Normal",
            EventKind::Warning => "Warning",
        };
        let namespace = self.regarding.namespace.clone().filter(|namespace| !namespace.is_empty());
        Event {
            metadata: ObjectMeta {
                namespace: Some(namespace.unwrap_or_else(|| CLUSTER_SCOPED.to_owned())),
                // Not after the object: its name may be as long as a name can be.
                generate_name: Some(format!("{component}-")),
                ..ObjectMeta::default()
            },
            involved_object: self.regarding,
            type_: Some(kind.to_owned()),
            reason: Some(self.reason),
            message: Some(cut(self.message)),
            action: Some(self.action),
            reporting_component: Some(component.to_owned()),
            reporting_instance: Some(instance.to_owned()),
            source: Some(EventSource { component: Some(component.to_owned()), host: None }),
            count: Some(1),
            first_timestamp: Some(Time(wall)),
            last_timestamp: Some(Time(wall)),
            ..Event::default()
        }
    }
}

fn cut(mut message: String) -> String {
    if message.len() > MESSAGE {
        message.truncate(message.floor_char_boundary(MESSAGE - CUT.len()));
        message.push_str(CUT);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut_between_characters() {
        assert_eq!(cut("a".repeat(1024)), "a".repeat(1024));
        assert_eq!(cut("a".repeat(1025)), "a".repeat(1021) + CUT);
        assert_eq!(cut("ä".repeat(513)), "ä".repeat(510) + CUT);
    }

    #[test]
    fn events_are_where_their_objects_are() {
        let namespace_of = |namespace: Option<&str>| {
            let regarding =
                ObjectReference { namespace: namespace.map(str::to_owned), ..ObjectReference::default() };
            let note = EventNote {
                regarding,
                kind: EventKind::Normal,
                reason: String::new(),
                message: String::new(),
                action: String::new(),
            };
            note.into_event("danm-cleaner", "here", Timestamp::UNIX_EPOCH).metadata.namespace
        };
        assert_eq!(namespace_of(Some("tenant")).as_deref(), Some("tenant"));
        assert_eq!(namespace_of(None).as_deref(), Some("default"));
        assert_eq!(namespace_of(Some("")).as_deref(), Some("default"));
    }
}
