//! Everybody who does something besides the Cleaners, as they really behave: each is an `async fn` that asks the API
//! server, waits, and may be killed at any of its requests.

pub mod calico_collector;
pub mod kubelet;
pub mod operator;
pub mod plugin;
pub mod static_pod;
pub mod weather;
pub mod workload;
