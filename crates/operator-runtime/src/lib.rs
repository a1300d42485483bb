//! What every program needs on its way to an API server, and nothing that knows what a program is for.
//!
//! ```text
//!   flags, KUBECONFIG, in-cluster ──> connect ──> Client ──> served_kinds (which groups and kinds there are)
//!                                                   │
//!                                                   ├──> watch ──> Change<T> (the verbs of an index)
//!                                                   ├──> lead ──> LeaseState (who of several acts)
//!                                                   ├──> EventPublisher (what people see in kubectl describe)
//!                                                   └──> Throttle (a server that is busy is left alone)
//!
//!   operators ──> serve (live, ready, metrics, state) ──> Inspect, implemented by the program
//!   SIGTERM, SIGINT ──> shutdown_signal
//!   what tenants wrote ──> printable ──> a terminal, a log
//!   files, folders, standard input ──> read_manifests ──> objects
//!   flags, terminal ──> Screen (what can be shown) · print, note
//! ```

mod admin;
mod client;
mod clock;
mod completion;
mod discovery;
mod duration;
mod events;
mod identity;
mod lease;
mod logs;
mod manifest;
mod printable;
mod random;
mod shutdown;
mod terminal;
mod throttle;
mod watch;

pub use admin::{Admin, AdminError, Inspect, serve};
pub use client::{ConnectArgs, ConnectError, Overrides, connect, connect_with, describe};
pub use completion::completion;
pub use discovery::served_kinds;
pub use duration::parse_duration;
pub use events::{EventKind, EventNote, EventPublisher};
pub use identity::identity;
pub use lease::{Leadership, LeaseConfig, LeaseState, LeaseTimings, Role, lead};
pub use logs::{LogArgs, LogFormat};
pub use manifest::{Manifest, ManifestError, items, read_manifests};
pub use printable::printable;
pub use shutdown::{ShutdownSignal, shutdown_signal};
pub use terminal::{LookArgs, Screen, When, note, print};
pub use throttle::Throttle;
pub use watch::{Selection, WatchFailure, watch};
