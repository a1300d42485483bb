//! Crates that decide link nothing that could do. `cargo tree` is asked crate by crate, so that no feature that
//! another crate switches on blurs the answer.

use anyhow::Result;

use super::Problems;
use crate::workspace::{cargo, output};

const PURE: [&str; 5] = ["danm-api", "danm-ipam", "calico-ipam", "leak-judge", "policy-engine"];

/// What waits, speaks or asks the kernel.
const IMPURE: [&str; 10] =
    ["kube", "kube-client", "kube-runtime", "tokio", "hyper", "reqwest", "rustix", "nix", "mio", "socket2"];

pub fn check() -> Result<Problems> {
    let mut problems = Vec::new();
    for package in PURE {
        let tree =
            output(cargo().args(["tree", "--edges", "normal", "--prefix", "none", "--package", package]))?;
        let names = tree.lines().filter_map(|line| line.split(' ').next());
        problems
            .extend(names.filter(|name| IMPURE.contains(name)).map(|name| format!("{package} links {name}")));
    }
    problems.sort();
    problems.dedup();
    Ok(problems)
}
