//! The annotation by which somebody opens a namespace or a Pod, whatever policies say: what it says, and how people are told. Who may write
//! it is said in `deploy/policer/opening.yaml`, and what follows for the Pods of a node in `agent/openings.rs`.

use std::collections::BTreeMap;

use serde_json::Value;

/// The annotation of a Namespace, or of a Pod.
pub(crate) const ANNOTATION: &str = "danm.io/policer";

/// What it says where it opens.
const OPEN: &str = "open";

/// What the annotation of an object says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// That it is open.
    Open,
    /// Something else, which opens nothing.
    Other(String),
}

/// Whose annotation opens a Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenedBy {
    /// Its namespace's.
    Namespace,
    /// Its own.
    Pod,
}

// === impl Word ===

impl Word {
    /// What an object with these annotations says, if it says anything.
    pub(crate) fn read(annotations: Option<&BTreeMap<String, String>>) -> Option<Self> {
        annotations?.get(ANNOTATION).map(|word| Self::from(&**word))
    }

    /// The same of an object as it is written.
    pub(crate) fn of(object: &Value) -> Option<Self> {
        object["metadata"]["annotations"][ANNOTATION].as_str().map(Self::from)
    }
}

impl From<&str> for Word {
    fn from(word: &str) -> Self {
        if word == OPEN { Self::Open } else { Self::Other(word.to_owned()) }
    }
}

// === impl OpenedBy ===

impl OpenedBy {
    /// What opens a Pod, in words.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Namespace => "the annotation danm.io/policer of its namespace opens it",
            Self::Pod => "its annotation danm.io/policer opens it",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_word_opens_and_no_other_spelling_of_it() {
        let read = |word: &str| Word::read(Some(&BTreeMap::from([(ANNOTATION.to_owned(), word.to_owned())])));
        assert_eq!(read("open"), Some(Word::Open));
        for word in ["", "Open", "open ", "opened", "true", "closed"] {
            assert_eq!(read(word), Some(Word::Other(word.to_owned())));
        }
        assert_eq!(Word::read(Some(&BTreeMap::new())), None);
        assert_eq!(Word::read(None), None);
        let object = json!({"metadata": {"annotations": {ANNOTATION: "open"}}});
        assert_eq!((Word::of(&object), Word::of(&json!({"metadata": 7}))), (Some(Word::Open), None));
    }

    #[test]
    fn what_people_are_told_names_the_annotation() {
        assert!([OpenedBy::Namespace, OpenedBy::Pod].iter().all(|by| by.words().contains(ANNOTATION)));
    }
}
