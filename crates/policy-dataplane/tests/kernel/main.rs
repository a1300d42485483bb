//! The data plane in real kernels: what they list, and what they do with packets. Each test has network namespaces of its own.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]

mod adoption;
mod audited;
mod batches;
mod blocks;
mod conntrack;
mod denied_flows;
mod deviation;
mod enforcement;
mod established;
mod exceptions;
mod foreign;
mod forwarding;
mod full;
mod generations;
mod interfaces;
mod lab;
mod link;
mod listing;
mod namespace;
mod node;
mod objects;
mod older;
mod ownership;
mod packets;
mod pair;
#[path = "../../../policy-engine/tests/fixtures/plain_numbers.rs"]
mod plain_numbers;
mod port;
mod probe;
mod protocols;
mod raw;
mod reference_rules;
mod repair;
mod sctp;
mod star;
mod stream;
mod tcp;
mod tcp_connections;
mod updates;
