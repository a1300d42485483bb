//! Many schedules, shared by a few threads, and what they came to.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use crate::{
    mutant::Mutant,
    schedule::{Outcome, Schedule},
    tally::Tally,
    violation::Violation,
};

/// What many schedules came to.
#[derive(Debug, Default)]
pub struct Survey {
    /// Everything counted.
    pub tally: Tally,
    /// The numbers of requests per schedule, counted.
    pub calls: Histogram,
    /// The numbers of faults per schedule, counted.
    pub faults: Histogram,
    /// The seeds that went wrong, and how; the lowest first, not all of them.
    pub violations: Vec<(u64, Violation)>,
    /// How many went wrong.
    pub violated: u64,
}

/// How often each number occurred; those beyond the end count as the last.
#[derive(Clone, Debug, Default)]
pub struct Histogram(Vec<u64>);

/// How many violations are remembered.
const REMEMBERED: usize = 20;

/// Seeds that a thread takes at once.
const BATCH: u64 = 64;

/// Runs the schedules of some seeds; until the first that goes wrong, if that is enough.
pub fn survey(first: u64, count: u64, mutant: Option<Mutant>, stops_early: bool) -> Survey {
    let next = AtomicU64::new(0);
    let is_enough = AtomicBool::new(false);
    let whole = Mutex::new(Survey::default());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut part = Survey::default();
                loop {
                    let from = next.fetch_add(BATCH, Ordering::Relaxed);
                    if from >= count || is_enough.load(Ordering::Relaxed) {
                        break;
                    }
                    for seed in from..(from + BATCH).min(count) {
                        let outcome = Schedule::of_seed(first + seed).against(mutant).run();
                        is_enough.fetch_or(stops_early && outcome.violation.is_some(), Ordering::Relaxed);
                        part.add(first + seed, outcome);
                    }
                }
                whole.lock().unwrap_or_else(std::sync::PoisonError::into_inner).merge(part);
            });
        }
    });
    whole.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Survey {
    fn add(&mut self, seed: u64, outcome: Outcome) {
        self.calls.count(outcome.tally.calls);
        self.faults.count(outcome.tally.all_faults());
        self.tally += &outcome.tally;
        if let Some(violation) = outcome.violation {
            self.violated += 1;
            if self.violations.len() < REMEMBERED {
                self.violations.push((seed, violation));
            }
        }
    }

    fn merge(&mut self, part: Self) {
        self.tally += &part.tally;
        self.calls.merge(&part.calls);
        self.faults.merge(&part.faults);
        self.violated += part.violated;
        self.violations.extend(part.violations);
        self.violations.sort();
        self.violations.truncate(REMEMBERED);
    }
}

impl Histogram {
    const END: usize = 4_096;

    fn count(&mut self, number: u64) {
        self.0.resize(Self::END, 0);
        let place = usize::try_from(number).unwrap_or(Self::END).min(Self::END - 1);
        self.0[place] += 1;
    }

    fn merge(&mut self, other: &Self) {
        self.0.resize(Self::END, 0);
        self.0.iter_mut().zip(&other.0).for_each(|(all, one)| *all += one);
    }

    /// The number that so many in a hundred do not exceed.
    pub fn percentile(&self, per_cent: u64) -> usize {
        let all: u64 = self.0.iter().sum();
        let mut seen = 0;
        let place = self.0.iter().position(|count| {
            seen += count;
            seen * 100 >= all * per_cent
        });
        place.unwrap_or_default()
    }
}
