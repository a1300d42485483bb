//! What the Cleaner takes to do its work on the real API server, each beside a baseline of the same run: the rate of
//! releases beside a bare loop of deletes, the time from a Pod's end to a free address, and its memory.
//!
//! Scenario 61, in its parts: how fast many go, how soon one of many goes, and how much room hundreds of thousands take.
//!
//! Prints a table and fails where a bar of the project is not held. Run by `cargo xtask bench cleaner`; one of them
//! alone by `cargo bench --package cleaner --bench cleaner -- rate`, `latency` or `memory`.

#![expect(clippy::expect_used, reason = "figures for people")]

mod latency;
mod memory;
mod program;
mod rate;

use std::process::ExitCode;

use testkit::{Cluster, Figure, Server};

#[tokio::main]
async fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let mut figures = Vec::new();
    if is_wanted("rate") || is_wanted("latency") {
        let Ok(mut cluster) = Cluster::empty_on(Server::ControlPlane).await else { return ExitCode::FAILURE };
        if is_wanted("rate") {
            figures.extend(rate::measure(&mut cluster).await);
            cluster.wipe().await;
        }
        if is_wanted("latency") {
            figures.extend(latency::measure(&mut cluster).await);
        }
    }
    if is_wanted("memory") {
        figures.extend(memory::measure().await);
    }
    Figure::print_all(&figures)
}
