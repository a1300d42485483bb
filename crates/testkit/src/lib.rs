//! What makes a test short: objects of real clusters, builders of others, the real control plane, faults on
//! the way to it. For tests and benchmarks only; no program links it.
//!
//! ```text
//!   samples ─┐                         ┌─> ControlPlane (etcd, kube-apiserver, kube-controller-manager)
//!   objects ─┴─> JSON ──> a test ──────┤
//!                                      └─> Gate ──> ControlPlane (counts requests, stops them at one)
//! ```

pub mod objects;
pub mod samples;
