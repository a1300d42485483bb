//! What a pass came to, in numbers.

use std::{collections::BTreeMap, fmt};

use leak_judge::{Action, Reason, Row, Verdict};

/// How many allocations had which fate, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    counts: BTreeMap<(Action, Verdict, Reason), usize>,
}

impl Summary {
    /// Counts a row.
    pub fn add(&mut self, row: &Row) {
        *self.counts.entry((row.action, row.verdict, row.reason)).or_default() += 1;
    }

    /// How many had this fate, whatever the reason.
    pub fn count(&self, action: Action) -> usize {
        self.counts.iter().filter(|((counted, _, _), _)| *counted == action).map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Summary {
    /// A table, or a sentence where there is nothing to count.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.counts.is_empty() {
            return f.write_str("no allocations found");
        }
        write!(f, "{:<14} {:<9} {:<20} {:>11}", "ACTION", "VERDICT", "REASON", "ALLOCATIONS")?;
        for ((action, verdict, reason), count) in &self.counts {
            let [action, verdict] = [word(action), word(verdict)];
            write!(f, "\n{action:<14} {verdict:<9} {:<20} {count:>11}", reason.code())?;
        }
        Ok(())
    }
}

/// The word of the report, so that a line here finds its rows there.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_counts_by_fate_and_reason() {
        let mut summary = Summary::default();
        assert_eq!(summary.to_string(), "no allocations found");
        summary.counts.insert((Action::Kept, Verdict::Live, Reason::PodExists), 7);
        summary.counts.insert((Action::Held, Verdict::Unknown, Reason::NodeNotReady), 2);
        summary.counts.insert((Action::Held, Verdict::Unknown, Reason::NoEndpoint), 1);
        assert_eq!(summary.count(Action::Held), 3);
        let table = "\
ACTION         VERDICT   REASON               ALLOCATIONS
held           unknown   node-not-ready                 2
held           unknown   no-endpoint                    1
kept           live      pod-exists                     7";
        assert_eq!(summary.to_string(), table);
    }
}
