//! The laws of the sandbox, asked over HTTP: what a client may rely on, as it may on the real server.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that has not what it needs has failed"
)]

mod api_client;
mod definitions;
mod deletion;
mod faults;
mod forms;
mod kube_client;
mod lists;
mod namespaces;
mod patches;
mod program;
mod watches;
mod writes;
