//! The doors to this repository. People and CI go through the same ones; what each is for is its help text.

#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

mod bench;
mod control_plane;
mod demo;
mod fuzz_policy;
mod generate;
mod kernel_tier;
mod packages;
mod sim;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// Builds, tests and checks this repository
#[derive(Parser)]
enum Xtask {
    /// Show what danm-cleaner and danm-policer are for, on an API server in memory and real network namespaces
    Demo {
        /// Leave the cluster and the programs running at the end
        #[arg(long)]
        keep: bool,
        /// Show only this part: cleaner or policer
        #[arg(long, value_name = "PART")]
        only: Option<String>,
    },
    /// Run every tier of tests, after setting up what they need
    Test,
    /// Measure against the bars of the project
    Bench {
        #[command(subcommand)]
        which: bench::Bench,
    },
    /// Run the Cleaner through simulated schedules in which everything goes wrong
    Sim(sim::Sim),
    /// Judge random packets in random worlds in two ways, and tell where they do not agree
    FuzzPolicy(fuzz_policy::FuzzPolicy),
    /// Write the files that are made from code
    Generate {
        /// Only tell whether they are up to date
        #[arg(long)]
        check: bool,
    },
    /// Check what compilers do not: arrows, purity, orphans, budgets, scenarios, licences, duplicates
    Tidy,
    /// Build the real control plane that tests run against, or find it in the cache
    ControlPlane,
}

fn main() -> ExitCode {
    match run(Xtask::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(xtask: Xtask) -> Result<()> {
    match xtask {
        Xtask::Demo { keep, only } => demo::run(keep, only.as_deref()),
        Xtask::Test => test::run(),
        Xtask::Bench { which } => bench::run(&which),
        Xtask::Sim(sim) => sim::run(&sim),
        Xtask::FuzzPolicy(fuzz) => fuzz_policy::run(&fuzz),
        Xtask::Generate { check } => generate::run(check),
        Xtask::Tidy => tidy::run(),
        Xtask::ControlPlane => {
            println!("{}", control_plane::provide()?.display());
            Ok(())
        }
    }
}
