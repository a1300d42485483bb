//! `showalloc` and `kubectl danm`: which addresses of a network are free, reserved or allocated, and to whom; which are
//! leaked, doubly held, or used without being marked.
//!
//! ```text
//!   arguments ──> spelling ──┬── legacy (the reference's flags and its text, for scripts)
//!                            └── Cli ──> command ──> Reading (watches of cluster-feed, as far as the user may see)
//!                                                      │
//!                        look (leak-judge judges) <────┘
//!                          │
//!                          ├── mapping ──> document::AllocationMap ──> view: table · grid · Hilbert · SVG · JSON
//!                          ├── overview::NetworkList · lookup::AddressLookup · checking::CheckReport
//!                          └── top (the same, live)
//! ```
//!
//! Responsible for what people see, and for saying what they may not see. Not responsible for verdicts (`leak-judge`) nor
//! for bits (`danm-ipam`). Reads only.

pub mod checking;
mod cli;
mod command;
pub mod completion;
pub mod document;
mod invocation;
pub mod legacy;
pub mod live;
pub mod look;
pub mod lookup;
pub mod mapping;
mod output;
pub mod overview;
pub mod part;
mod reading;
mod run;
pub mod target;
pub mod view;

pub use cli::command;
pub use run::run;
