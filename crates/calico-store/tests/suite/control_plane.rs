//! Calico's datastore in the real API server. Without one these tests are skipped, and say so; with `CI` set they fail.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]

mod calico;
mod etcd;
mod golden;
mod interrupted;
mod kubernetes;

use testkit::{Cluster, Server, Unavailable};

/// An empty cluster on the server that these tests are about.
async fn cluster() -> Result<Cluster, Unavailable> {
    Cluster::empty_on(Server::ControlPlane).await
}
