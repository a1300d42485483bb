//! What it takes to give back 10,000 addresses of 200 blocks, each with a handle of its own: on the real API server beside a
//! bare loop that makes the same writes, and in a real etcd.
//!
//! Prints a table and fails where a bar of the project is not held. Run by `cargo xtask bench calico`; one of them alone
//! by `cargo bench --package calico-store --bench calico -- kubernetes` or `etcd`.

#![expect(clippy::expect_used, reason = "figures for people")]

#[expect(dead_code, reason = "the tests use the rest of it")]
#[path = "../../tests/suite/calico.rs"]
mod calico;
mod etcd;
mod kubernetes;
mod scene;

use std::process::ExitCode;

use testkit::{Cluster, Figure, Server, Unavailable};

/// An empty cluster on the real control plane.
async fn cluster() -> Result<Cluster, Unavailable> {
    Cluster::empty_on(Server::ControlPlane).await
}

#[tokio::main]
async fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let mut figures = Vec::new();
    if is_wanted("kubernetes") {
        let Ok(measured) = kubernetes::measure().await else { return ExitCode::FAILURE };
        figures.extend(measured);
    }
    if is_wanted("etcd") {
        let Ok(measured) = etcd::measure().await else { return ExitCode::FAILURE };
        figures.extend(measured);
    }
    Figure::print_all(&figures)
}
