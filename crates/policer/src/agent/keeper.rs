//! Keeps what is known for the next start: when it is written, and what a start makes of it. The file itself is `store.rs`'s.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use policy_engine::{NamespacedName, Object};
use tokio::task::JoinHandle;

use super::{
    enforcement::intent::Certainty,
    knowledge::{Knowledge, Remembered},
    openings::Kept,
    store::{Store, Stored},
};

/// How old what is kept may be, where little is known. Rules stay in kernels whatever is kept; this is what Pods are judged by that come before the API
/// server does.
const INTERVAL: Duration = Duration::from_secs(10);

/// To list what is known holds up whoever takes news in. It is to take no more than a part of the time.
const PART: u32 = 200;

/// The files.
#[derive(Debug)]
struct Files {
    local: Store,
    world: Store,
    openings: Store<Kept>,
}

/// Keeps what is known.
#[derive(Debug)]
pub(super) struct Keeper {
    files: Arc<Files>,
    writing: Option<JoinHandle<()>>,
    /// What was known when it was written last, and when it may be written again.
    written: Option<(u64, Instant)>,
}

/// The Pods of this node as an agent has kept them in a folder: their names and uids. None, if nothing can be read there.
pub(crate) fn pods_of_this_node(folder: &Path) -> Vec<(NamespacedName, Arc<str>)> {
    let Stored::Objects(objects) = Keeper::new(folder).files.local.read() else { return Vec::new() };
    let pod = |object| match object {
        Object::Pod(name, pod) => Some((name, pod.uid)),
        _ => None,
    };
    objects.into_iter().filter_map(pod).collect()
}

// === impl Files ===

impl Files {
    fn write(&self, remembered: Remembered) {
        // What is known of the world is of no use without the Pods that it is for.
        // What is opened no longer is not to be found open beside what is new.
        let openings = self.openings.write(remembered.openings);
        let written = openings
            .and_then(|()| self.world.write(remembered.world))
            .and_then(|()| self.local.write(remembered.local));
        if let Err(error) = written {
            tracing::warn!("{error:#}; a start without the API server would begin with what was kept before");
        }
    }
}

// === impl Keeper ===

impl Keeper {
    pub(super) fn new(folder: &Path) -> Self {
        let files = Files {
            local: Store::new(folder.to_owned(), "pods-of-this-node"),
            world: Store::new(folder.to_owned(), "world"),
            openings: Store::new(folder.to_owned(), "openings"),
        };
        Self { files: Arc::new(files), writing: None, written: None }
    }

    /// What was kept, and how sure that is.
    pub(super) fn recall(&self) -> (Certainty, Remembered) {
        match (self.files.local.read(), self.files.world.read()) {
            (Stored::Corrupt(reason), _) | (_, Stored::Corrupt(reason)) => {
                tracing::error!(
                    "what was last known is lost: {reason}. Until everything is listed, Pods without rules are closed"
                );
                (Certainty::Lost, Remembered::default())
            }
            (Stored::Objects(local), Stored::Objects(world)) => {
                tracing::info!("beginning with {} objects that were last known", local.len() + world.len());
                (Certainty::Remembered, Remembered { local, world, openings: self.openings() })
            }
            // The world is written first.
            (Stored::Objects(_), Stored::Nothing) => {
                tracing::error!(
                    "what was last known of the cluster is gone. Until everything is listed, Pods without rules are closed"
                );
                (Certainty::Lost, Remembered::default())
            }
            // Nothing was ever enforced here.
            (Stored::Nothing, _) => (Certainty::Unknown, Remembered::default()),
        }
    }

    /// What was opened. Who cannot tell has nothing left open.
    fn openings(&self) -> Vec<Kept> {
        match self.files.openings.read() {
            Stored::Objects(openings) => openings,
            Stored::Nothing => Vec::new(),
            Stored::Corrupt(reason) => {
                tracing::error!("what was opened last is lost: {reason}. Nothing is open until it is listed");
                Vec::new()
            }
        }
    }

    /// Has what is known written, if that is due.
    pub(super) fn keep(&mut self, knowledge: &Knowledge) {
        let begun = Instant::now();
        let is_due =
            self.written.is_none_or(|(changes, then)| changes != knowledge.changes() && then <= begun);
        let is_free = self.writing.as_ref().is_none_or(JoinHandle::is_finished);
        if !knowledge.coverage().is_complete() || !is_due || !is_free {
            return;
        }
        let (files, remembered) = (Arc::clone(&self.files), knowledge.remembered());
        let pause = INTERVAL.max(PART * begun.elapsed());
        self.written = Some((knowledge.changes(), begun + pause));
        self.writing = Some(tokio::task::spawn_blocking(move || files.write(remembered)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regression: without what is known of the world, Pods that came before the API server were left open.
    #[test]
    fn what_is_known_of_pods_alone_is_not_enough_to_begin_with() {
        let folder = tempfile::tempdir().expect("a folder");
        let keeper = Keeper::new(folder.path());
        assert_eq!(keeper.recall().0, Certainty::Unknown);
        keeper.files.world.write([]).expect("written");
        assert_eq!(keeper.recall().0, Certainty::Unknown, "that is written first");
        let opened = [Kept::Namespace("x".into())];
        keeper.files.openings.write(opened.clone()).expect("written");
        keeper.files.local.write([]).expect("written");
        let (certainty, remembered) = keeper.recall();
        assert_eq!((certainty, &remembered.openings[..]), (Certainty::Remembered, &opened[..]));
        std::fs::write(folder.path().join("openings"), "open").expect("written");
        assert_eq!(keeper.recall().0, Certainty::Remembered, "all else is known");
        assert_eq!(keeper.recall().1.openings, []);
        std::fs::remove_file(folder.path().join("world")).expect("it was there");
        assert_eq!(keeper.recall().0, Certainty::Lost);
    }
}
