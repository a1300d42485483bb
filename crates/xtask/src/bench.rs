//! Runs the benchmarks. Each prints its baseline from the same run and fails where a bar is not held.

use anyhow::Result;
use clap::Subcommand;

use crate::{
    control_plane,
    workspace::{cargo, succeed},
};

/// What to measure.
#[derive(Subcommand)]
pub enum Bench {
    /// A full audit, the size of the index, the bit array
    Judge,
    /// Rate and latency of releases on the real API server, memory of the process
    Cleaner,
    /// Addresses given back to Calico, on the real API server and in a real etcd
    Calico,
    /// Rulesets of very many Pods, one change, memory of peers
    PolicyEngine,
    /// Rules in the kernels of many Pods: a change, a start, packets, memory; needs root
    Policer,
    /// Listings, overviews and large networks
    Showalloc,
}

/// Measures.
pub fn run(bench: &Bench) -> Result<()> {
    let [package, name] = match bench {
        Bench::Judge => ["leak-judge", "judge"],
        Bench::Cleaner => ["cleaner", "cleaner"],
        Bench::Calico => ["calico-store", "calico"],
        Bench::PolicyEngine => ["policy-engine", "policy_engine"],
        Bench::Policer => ["policer", "policer"],
        Bench::Showalloc => ["showalloc", "showalloc"],
    };
    let mut bench_of = cargo();
    if matches!(bench, Bench::Cleaner | Bench::Calico) {
        bench_of.env("DANM_CONTROL_PLANE", control_plane::provide()?);
    }
    succeed(bench_of.args(["bench", "--quiet", "--package", package, "--bench", name]))
}
