//! Runs the simulation, optimised: schedules by the million.

use anyhow::Result;
use clap::Args;

use crate::workspace::{cargo, succeed};

/// What to run.
#[derive(Args)]
pub struct Sim {
    /// How many schedules
    #[arg(long, default_value_t = 100_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    /// Take this safeguard away from the Cleaner; another word lists them
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// Show one schedule in words instead
    #[arg(long, value_name = "SEED")]
    trace: Option<u64>,
}

/// Builds it, and runs it. The hooks that mutants need are built in only where one is asked for.
pub fn run(sim: &Sim) -> Result<()> {
    let mut run = cargo();
    run.args(["run", "--quiet", "--release", "--package", "simulation"]);
    if sim.mutant.is_some() {
        run.args(["--features", "mutants"]);
    }
    run.args(["--", "--seeds", &sim.seeds.to_string(), "--first-seed", &sim.first_seed.to_string()]);
    if let Some(mutant) = &sim.mutant {
        run.args(["--mutant", mutant]);
    }
    if let Some(seed) = sim.trace {
        run.args(["--trace", &seed.to_string()]);
    }
    succeed(&mut run)
}
