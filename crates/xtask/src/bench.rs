//! Runs the benchmarks. Each prints its baseline from the same run and fails where a bar is not held.

use anyhow::Result;
use clap::Subcommand;

use crate::workspace::{cargo, succeed};

/// What to measure.
#[derive(Subcommand)]
pub enum Bench {
    /// A full audit, the size of the index, the bit array
    Judge,
}

/// Measures.
pub fn run(bench: &Bench) -> Result<()> {
    let [package, name] = match bench {
        Bench::Judge => ["leak-judge", "judge"],
    };
    succeed(cargo().args(["bench", "--quiet", "--package", package, "--bench", name]))
}
