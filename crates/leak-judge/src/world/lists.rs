//! When the sources were listed, as far as it matters to reads.
//!
//! A list shows who is there, and the watch that follows it tells what happens next. What came and went before the list
//! was made is told by nobody: a read that began before that, and is answered after it, would show it for ever. So a read
//! that overlaps a list of the same source counts as nothing.

use std::collections::{BTreeMap, BTreeSet};

use danm_api::Change;

use super::{Observation, Source};
use crate::Moment;

/// The lists of all sources.
#[derive(Debug, Default)]
pub struct Lists {
    under_way: BTreeSet<Source>,
    ended: BTreeMap<Source, Moment>,
}

impl Lists {
    pub(super) fn observe(&mut self, observation: &Observation, now: Moment) {
        if let Some(source) = begun_by(observation) {
            self.under_way.insert(source);
        }
        if let Some(source) = Source::listed_by(observation) {
            self.under_way.remove(&source);
            self.ended.insert(source, now);
        }
    }

    /// Whether a source is being listed.
    pub(super) fn is_under_way(&self, source: Source) -> bool {
        self.under_way.contains(&source)
    }

    /// Whether a list of a source was under way at a moment or later.
    pub(super) fn overlap(&self, source: Source, began: Moment) -> bool {
        self.is_under_way(source) || self.ended.get(&source).is_some_and(|ended| *ended > began)
    }
}

fn begun_by(observation: &Observation) -> Option<Source> {
    match observation {
        Observation::Pods(Change::ListBegins) => Some(Source::Pods),
        Observation::Nodes(Change::ListBegins) => Some(Source::Nodes),
        Observation::Namespaces(Change::ListBegins) => Some(Source::Namespaces),
        Observation::Endpoints(group, Change::ListBegins) => Some(Source::endpoints(*group)),
        Observation::Networks(group, kind, Change::ListBegins) => Some(Source::networks(*group, *kind)),
        Observation::Reservations(Change::ListBegins) => Some(Source::reservations()),
        _ => None,
    }
}
