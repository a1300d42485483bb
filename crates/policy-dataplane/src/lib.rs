//! Rules in the kernel: a [`policy_engine::program::Program`] written over netlink into the network namespace of a Pod.
//!
//! ```text
//!   /proc, cgroups ──> Node ──> Netns: a namespace that is a Pod's ──┐
//!                                                                    v
//!   Ruleset ──> Program ──> Changes ──> Batch (bytes, and what   ──> Table, by a Socket in the namespace ──> nf_tables
//!                                       each message is about)       │
//!                                                                    └──> conntrack: labels, older connections
//! ```
//!
//! Before the first rule of a namespace denies anything, the connections that are there are looked at in peace:
//!
//! ```text
//!   Batch::track ──> TcpConnection::all_in ──> Socket::remember ──> Batch::replace
//! ```
//!
//! And back, for whoever wants to know what a kernel has:
//!
//! ```text
//!   Socket::snapshot ──> Snapshot ──┬── deviations(Program): what is missing or too much
//!                                   └── trace(Packet): what it does with a connection
//! ```
//!
//! Responsible for how rules are spelt for a kernel, for putting all of them there at once or none, for whose they are, for what a
//! kernel remembers of connections, and for which namespaces are a Pod's. Not responsible for what rules mean (`policy-engine`), nor
//! for which Pods have which (`policer`).

mod attributes;
mod batch;
mod channel;
mod conntrack;
mod count;
mod denied_flow;
mod deviation;
mod difference;
mod dump;
mod exceptions;
mod expression;
#[cfg(test)]
mod fixture;
mod host_address;
mod interfaces;
mod iptables_rule;
mod memory;
mod message;
mod namespace;
mod netns;
mod ownership;
mod reference_rules;
mod repair;
mod set;
mod snapshot;
mod socket;
mod table;
mod tcp_connection;
mod trace;
mod tracked_connection;
mod tracking;
mod walk;

pub use batch::Batch;
pub use count::Count;
pub use denied_flow::DeniedFlow;
pub use deviation::{Amiss, Deviation, Difference, Named, Several, deviations};
pub use difference::Changes;
pub use exceptions::Excepted;
pub use host_address::host_addresses;
pub use interfaces::interfaces_in;
pub use memory::Memory;
pub use netns::{
    Claim, ContainerId, Decision, Home, MOST_HOMES, NamespaceId, Netns, Node, NodeError, PodUid, Process,
    Refusal, Residents, Root, RootError,
};
pub use ownership::Protection;
pub use reference_rules::{ReferenceError, ReferenceRules};
pub use snapshot::Snapshot;
pub use socket::{CommitError, Socket};
pub use table::{Found, MakeProgram, Outcome, Table, TableError, TableOptions};
pub use tcp_connection::{End, TcpConnection};
pub use trace::{Fate, RulePlace, Trace};
