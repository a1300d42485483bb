//! The real program against the real control plane. Without one these tests are skipped, and say so; with `CI` set they
//! fail.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]

mod agent;
mod agent_rights;
mod enforcement;
mod explain_cluster;
mod explain_kernel;
mod namespace;
mod node;
mod opening;
mod opening_rights;
mod policies;
mod program;
mod reference;
mod town;

use testkit::{Cluster, Server, Unavailable};

/// An empty cluster on the server that these tests are about.
async fn cluster() -> Result<Cluster, Unavailable> {
    Cluster::empty_on(Server::ControlPlane).await
}
