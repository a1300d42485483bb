//! How far the reading of each source got, and whether what is known is all there is. Who tells it is not known here.

use std::collections::BTreeMap;

use super::source::{CORE, Source};

/// How far the reading of a source got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Not listed yet.
    Pending,
    /// Listed, and watched since.
    Synced,
    /// It cannot be read, and why.
    Unavailable(String),
}

/// All sources that there are, as far as it is known.
#[derive(Debug)]
pub(super) struct Coverage {
    sources: BTreeMap<Source, Progress>,
    /// What DANM's kinds are; that is not known before the server was asked.
    discovery: Progress,
}

// === impl Progress ===

impl Progress {
    /// In words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Pending => "not listed yet".to_owned(),
            Self::Synced => "synced".to_owned(),
            Self::Unavailable(reason) => format!("cannot be read: {reason}"),
        }
    }
}

// === impl Coverage ===

impl Default for Coverage {
    fn default() -> Self {
        let sources = CORE.map(|source| (source, Progress::Pending));
        Self { sources: sources.into(), discovery: Progress::Pending }
    }
}

impl Coverage {
    /// The server said what it serves, or could not be asked. What was known before goes on to count.
    pub(super) fn discovered(&mut self, result: Result<(), String>) {
        match result {
            Ok(()) => self.discovery = Progress::Synced,
            Err(reason) if self.discovery != Progress::Synced => {
                self.discovery = Progress::Unavailable(reason);
            }
            Err(_) => {}
        }
    }

    /// A source to be read. One that was read before and is named again is as it was.
    pub(super) fn expect(&mut self, source: Source) {
        self.sources.entry(source).or_insert(Progress::Pending);
    }

    /// Of a source that the cluster does not have nobody expects anything.
    pub(super) fn forget(&mut self, source: Source) {
        self.sources.remove(&source);
    }

    pub(super) fn set(&mut self, source: Source, progress: Progress) {
        if let Some(before) = self.sources.get_mut(&source) {
            *before = progress;
        }
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = (Source, &Progress)> {
        self.sources.iter().map(|(source, progress)| (*source, progress))
    }

    /// Whether everything that is served was listed and is being watched.
    pub(super) fn is_complete(&self) -> bool {
        self.discovery == Progress::Synced
            && self.sources.values().all(|progress| *progress == Progress::Synced)
    }

    /// Why not, a line a reason.
    pub(super) fn gaps(&self) -> Vec<String> {
        let discovery = match &self.discovery {
            Progress::Synced => None,
            Progress::Pending => Some("the API server was not asked yet what it serves".to_owned()),
            Progress::Unavailable(reason) => {
                Some(format!("the API server does not say what it serves: {reason}"))
            }
        };
        let unread = self.sources().filter(|(_, progress)| **progress != Progress::Synced);
        let unread = unread.map(|(source, progress)| format!("{source}: {}", progress.words()));
        discovery.into_iter().chain(unread).collect()
    }
}
