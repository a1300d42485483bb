//! The real program against the API server in memory: the same tests as on the real one. A difference is a bug in
//! the one in memory.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]

mod access;
mod batch;
mod calico;
mod calico_books;
mod calico_check;
mod calico_etcd;
mod calico_release;
mod controller;
mod crash;
mod deployment;
mod failover;
mod faults;
mod guide;
mod incidents;
mod network;
mod pass;
mod program;
mod report;
mod running;
mod shapes;
mod upkeep;
mod upkeep_faults;

use testkit::{Cluster, Server, Unavailable};

/// An empty cluster on the server that these tests are about.
async fn cluster() -> Result<Cluster, Unavailable> {
    Cluster::empty_on(Server::Sandbox).await
}
