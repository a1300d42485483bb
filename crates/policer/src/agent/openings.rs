//! Which namespaces, and which Pods of this node, an annotation opens, as far as that is known. Nothing is opened by what is not: neither by an
//! object that cannot be read, nor by what was only known before. What becomes of their Pods is decided in `enforcement/intent.rs`.

use std::{collections::BTreeMap, sync::Arc};

use operator_runtime::printable;
use policy_engine::{Key, NamespacedName};
use serde::{Deserialize, Serialize};

use crate::opening::{ANNOTATION, OpenedBy, Word};

/// What is opened.
#[derive(Debug, Default)]
pub(super) struct Openings {
    /// Whether the annotations of Pods count, too.
    heeds_pods: bool,
    /// By Namespaces and Pods.
    open: BTreeMap<Key, Open>,
    /// What was said that opens nothing, so that it is told once.
    idle: BTreeMap<Key, Word>,
}

/// An object that says to be open.
#[derive(Clone, Debug, PartialEq)]
struct Open {
    /// Which Pod of its name; of a Namespace nothing.
    uid: Arc<str>,
    /// Whether a watch told of it since the agent started.
    is_listed: bool,
}

/// Why a Pod is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    /// Whose annotation says so.
    pub(super) by: OpenedBy,
    /// Whether it is known since the agent started; if not, it was so when an agent was here last.
    pub(super) is_listed: bool,
}

/// What was opened when somebody kept that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Kept {
    /// A namespace.
    Namespace(Arc<str>),
    /// A Pod with this uid.
    Pod(NamespacedName, Arc<str>),
}

/// So much of a word is told that is not understood.
const TOLD: usize = 40;

// === impl Openings ===

impl Openings {
    /// From now on the annotations of Pods count, too.
    pub(super) const fn heed_pods(&mut self) {
        self.heeds_pods = true;
    }

    /// A Namespace, or the Pod with this uid, says this. Tells whether it makes a difference.
    pub(super) fn hear(&mut self, key: &Key, uid: &Arc<str>, word: Option<Word>) -> bool {
        let is_heeded = self.heeds_pods || matches!(key, Key::Namespace(_));
        let is_open = is_heeded && word == Some(Word::Open);
        match word.filter(|_| !is_open) {
            Some(word) => self.pass_over(key, word),
            None => drop(self.idle.remove(key)),
        }
        if !is_open {
            return self.close(key);
        }
        let open = Open { uid: Arc::clone(uid), is_listed: true };
        let before = self.open.insert(key.clone(), open.clone());
        if before.as_ref().is_none_or(|before| !before.is_listed) {
            tracing::warn!(
                "{} is opened by its annotation {ANNOTATION}: no policy is enforced there",
                name(key)
            );
        }
        before != Some(open)
    }

    /// A Namespace or a Pod is not there any more. Tells whether that makes a difference.
    pub(super) fn forget(&mut self, key: &Key) -> bool {
        self.idle.remove(key);
        self.close(key)
    }

    fn close(&mut self, key: &Key) -> bool {
        let was_open = self.open.remove(key).is_some();
        if was_open {
            tracing::info!("{} is opened no longer: policies are enforced there again", name(key));
        }
        was_open
    }

    fn pass_over(&mut self, key: &Key, word: Word) {
        if self.idle.get(key) == Some(&word) {
            return;
        }
        let name = name(key);
        match &word {
            Word::Open => tracing::warn!(
                "the annotation {ANNOTATION} of {name} opens nothing: the agent runs without --pod-annotation"
            ),
            Word::Other(word) => {
                let word: String = printable(word, false).chars().take(TOLD).collect();
                tracing::warn!("the annotation {ANNOTATION} of {name} says {word:?}, which opens nothing");
            }
        }
        self.idle.insert(key.clone(), word);
    }

    /// Why the Pod with this uid is open, if it is.
    pub(super) fn of(&self, pod: &NamespacedName, uid: &Arc<str>) -> Option<Opening> {
        if self.open.is_empty() {
            return None;
        }
        let by = |by: OpenedBy| move |open: &Open| Opening { by, is_listed: open.is_listed };
        let namespace = self.open.get(&Key::Namespace(Arc::clone(&pod.namespace)));
        let pod = self.open.get(&Key::Pod(pod.clone())).filter(|open| open.uid == *uid);
        let all = [pod.map(by(OpenedBy::Pod)), namespace.map(by(OpenedBy::Namespace))];
        all.into_iter().flatten().max_by_key(|opening| opening.is_listed)
    }

    /// The namespaces that are open.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = &Arc<str>> {
        let listed = self.open.iter().filter(|(_, open)| open.is_listed);
        listed.filter_map(|(key, _)| match key {
            Key::Namespace(name) => Some(name),
            _ => None,
        })
    }

    /// Begins with what was kept.
    pub(super) fn restore(&mut self, kept: Vec<Kept>) {
        for kept in kept {
            let (key, uid) = match kept {
                Kept::Namespace(name) => (Key::Namespace(name), Arc::from("")),
                Kept::Pod(name, uid) if self.heeds_pods => (Key::Pod(name), uid),
                Kept::Pod(..) => continue,
            };
            self.open.insert(key, Open { uid, is_listed: false });
        }
    }

    /// What is to be kept.
    pub(super) fn kept(&self) -> Vec<Kept> {
        let kept = self.open.iter().filter_map(|(key, open)| match key {
            Key::Namespace(name) => Some(Kept::Namespace(Arc::clone(name))),
            Key::Pod(name) => Some(Kept::Pod(name.clone(), Arc::clone(&open.uid))),
            _ => None,
        });
        kept.collect()
    }
}

fn name(key: &Key) -> String {
    let kind = if matches!(key, Key::Namespace(_)) { "namespace" } else { "Pod" };
    format!("{kind} {}", super::knowledge::name_of(key))
}

#[cfg(test)]
mod tests;
