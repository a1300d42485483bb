//! `danm-policer`: who may talk to whom, on every interface of a Pod.
//!
//! ```text
//!   files (operator-runtime) ──┐
//!                              ├──> Inventory: objects, where each is from, World ──┬── Matrix ──> table · JSON   (evaluate)
//!   API server (cluster) ──────┘                                                    ├── Ruleset ──> nft text      (render)
//!                                                                                   └── Explanation ──> text · JSON (explain)
//!   kernels of this node (kernel) ────────────────────────────────────────────────────────┘
//! ```
//!
//! The agent of a node is a program of its own, in `agent.rs`; its picture is there.
//!
//! Responsible for reading what policies are about, and for showing people what follows. Not responsible for what policies
//! mean, nor for rules: `policy-engine` decides. Of a cluster nothing is written but what the agent reports.

mod agent;
mod cli;
mod cluster;
mod command;
mod document;
mod explanation;
mod files;
mod flow_row;
mod inventory;
mod kernel;
mod matrix;
mod opening;
mod output;
mod parties;
mod place;
mod pod_row;
mod probe;
mod run;
mod statistic;
mod subject;
mod suggestion;
mod view;
mod words;

#[doc(hidden)]
pub use agent::rehearsal;
pub use cli::command;
pub use run::run;
