//! What has to be read before anything can be judged, and how far that got.

use std::{collections::BTreeMap, fmt};

use danm_api::{ApiGroup, ApiType, Change, DanmKind, NetworkKind};

use super::Observation;

/// A kind of object that is listed and watched on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Pods of all namespaces.
    Pods,
    /// Nodes.
    Nodes,
    /// Namespaces.
    Namespaces,
    /// One of DANM's kinds in one group.
    Danm(ApiType),
}

/// How far the reading of a source got.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Not listed yet.
    Pending,
    /// Listed, and watched since.
    Synced,
    /// It cannot be read.
    Unavailable(String),
}

/// Which sources a cluster has, and which of them were read.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    sources: BTreeMap<Source, State>,
}

// === impl Source ===

impl Source {
    /// Endpoints of a group.
    pub const fn endpoints(group: ApiGroup) -> Self {
        Self::Danm(ApiType { group, kind: DanmKind::DanmEp })
    }

    /// Networks of a kind in a group.
    pub const fn networks(group: ApiGroup, kind: NetworkKind) -> Self {
        Self::Danm(ApiType { group, kind: DanmKind::Network(kind) })
    }

    /// The reservations.
    pub const fn reservations() -> Self {
        Self::Danm(ApiType { group: ApiGroup::DanmIo, kind: DanmKind::ReservedIp })
    }

    /// Without these no verdict is safe: an endpoint that was not seen may be the rival of any other, and a namespace
    /// may say that its endpoints are to be left alone.
    pub const fn is_essential(self) -> bool {
        matches!(
            self,
            Self::Pods | Self::Nodes | Self::Namespaces | Self::Danm(ApiType { kind: DanmKind::DanmEp, .. })
        )
    }

    /// The source that has been listed completely by this observation, if one has.
    pub fn listed_by(observation: &Observation) -> Option<Self> {
        use Change::{ListEnds, Reset};
        match observation {
            Observation::Pods(Reset(_) | ListEnds) => Some(Self::Pods),
            Observation::Nodes(Reset(_) | ListEnds) => Some(Self::Nodes),
            Observation::Namespaces(Reset(_) | ListEnds) => Some(Self::Namespaces),
            Observation::Endpoints(group, Reset(_) | ListEnds) => Some(Self::endpoints(*group)),
            Observation::Networks(group, kind, Reset(_) | ListEnds) => Some(Self::networks(*group, *kind)),
            Observation::Reservations(Reset(_) | ListEnds) => Some(Self::reservations()),
            _ => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pods => f.write_str("pods"),
            Self::Nodes => f.write_str("nodes"),
            Self::Namespaces => f.write_str("namespaces"),
            Self::Danm(api) => write!(f, "{}.{}", api.kind.plural(), api.group),
        }
    }
}

// === impl Coverage ===

impl Coverage {
    pub(super) fn expecting(sources: impl IntoIterator<Item = Source>) -> Self {
        Self { sources: sources.into_iter().map(|source| (source, State::Pending)).collect() }
    }

    pub(super) fn synced(&mut self, source: Source) {
        self.sources.insert(source, State::Synced);
    }

    /// A source to be read. One that was read before and is named again is as it was.
    pub(super) fn expect(&mut self, source: Source) {
        self.sources.entry(source).or_insert(State::Pending);
    }

    pub(super) fn forget(&mut self, source: Source) {
        self.sources.remove(&source);
    }

    /// Of a source that the cluster does not have nobody expects anything.
    pub(super) fn unavailable(&mut self, source: Source, reason: String) {
        if let Some(state) = self.sources.get_mut(&source) {
            *state = State::Unavailable(reason);
        }
    }

    /// Whether the cluster has this source at all.
    pub fn serves(&self, source: Source) -> bool {
        self.sources.contains_key(&source)
    }

    /// Whether a source was listed and is being watched.
    pub fn is_synced(&self, source: Source) -> bool {
        self.sources.get(&source) == Some(&State::Synced)
    }

    /// Whether no source is still waited for.
    pub fn is_settled(&self) -> bool {
        !self.sources.values().any(|state| *state == State::Pending)
    }

    /// Whether verdicts are possible: every source without which none is safe was read.
    pub fn allows_verdicts(&self) -> bool {
        let mut essential = self.sources.iter().filter(|(source, _)| source.is_essential()).peekable();
        essential.peek().is_some() && essential.all(|(_, state)| *state == State::Synced)
    }

    /// The word for a source that was read.
    pub const SYNCED: &str = "synced";

    /// How far the reading of each source got, in words.
    pub fn states(&self) -> impl Iterator<Item = (Source, String)> {
        self.sources.iter().map(|(source, state)| {
            let state = match state {
                State::Pending => "not listed yet".to_owned(),
                State::Synced => Self::SYNCED.to_owned(),
                State::Unavailable(reason) => format!("cannot be read: {reason}"),
            };
            (*source, state)
        })
    }

    /// The sources that cannot be read, with the reasons.
    pub fn unreadable(&self) -> impl Iterator<Item = (Source, &str)> {
        self.sources.iter().filter_map(|(source, state)| match state {
            State::Unavailable(reason) => Some((*source, reason.as_str())),
            State::Pending | State::Synced => None,
        })
    }
}
