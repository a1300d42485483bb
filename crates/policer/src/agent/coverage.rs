//! How far the reading of each source got, and whether what is known is all there is. Who tells it is not known here.

use std::collections::BTreeMap;

use danm_api::DanmKind;

use super::{
    pod_scope::PodScope,
    source::{CORE, Source},
};

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
    /// Whether it was decided which Pods are needed in full.
    has_decided: bool,
    /// Whether everything was known once.
    was_complete: bool,
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
        Self {
            sources: sources.into(),
            discovery: Progress::Pending,
            has_decided: false,
            was_complete: false,
        }
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
    pub(super) fn forget(&mut self, source: &Source) {
        self.sources.remove(source);
    }

    /// Notes how far a source got. Tells whether that is news; of a source that nobody expects nothing is.
    pub(super) fn set(&mut self, source: &Source, progress: Progress) -> bool {
        let Some(before) = self.sources.get_mut(source).filter(|before| **before != progress) else {
            return false;
        };
        *before = progress;
        true
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = (&Source, &Progress)> {
        self.sources.iter()
    }

    /// Whether a source was listed, and is being watched.
    pub(super) fn is_synced(&self, source: &Source) -> bool {
        self.sources.get(source) == Some(&Progress::Synced)
    }

    /// Whether all endpoints are known, and all Pods that they may name; and whether there can be endpoints at all.
    pub(super) fn knows_who_is_named(&self) -> (bool, bool) {
        let is_of_endpoints =
            |source: &Source| matches!(source, Source::Danm(api) if api.kind == DanmKind::DanmEp);
        let mut endpoints = self.sources.keys().filter(|source| is_of_endpoints(source)).peekable();
        let has_endpoints = endpoints.peek().is_some();
        let others = Source::Pods(PodScope::Others);
        let all = endpoints.chain([&others]).all(|source| self.is_synced(source));
        (all && self.discovery == Progress::Synced, has_endpoints)
    }

    /// It was decided what is needed in full, and that is expected.
    pub(super) fn decided(&mut self) {
        self.has_decided = true;
        self.was_complete |= self.is_complete();
    }

    /// Whether everything that is served was listed and is being watched.
    pub(super) fn is_complete(&self) -> bool {
        self.has_decided
            && self.discovery == Progress::Synced
            && self.sources().all(|(source, progress)| !self.is_gap(source, progress))
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
        let unread = self.sources().filter(|(source, progress)| self.is_gap(source, progress));
        let unread = unread.map(|(source, progress)| format!("{source}: {}", progress.words()));
        let mut gaps: Vec<String> = discovery.into_iter().chain(unread).collect();
        if gaps.is_empty() && !self.has_decided {
            gaps.push("it is not decided yet which pods are needed in full".to_owned());
        }
        gaps
    }

    /// Whether something is missing as long as a source is no further. Pods of which more is needed than before are known
    /// meanwhile, as they were.
    fn is_gap(&self, source: &Source, progress: &Progress) -> bool {
        match progress {
            Progress::Synced => false,
            Progress::Pending => !(self.was_complete && source.is_on_demand()),
            Progress::Unavailable(_) => true,
        }
    }
}
