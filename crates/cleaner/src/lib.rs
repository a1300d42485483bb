//! `danm-cleaner`: finds allocations nobody uses any more and gives them back.
//!
//! ```text
//!   Cli ──> Config ──> run
//!                       │
//!        watches ─────> pass ──> judge, plan (leak-judge decides)
//!      (feed.rs)         │  ^
//!                        v  └── confirm: fresh reads before anything is written
//!                     release ──> ApiServer (one write per network, then the deletes)
//!                        │
//!                        └──> report (one row an allocation)
//! ```
//!
//! Responsible for reading what decisions need, for carrying them out, and for telling about it. Every decision
//! is `leak-judge`'s; the loop here asks two traits only, [`ApiServer`] and [`Clock`], so that it also runs
//! without HTTP and without time.

mod api_server;
mod cli;
mod clock;
mod config;
mod confirm;
mod feed;
mod kube_api_server;
mod pass;
mod release;
mod report;
mod run;
mod summary;

pub use api_server::{ApiError, ApiServer, Failure};
pub use cli::Cli;
pub use clock::{Clock, SystemClock};
pub use config::{Config, ReportTarget};
pub use pass::{Finished, Pass, PassError, PassRules};
pub use run::run;
pub use summary::Summary;
