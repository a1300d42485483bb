//! The real program, as people and scripts run it: on files, and on the API server in memory. What is about a cluster is
//! tested on the real API server, too: a difference is a bug in the one in memory.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]

mod agent;
mod agent_faults;
mod agent_watches;
mod audit;
mod deployment;
mod enforcement;
mod enforcement_faults;
mod evaluate;
mod explain;
mod explain_kernel;
mod files;
mod guide;
mod help;
mod live;
mod namespace;
mod node;
mod opening;
mod output;
mod policies;
mod program;
mod reference;
mod render;
mod town;

use testkit::{Cluster, Server, Unavailable};

/// An empty cluster on the server that these tests are about.
async fn cluster() -> Result<Cluster, Unavailable> {
    Cluster::empty_on(Server::Sandbox).await
}
