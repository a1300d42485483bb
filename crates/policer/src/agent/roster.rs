//! One Pod as several watches tell of it. They know of changes in any order, and not all of them know all of a Pod: what
//! follows from that is decided here, and what is needed of whom in `depth.rs`.

use std::collections::BTreeMap;

use policy_engine::{Labels, NamespacedName, Pod};

use super::pod_scope::PodScope;

/// All Pods that any watch tells of.
#[derive(Debug, Default)]
pub(super) struct Roster {
    sightings: BTreeMap<NamespacedName, Vec<(PodScope, Sighting)>>,
}

/// A Pod as one watch tells of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sighting {
    /// Its version. They grow with time, whoever tells of them.
    pub(super) version: u64,
    /// What is known of it; of what is not, nothing.
    pub(super) pod: Pod,
}

/// A Pod that is there.
#[derive(Debug, PartialEq)]
pub(super) struct Present {
    pub(super) pod: Pod,
    /// Whether it is of this node.
    pub(super) is_local: bool,
}

// === impl Roster ===

impl Roster {
    /// A watch tells of a Pod.
    pub(super) fn see(&mut self, scope: &PodScope, name: &NamespacedName, sighting: Sighting) {
        // Most Pods are of other nodes, of which one watch tells.
        let all = self.sightings.entry(name.clone()).or_insert_with(|| Vec::with_capacity(1));
        match all.iter_mut().find(|(by, _)| by == scope) {
            Some((_, before)) => *before = sighting,
            None => all.push((scope.clone(), sighting)),
        }
    }

    /// A watch tells of a Pod no longer.
    pub(super) fn lose(&mut self, scope: &PodScope, name: &NamespacedName) {
        let Some(all) = self.sightings.get_mut(name) else { return };
        all.retain(|(by, _)| by != scope);
        if all.is_empty() {
            self.sightings.remove(name);
        }
    }

    /// Whether a watch tells of a Pod of this name.
    pub(super) fn is_seen_by(&self, scope: &PodScope, name: &NamespacedName) -> bool {
        self.sightings.get(name).is_some_and(|all| all.iter().any(|(by, _)| by == scope))
    }

    /// The Pod of this name, if it is there.
    pub(super) fn present(&self, name: &NamespacedName) -> Option<Present> {
        present(self.sightings.get(name)?)
    }

    /// Keeps labels once that are the same.
    pub(super) fn share(&mut self, name: &NamespacedName, labels: &Labels) {
        let all = self.sightings.get_mut(name).into_iter().flatten();
        let same = all.filter(|(_, sighting)| sighting.pod.labels == *labels);
        same.for_each(|(_, sighting)| sighting.pod.labels = Labels::clone(labels));
    }
}

/// The Pod of which the latest version tells, by what the watch knows that knows most of it.
///
/// Whether it is there, the two watches say that tell of all Pods between them: one that only adds to what is known may lag
/// behind, and keeps nobody in.
fn present(sightings: &[(PodScope, Sighting)]) -> Option<Present> {
    let (_, latest) = sightings.iter().max_by_key(|(scope, it)| (it.version, scope.depth()))?;
    let same = || sightings.iter().filter(|(_, it)| it.pod.uid == latest.pod.uid);
    if same().all(|(scope, _)| scope.is_on_demand()) {
        return None;
    }
    let (_, deepest) = same().max_by_key(|(scope, it)| (scope.depth(), it.version))?;
    Some(Present {
        // Labels are in metadata, too, and it is them that selectors go by.
        pod: Pod { labels: Labels::clone(&latest.pod.labels), ..deepest.pod.clone() },
        is_local: same().any(|(scope, _)| *scope == PodScope::Local),
    })
}

#[cfg(test)]
mod tests;
