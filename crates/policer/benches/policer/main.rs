//! What it costs to put rules into the kernels of Pods, and what the rules cost there: how soon a peer that comes or goes is in all
//! of them, a start of the agent, packets and connections through long rules, memory, and what is asked of the API server.
//!
//! Beside each is a baseline of the same run, in turns with it: a bare loop that sends the same bytes to the same kernels, and the
//! way of others, a rule for each peer that `nft` loads. Changes and starts are those of the agent itself, which is told of
//! objects by hand (`policer::rehearsal`); memory is that of the program, which watches a server in memory.
//!
//! Prints a table and fails where a bar of the project is not held. Needs root. Run by `cargo xtask bench policer`; some of it alone
//! by `cargo bench --package policer --bench policer -- change`, `start`, `traffic`, `memory` or
//! `api-load`.

#![expect(
    clippy::expect_used,
    clippy::cast_precision_loss,
    clippy::print_stderr,
    reason = "figures for people"
)]

mod api_load;
mod bare;
mod change;
mod lane;
mod memory;
mod meter;
#[path = "../../../policy-dataplane/tests/kernel/namespace.rs"]
#[expect(dead_code, reason = "tests do more in namespaces")]
mod namespace;
mod node;
mod objects;
mod others;
mod spent;
mod start;
mod traffic;

use std::process::ExitCode;

use testkit::Figure;

use crate::namespace::Namespace;

/// What measures some of it.
type Measure = fn() -> Vec<Figure>;

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    if !rustix::process::geteuid().is_root() || Namespace::new().is_none() {
        eprintln!(
            "this benchmark makes network namespaces and puts rules into them: it has to be run as root"
        );
        return ExitCode::FAILURE;
    }
    let mut figures = Vec::new();
    let measures: [(&str, Measure); 5] = [
        ("change", change::measure),
        ("start", start::measure),
        ("traffic", traffic::measure),
        ("memory", memory::measure),
        ("api-load", api_load::measure),
    ];
    for (name, measure) in measures {
        if is_wanted(name) {
            figures.extend(measure());
        }
    }
    Figure::print_all(&figures)
}
