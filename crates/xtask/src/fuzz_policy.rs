//! Runs the proof of the policy engine, optimised: packets by the hundred million.

use anyhow::Result;
use clap::Args;

use crate::workspace::{cargo, succeed};

/// What to run.
#[derive(Args)]
pub struct FuzzPolicy {
    /// How many packets
    #[arg(long, default_value_t = 100_000_000)]
    packets: u64,
    /// Where chance begins; each core has a seed of its own from there on
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Builds it, and runs it.
pub fn run(fuzz: &FuzzPolicy) -> Result<()> {
    let mut run = cargo();
    run.args(["run", "--quiet", "--release", "--package", "policy-fuzz", "--"]);
    run.args(["--packets", &fuzz.packets.to_string(), "--seed", &fuzz.seed.to_string()]);
    succeed(&mut run)
}
