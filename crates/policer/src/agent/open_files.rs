//! How many files the agent may have open: it holds a socket for each network namespace that has rules, and a tenant may make
//! several for each of its Pods. Container runtimes may begin with 1,024, which is too few for a node of many Pods.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as anybody may without a right to it.
pub(super) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(?limit, "cannot have more files open: {error}; Pods beyond it are not enforced");
    }
}
