//! What did not work, and how long it is left alone before it is tried again: each object for itself, so that
//! none holds up another.

use std::{collections::BTreeMap, time::Duration};

use danm_api::ApiGroup;
use leak_judge::{EndpointId, Moment, NetworkId, Version};

use crate::{ApiError, Failure};

/// What a request was about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A write to a network.
    Network(NetworkId),
    /// The delete of an endpoint, or what had to be known about it.
    Endpoint(EndpointId),
    /// The list of all endpoints.
    Endpoints(ApiGroup),
    /// The Lease of a Node's kubelet.
    NodeLease(String),
    /// Calico's datastore as a whole.
    Calico,
}

/// Something that did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setback {
    /// Why.
    pub error: ApiError,
    /// When it is tried again at the latest.
    pub until: Moment,
    /// In a conflict, the version that was not the latest: it is tried again once another is seen.
    pub outdated: Option<Version>,
    /// How often in a row.
    pub failures: u32,
}

/// All of them, in the order of what they are about: that in which people read them.
#[derive(Debug, Default)]
pub struct Setbacks {
    by_target: BTreeMap<Target, Setback>,
}

/// How long an object that is known to be newer than what was seen of it is waited for: longer than it takes
/// to notice that a watch has died.
const OUTDATED_FOR: Duration = Duration::from_secs(90);

/// The first pause after no answer, and the longest.
const UNANSWERED: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

/// The first pause after a refusal, and the longest: somebody has to change something.
const REFUSED: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(300)];

// === impl Setbacks ===

impl Setbacks {
    /// Remembers a failure of a request that was made for a version.
    pub fn record(&mut self, target: Target, error: ApiError, version: Option<Version>, now: Moment) {
        let failures = self.by_target.get(&target).map_or(0, |setback| setback.failures) + 1;
        let pause = |[first, longest]: [Duration; 2]| {
            first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest)
        };
        let (pause, outdated) = match error.failure {
            Failure::Conflict(_) | Failure::NotFound => (OUTDATED_FOR, version),
            Failure::Refused(_) => (pause(REFUSED), None),
            Failure::Unknown(_) => (pause(UNANSWERED), None),
        };
        self.by_target.insert(target, Setback { error, until: now + pause, outdated, failures });
    }

    /// It worked, or the object is gone.
    pub fn clear(&mut self, target: &Target) {
        self.by_target.remove(target);
    }

    /// Lifts conflicts over objects of which another version is seen now, or that are not seen any more. Tells
    /// whether there was one.
    pub fn lift(&mut self, version: impl Fn(&Target) -> Option<Version>) -> bool {
        let before = self.by_target.len();
        self.by_target
            .retain(|target, setback| setback.outdated.is_none() || setback.outdated == version(target));
        self.by_target.len() < before
    }

    /// What stands in the way of an object now.
    pub fn of(&self, target: &Target, now: Moment) -> Option<&Setback> {
        self.by_target.get(target).filter(|setback| setback.until > now)
    }

    /// When the next may be tried again.
    pub fn next(&self, now: Moment) -> Option<Moment> {
        self.by_target.values().map(|setback| setback.until).filter(|until| *until > now).min()
    }

    /// The same without what was refused: somebody has to change something, for which a single pass does not wait.
    pub fn next_but_refused(&self, now: Moment) -> Option<Moment> {
        let open = self.iter(now).map(|(_, setback)| setback);
        let open = open.filter(|setback| !matches!(setback.error.failure, Failure::Refused(_)));
        open.map(|setback| setback.until).min()
    }

    /// Those that stand in the way now.
    pub fn iter(&self, now: Moment) -> impl Iterator<Item = (&Target, &Setback)> {
        self.by_target.iter().filter(move |(_, setback)| setback.until > now)
    }

    /// Forgets those that were due long ago: whatever they were about did not come up again.
    pub fn prune(&mut self, now: Moment) {
        self.by_target.retain(|_, setback| now.since(setback.until) < OUTDATED_FOR + REFUSED[1]);
    }
}
