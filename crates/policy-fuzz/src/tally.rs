//! What was judged: how many packets, how many of them passed, how many rulesets differed, and what was put to the test.
//! Says where that falls short of a proof.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use crate::Feature;

/// Of a hundred packets, how many have to pass at least, and may pass at most: else the worlds are all open or all closed.
const SHARE: std::ops::RangeInclusive<f64> = 20.0..=80.0;

/// Counts.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Worlds.
    pub worlds: u64,
    /// Packets judged by both.
    pub packets: u64,
    /// Packets that passed.
    pub allowed: u64,
    /// Packets by what they put to the test.
    features: BTreeMap<Feature, u64>,
    /// Hashes of the rulesets.
    rulesets: HashSet<u64>,
}

// === impl Tally ===

impl Tally {
    /// Counts what a packet put to the test.
    pub fn count(&mut self, allows: bool, features: &[Feature]) {
        self.packets += 1;
        self.allowed += u64::from(allows);
        for feature in features {
            *self.features.entry(*feature).or_default() += 1;
        }
    }

    /// Notes a ruleset by its hash.
    pub fn note_ruleset(&mut self, hash: u64) {
        self.rulesets.insert(hash);
    }

    /// Adds what another counted.
    pub fn add(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.packets += other.packets;
        self.allowed += other.allowed;
        self.rulesets.extend(other.rulesets);
        for (feature, count) in other.features {
            *self.features.entry(feature).or_default() += count;
        }
    }

    /// How many packets of a hundred passed.
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
    pub fn share(&self) -> f64 {
        100.0 * self.allowed as f64 / self.packets.max(1) as f64
    }

    /// How many packets put this to the test.
    pub fn of(&self, feature: Feature) -> u64 {
        self.features.get(&feature).copied().unwrap_or_default()
    }

    /// Where it falls short of a proof over this many packets.
    pub fn shortcomings(&self, packets: u64) -> Vec<String> {
        let mut found = Vec::new();
        if self.packets < packets {
            found.push(format!("only {} of {packets} packets were judged", self.packets));
        }
        if !SHARE.contains(&self.share()) {
            found.push(format!("{:.1} % of the packets passed: that is not between 20 and 80", self.share()));
        }
        let untried = Feature::ALL.iter().filter(|feature| self.of(**feature) == 0);
        found.extend(untried.map(|feature| format!("no packet was {}", feature.text())));
        found
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} packets judged in {} worlds; {:.1} % allowed; {} distinct rulesets",
            self.packets,
            self.worlds,
            self.share(),
            self.rulesets.len(),
        )?;
        for feature in Feature::ALL {
            writeln!(f, "{:>12}  {}", self.of(*feature), feature.text())?;
        }
        Ok(())
    }
}
