//! The real program against the real control plane. Without one these tests are skipped, and say so; with `CI`
//! set they fail.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]

mod access;
mod batch;
mod calico;
mod calico_books;
mod calico_check;
mod calico_release;
mod controller;
mod crash;
mod definitions;
mod failover;
mod incidents;
mod network;
mod node_loss;
mod pass;
mod policy_definitions;
mod program;
mod report;
mod rights;
mod running;
mod shapes;
mod upkeep;

use testkit::{Cluster, Server, Unavailable};

/// An empty cluster on the server that these tests are about.
async fn cluster() -> Result<Cluster, Unavailable> {
    Cluster::empty_on(Server::ControlPlane).await
}
