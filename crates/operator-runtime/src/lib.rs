//! What every program needs on its way to an API server, and nothing that knows what a program is for.
//!
//! ```text
//!   flags, KUBECONFIG, in-cluster ──> connect ──> Client ──> served_kinds (which groups and kinds there are)
//!                                                   │
//!                                                   └──> watch ──> Change<T> (the verbs of an index)
//! ```

mod client;
mod discovery;
mod duration;
mod logs;
mod watch;

pub use client::{ConnectArgs, ConnectError, connect, describe};
pub use discovery::served_kinds;
pub use duration::parse_duration;
pub use logs::{LogArgs, LogFormat};
pub use watch::{WatchFailure, watch};
