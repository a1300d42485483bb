//! What has been counted since it was asked last, made of counters that go on as long as their rules are there. Pure: who reads
//! counters is the worker.

use std::collections::HashMap;

use policy_dataplane::Count;
use policy_engine::Counter;

/// The counters of a table as they were read last.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Packets by the number of their rule.
    packets: HashMap<u64, u64>,
    /// Whether what was counted before the first reading is somebody else's.
    is_found: bool,
}

// === impl Tally ===

impl Tally {
    /// Of a table that an agent before us has made.
    pub(super) fn of_found() -> Self {
        Self { is_found: true, ..Self::default() }
    }

    /// Packets that came since the last reading. A rule that has counted less than before is another.
    pub(super) fn take(&mut self, counts: &[Count]) -> Vec<(Counter, u64)> {
        let before = std::mem::take(&mut self.packets);
        let since = |count: &Count| {
            let before = before.get(&count.handle).copied().unwrap_or_default();
            count.packets.checked_sub(before).unwrap_or(count.packets)
        };
        let mut more: Vec<(Counter, u64)> = counts
            .iter()
            .map(|count| (count.counter.clone(), since(count)))
            .filter(|(_, more)| *more > 0)
            .collect();
        if std::mem::take(&mut self.is_found) {
            more.clear();
        }
        self.packets = counts.iter().map(|count| (count.handle, count.packets)).collect();
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(u64, u64)]) -> Vec<Count> {
        let counter = Counter::read("ingress_eth0", "denied").expect("ours");
        let count = |&(handle, packets)| Count { handle, counter: counter.clone(), packets, bytes: packets };
        of.iter().map(count).collect()
    }

    fn more(tally: &mut Tally, of: &[(u64, u64)]) -> Vec<u64> {
        tally.take(&counts(of)).into_iter().map(|(_, more)| more).collect()
    }

    #[test]
    fn packets_are_counted_once_whatever_becomes_of_rules() {
        let mut tally = Tally::default();
        assert_eq!(more(&mut tally, &[(1, 3), (2, 1)]), [3, 1]);
        assert_eq!(more(&mut tally, &[(1, 3), (2, 5)]), [4]);
        // Rule 1 is another in a table that was made anew, and rule 2 is gone.
        assert_eq!(more(&mut tally, &[(1, 2), (3, 7)]), [2, 7]);
        assert_eq!(more(&mut tally, &[(1, 2), (3, 7)]), [0; 0]);
    }

    #[test]
    fn what_was_counted_for_an_agent_before_us_is_not_counted_again() {
        let mut tally = Tally::of_found();
        assert_eq!(more(&mut tally, &[(1, 3)]), [0; 0]);
        assert_eq!(more(&mut tally, &[(1, 4)]), [1]);
    }
}
