//! Which crate may use which: the picture of ARCHITECTURE.md as a table.

use std::collections::BTreeMap;

use cargo_metadata::{DependencyKind, Metadata};

use super::{Problems, members};

/// What each crate may use besides itself. For tests every crate may use `testkit` and `sandbox` too.
const ARROWS: [(&str, &[&str]); 17] = [
    ("danm-api", &[]),
    ("danm-ipam", &["danm-api"]),
    ("calico-ipam", &[]),
    ("calico-store", &["calico-ipam", "operator-runtime"]),
    ("leak-judge", &["danm-api", "danm-ipam"]),
    ("operator-runtime", &["danm-api"]),
    ("cluster-feed", &["danm-api", "leak-judge", "operator-runtime"]),
    (
        "cleaner",
        &["danm-api", "leak-judge", "operator-runtime", "cluster-feed", "calico-ipam", "calico-store"],
    ),
    ("showalloc", &["danm-api", "danm-ipam", "leak-judge", "operator-runtime", "cluster-feed"]),
    ("policy-engine", &["danm-api"]),
    ("policy-dataplane", &["danm-api", "policy-engine"]),
    ("policy-fuzz", &["danm-api", "policy-engine"]),
    ("policer", &["danm-api", "policy-engine", "policy-dataplane", "operator-runtime"]),
    ("sandbox", &["danm-api", "danm-ipam", "operator-runtime"]),
    ("testkit", &["danm-api", "danm-ipam", "sandbox"]),
    ("simulation", &["danm-api", "danm-ipam", "calico-ipam", "calico-store", "leak-judge", "cleaner"]),
    ("xtask", &["danm-api"]),
];

/// Crates that exist for tests.
const FOR_TESTS: [&str; 2] = ["testkit", "sandbox"];

pub fn check(metadata: &Metadata) -> Problems {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    let names: Vec<&str> = members(metadata).map(|package| package.name.as_str()).collect();
    let mut problems = Vec::new();
    for package in members(metadata) {
        let name = package.name.as_str();
        let Some(allowed) = allowed.get(name) else {
            problems
                .push(format!("{name} has no place in the picture: add it to ARROWS and to ARCHITECTURE.md"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|one| names.contains(&one.name.as_str())) {
            // A crate may name itself to switch on features of its own for its tests.
            let is_for_tests = dependency.kind == DependencyKind::Development
                && (FOR_TESTS.contains(&dependency.name.as_str()) || dependency.name == name);
            if !is_for_tests && !allowed.contains(&dependency.name.as_str()) {
                problems.push(format!("{name} must not use {}", dependency.name));
            }
        }
    }
    problems
}
