//! Calico's datastore in the API server in memory: the same tests as on the real one.

#![expect(clippy::expect_used, reason = "a test that has not what it needs has failed")]

mod calico;
mod golden;
mod interrupted;
mod kubernetes;

use testkit::{Cluster, Server, Unavailable};

/// An empty cluster on the server that these tests are about.
async fn cluster() -> Result<Cluster, Unavailable> {
    Cluster::empty_on(Server::Sandbox).await
}
