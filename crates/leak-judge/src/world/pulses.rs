//! Signs of life of kubelets: each renews a Lease of its own every few seconds, whatever becomes of its Node's status.
//!
//! A Node is called Ready for 40 s after its kubelet was heard last. Whether it has been heard since a certain moment is
//! told by two reads of its Lease with different versions, the first of which began after that moment.

use std::{collections::VecDeque, sync::Arc};

use hashbrown::HashMap;

use super::Version;
use crate::Moment;

/// What is known of the Leases that were asked for.
#[derive(Debug, Default)]
pub struct Pulses {
    by_node: HashMap<Arc<str>, Pulse>,
}

/// What is known of one.
#[derive(Clone, Debug)]
struct Pulse {
    /// Its version; `None` if there is no such Lease.
    version: Option<Version>,
    /// When the latest read began that showed this version.
    asked: Moment,
    /// Its renewals, the latest last.
    renewals: VecDeque<Renewal>,
}

/// A renewal that two reads have shown.
#[derive(Clone, Copy, Debug)]
struct Renewal {
    /// When the last read began that did not show it.
    after: Moment,
    /// When it was seen.
    seen: Moment,
}

/// Renewals that are remembered: some minutes of them.
const REMEMBERED: usize = 32;

impl Pulses {
    /// Whether a kubelet has been heard after a moment. Where kubelets have no Leases, their Nodes have to do.
    pub fn is_heard(&self, node: &str, after: Moment) -> bool {
        self.heard_at(node, after).is_some()
    }

    /// When a kubelet was first seen to have been heard after a moment. It may have been away until then: what it is to
    /// stop it stops from then on.
    pub fn heard_at(&self, node: &str, after: Moment) -> Option<Moment> {
        let pulse = self.by_node.get(node)?;
        let renewal = pulse.renewals.iter().find(|renewal| renewal.after >= after);
        let has_none = pulse.version.is_none() && pulse.asked >= after;
        renewal.map(|renewal| renewal.seen).or_else(|| has_none.then_some(after))
    }

    /// When the Lease of a kubelet was asked for last.
    pub fn asked(&self, node: &str) -> Option<Moment> {
        self.by_node.get(node).map(|pulse| pulse.asked)
    }

    /// Keeps those of Nodes that are there.
    pub(super) fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.by_node.retain(|node, _| is_there(node));
    }

    /// Takes in the version of a Lease, and when the read that gave it began.
    pub(super) fn observe(&mut self, node: Arc<str>, version: Option<Version>, asked: Moment, now: Moment) {
        let Some(pulse) = self.by_node.get_mut(&node) else {
            self.by_node.insert(node, Pulse { version, asked, renewals: VecDeque::new() });
            return;
        };
        if pulse.asked > asked {
            return;
        }
        if version.is_some() && pulse.version.is_some() && pulse.version != version {
            if pulse.renewals.len() == REMEMBERED {
                pulse.renewals.pop_front();
            }
            pulse.renewals.push_back(Renewal { after: pulse.asked, seen: now });
        }
        (pulse.version, pulse.asked) = (version, asked);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::START + Duration::from_secs(seconds)
    }

    fn pulses(reads: &[(Option<u64>, u64)]) -> Pulses {
        let mut pulses = Pulses::default();
        for (version, asked) in reads {
            pulses.observe("a".into(), version.map(Version), at(*asked), at(*asked + 1));
        }
        pulses
    }

    #[test]
    fn a_kubelet_is_heard_after_the_last_read_that_showed_an_earlier_version() {
        assert!(!pulses(&[(Some(7), 10)]).is_heard("a", at(0)), "one read tells nothing of time");
        let heard = pulses(&[(Some(7), 10), (Some(7), 12), (Some(8), 14)]);
        assert!(heard.is_heard("a", at(12)));
        assert_eq!(heard.heard_at("a", at(12)), Some(at(15)), "it may have been away until it was seen");
        assert!(!heard.is_heard("a", at(13)), "it may have been between the two");
        assert!(!heard.is_heard("b", at(0)));
    }

    #[test]
    fn a_kubelet_without_a_lease_is_known_by_its_node_alone() {
        let none = pulses(&[(None, 10)]);
        assert!(none.is_heard("a", at(10)));
        assert!(!none.is_heard("a", at(11)), "it has to be asked for again");
        assert!(!pulses(&[(None, 10), (Some(7), 12)]).is_heard("a", at(11)), "a new one begins to count");
    }

    #[test]
    fn a_read_that_was_overtaken_tells_nothing() {
        let pulses = pulses(&[(Some(8), 14), (Some(7), 10)]);
        assert!(!pulses.is_heard("a", at(0)));
    }
}
