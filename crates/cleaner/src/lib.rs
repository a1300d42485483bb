//! `danm-cleaner`: finds allocations nobody uses any more and gives them back.
//!
//! ```text
//!   Cli ──> Config ──> run ──> once | controller (Lease, probes, metrics, Events)
//!                                    │ Input                       ^ Told
//!            watches (cluster-feed) ─┤                             │
//!                                    v                             │
//!                                 cleaner: judge, plan (leak-judge decides)
//!                                    │  ^
//!                      Step          v  │ News
//!            confirm: fresh reads before anything is written
//!            release: one write per network, then the deletes ──> ApiServer
//!            returns: addresses that Calico gave, with proof of whose they are ──> Calico
//!            recheck, mend: the same for bits that are missing or nobody's
//! ```
//!
//! Responsible for reading what decisions need, for carrying them out, and for telling about it. Every decision
//! is `leak-judge`'s; the loop here asks three traits only, [`ApiServer`], [`Calico`] and [`Clock`], so that it also
//! runs without HTTP and without time.

mod api_server;
mod calico;
mod cleaner;
mod cli;
mod clock;
mod config;
mod confirm;
mod controller;
mod discovery;
mod input;
mod kube_api_server;
mod mend;
mod news;
mod once;
mod pulse;
mod recheck;
mod release;
mod report;
mod returns;
mod run;
mod summary;

pub use api_server::{ApiError, ApiServer, Deletion, EndpointsPage, Failure, StoredBoots};
pub use calico::Calico;
pub use cleaner::{
    AnomalyStatus, BrakeRules, Cadence, Cleaner, CleanerError, CleanerRules, Inconsistency, Passage, Seams,
    SourceStatus, Status, Told, Trouble,
};
pub use cli::{CalicoChoice, Cli};
pub use clock::{Clock, SystemClock};
pub use config::{Config, ControllerConfig, ReportTarget};
pub use input::{Input, Lead};
pub use mend::Mend;
pub use news::Round;
pub use returns::ReturnCounts;
pub use run::run;
pub use summary::Summary;
