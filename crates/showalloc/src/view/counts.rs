//! How many addresses of some range are in which state. Counts are added, never looked at one address at a time.

use std::{collections::BTreeMap, fmt};

use danm_ipam::State;

use crate::document::utilisation;

/// Numbers of addresses by state; states without addresses are not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<State, u64>);

// === impl Counts ===

impl Counts {
    /// Adds addresses.
    pub fn add(&mut self, state: State, addresses: u64) {
        if addresses > 0 {
            let count = self.0.entry(state).or_default();
            *count = count.saturating_add(addresses);
        }
    }

    /// Number of addresses in a state.
    pub fn of(&self, state: State) -> u64 {
        self.0.get(&state).copied().unwrap_or_default()
    }

    /// The states that there are, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (State, u64)> + '_ {
        self.0.iter().map(|(state, count)| (*state, *count))
    }

    /// Number of addresses that are taken, rightly or not.
    pub fn taken(&self) -> u64 {
        self.iter().filter(|(state, _)| state.is_taken()).map(|(_, count)| count).sum()
    }

    /// The share of the usable addresses that are taken, from 0 to 1.
    pub fn utilisation(&self) -> f64 {
        utilisation(self.taken(), self.of(State::Free))
    }
}

impl Extend<(State, u64)> for Counts {
    fn extend<T: IntoIterator<Item = (State, u64)>>(&mut self, counts: T) {
        counts.into_iter().for_each(|(state, count)| self.add(state, count));
    }
}

impl FromIterator<(State, u64)> for Counts {
    fn from_iter<T: IntoIterator<Item = (State, u64)>>(counts: T) -> Self {
        let mut all = Self::default();
        all.extend(counts);
        all
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.iter().map(|(state, count)| format!("{count} {state}")).collect();
        f.write_str(&words.join(", "))
    }
}
