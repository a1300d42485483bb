//! The brake on mass release: when too many allocations look dangling at once, the look is doubted before the
//! cluster is. A list that came back empty looks like the loss of every Pod.

use std::{fmt, num::ParseIntError, str::FromStr};

use crate::{Finding, Reason, Verdict};

/// When the brake trips: at more than both limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brake {
    /// The share, or number, of the judged endpoints.
    pub limit: Limit,
    /// Below this number it never trips.
    pub min: usize,
}

/// A number of endpoints, or a share of those judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Per cent of the judged.
    Percent(u8),
    /// A number.
    Count(usize),
}

impl Brake {
    /// Whether so many proofs of this kind are too many to be believed at once.
    pub fn trips(self, judged: usize, to_release: usize) -> bool {
        let limit = match self.limit {
            Limit::Percent(percent) => judged.saturating_mul(usize::from(percent)) / 100,
            Limit::Count(count) => count,
        };
        to_release > self.min && to_release > limit
    }

    /// Whether a proof rests on the absence of the Pod alone, which a faulty list can feign. A Node that is gone, or
    /// has been started anew, is a second witness; that one does not answer is none.
    pub fn concerns(finding: Finding) -> bool {
        finding.verdict == Verdict::Dangling
            && matches!(finding.reason, Reason::PodGone | Reason::NodeUnreachable)
    }
}

impl fmt::Display for Brake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.limit {
            Limit::Percent(percent) => write!(f, "{percent}% and {}", self.min),
            Limit::Count(count) => write!(f, "{} endpoints", count.max(self.min)),
        }
    }
}

impl FromStr for Limit {
    type Err = String;

    /// Reads `50%` or `200`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |error: ParseIntError| format!("{text:?} is neither a count nor a percentage: {error}");
        match text.strip_suffix('%') {
            Some(percent) => match percent.parse::<u8>().map_err(wrong)? {
                percent @ 0..=100 => Ok(Self::Percent(percent)),
                percent => Err(format!("{percent}% is more than everything")),
            },
            None => text.parse().map(Self::Count).map_err(wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_trips_above_both_limits_only() {
        let brake = Brake { limit: Limit::Percent(50), min: 100 };
        let cases =
            [(10, 10, false), (1000, 100, false), (1000, 500, false), (1000, 501, true), (101, 101, true)];
        for (judged, to_release, trips) in cases {
            assert_eq!(brake.trips(judged, to_release), trips, "{to_release} of {judged}");
        }
        assert!(Brake { limit: Limit::Count(20), min: 0 }.trips(1000, 21));
    }

    #[test]
    fn limits_are_counts_or_percentages() {
        assert_eq!("50%".parse(), Ok(Limit::Percent(50)));
        assert_eq!("200".parse(), Ok(Limit::Count(200)));
        for text in ["", "%", "101%", "-1", "1.5%", "half"] {
            assert!(text.parse::<Limit>().is_err(), "{text:?}");
        }
    }
}
