//! `danm-policer`: who may talk to whom, on every interface of a Pod.
//!
//! ```text
//!   files (operator-runtime) ──┐
//!                              ├──> Inventory: objects, where each is from, World ──┬── Matrix ──> table · JSON   (evaluate)
//!   API server (cluster) ──────┘                                                    ├── Ruleset ──> nft text      (render)
//!                                                                                   └── Explanation ──> text · JSON (explain)
//! ```
//!
//! Responsible for reading what policies are about, and for showing people what follows. Not responsible for what policies
//! mean, nor for rules: `policy-engine` decides. Reads only.

mod cli;
mod command;
mod document;
mod files;
mod inventory;
mod lens;
mod matrix;
mod output;
mod place;
mod probe;
mod run;
mod subject;
mod view;

pub use cli::command;
pub use run::run;
