//! What makes a test short: objects of real clusters, builders of others, the real control plane, faults on
//! the way to it. For tests and benchmarks only; no program links it.
//!
//! ```text
//!   samples ─┐                           ┌─> Cluster ──> ControlPlane (etcd, kube-apiserver, ...)
//!   objects ─┴─> JSON ──> a test ──┬─────┘                    ^
//!                                  └─> a program ──> Gate ────┘ (counts requests, stops at one)
//!   Etcd: an etcd by itself, for those who keep their objects in one
//! ```

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]

pub mod calico;
mod cluster;
mod control_plane;
mod cpu_time;
mod etcd;
mod figure;
mod gate;
pub mod guide;
pub mod manifests;
pub mod objects;
pub mod rights;
mod running;
pub mod samples;
mod waiting;

pub use danm_ipam::{AllocBits, BitIndex};

pub use cluster::{Cluster, Server, collection_of};
pub use control_plane::{ControlPlane, Process, Unavailable};
pub use cpu_time::cpu_time;
pub use etcd::{Etcd, Pair};
pub use figure::{Figure, median};
pub use gate::Gate;
pub use running::Running;
pub use waiting::{PATIENCE, eventually, within};
