//! Rules in the kernel: a [`policy_engine::program::Program`] written over netlink into the network namespace of a Pod.
//!
//! ```text
//!   Ruleset ──> Program ──> Batch (bytes, and what each message is about) ──> Socket in the Pod's namespace ──> nf_tables
//! ```
//!
//! Before the first rule of a namespace denies anything, the connections that are there are looked at in peace:
//!
//! ```text
//!   Batch::track ──> TcpConnection::all_in ──> Socket::remember ──> Batch::replace
//! ```
//!
//! Responsible for how rules are spelt for a kernel, for putting all of them there at once or none, for whose they are, and for what a
//! kernel remembers of connections. Not responsible for what rules mean (`policy-engine`), nor for which Pods have which: no program
//! uses this crate yet.

mod attributes;
mod batch;
mod channel;
mod conntrack;
mod difference;
mod dump;
mod expression;
mod message;
mod namespace;
mod ownership;
mod set;
mod snapshot;
mod socket;
mod tcp_connection;
mod tracked_connection;
mod tracking;
mod walk;

pub use batch::Batch;
pub use ownership::Protection;
pub use snapshot::Snapshot;
pub use socket::{CommitError, Socket};
pub use tcp_connection::{End, TcpConnection};
