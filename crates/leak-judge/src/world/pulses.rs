//! Signs of life of kubelets: each renews a Lease of its own every few seconds, whatever becomes of its Node's status.
//!
//! A Node is called Ready for 40 s after its kubelet was heard last. Whether it has been heard since a certain moment is
//! told by two reads of its Lease with different versions, the first of which began after that moment.

use std::sync::Arc;

use hashbrown::HashMap;

use super::Version;
use crate::Moment;

/// What is known of the Leases that were asked for.
#[derive(Debug, Default)]
pub struct Pulses {
    by_node: HashMap<Arc<str>, Pulse>,
}

/// What is known of one.
#[derive(Clone, Copy, Debug)]
struct Pulse {
    /// Its version; `None` if there is no such Lease.
    version: Option<Version>,
    /// When the latest read began that showed this version.
    asked: Moment,
    /// It was renewed after this moment.
    heard_after: Option<Moment>,
}

impl Pulses {
    /// Whether a kubelet has been heard after a moment. Where kubelets have no Leases, their Nodes have to do.
    pub fn is_heard(&self, node: &str, after: Moment) -> bool {
        self.by_node.get(node).is_some_and(|pulse| {
            let is_heard = pulse.heard_after.is_some_and(|heard| heard >= after);
            is_heard || (pulse.version.is_none() && pulse.asked >= after)
        })
    }

    /// When the Lease of a kubelet was asked for last.
    pub fn asked(&self, node: &str) -> Option<Moment> {
        self.by_node.get(node).map(|pulse| pulse.asked)
    }

    /// Takes in the version of a Lease, and when the read that gave it began.
    pub(super) fn observe(&mut self, node: Arc<str>, version: Option<Version>, asked: Moment) {
        let before = self.by_node.get(&node).copied();
        if before.is_some_and(|before| before.asked > asked) {
            return;
        }
        let heard_after = before.and_then(|before| {
            let is_renewed = version.is_some() && before.version.is_some() && before.version != version;
            if is_renewed { Some(before.asked) } else { before.heard_after }
        });
        self.by_node.insert(node, Pulse { version, asked, heard_after });
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
            pulses.observe("a".into(), version.map(Version), at(*asked));
        }
        pulses
    }

    #[test]
    fn a_kubelet_is_heard_after_the_last_read_that_showed_an_earlier_version() {
        assert!(!pulses(&[(Some(7), 10)]).is_heard("a", at(0)), "one read tells nothing of time");
        let heard = pulses(&[(Some(7), 10), (Some(7), 12), (Some(8), 14)]);
        assert!(heard.is_heard("a", at(12)));
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
