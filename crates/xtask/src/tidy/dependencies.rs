//! Licences and versions of what we depend on, by the rules of `deny.toml`: cargo-deny reads the same file, for
//! those who have it.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs,
};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};
use serde::Deserialize;
use spdx::{Expression, ParseMode};

use super::Problems;
use crate::workspace::root;

#[derive(Deserialize)]
struct Rules {
    graph: Graph,
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    #[serde(default)]
    skip: Vec<Skip>,
}

/// An older version that may be there besides the newest, with a reason.
#[derive(Deserialize)]
struct Skip {
    #[serde(rename = "crate")]
    package: String,
}

pub fn check() -> Result<Problems> {
    let text = fs::read_to_string(root().join("deny.toml")).context("cannot read deny.toml")?;
    let rules: Rules = toml::from_str(&text).context("cannot understand deny.toml")?;
    let platforms = rules.graph.targets.iter().map(|target| format!("--filter-platform={target}"));
    let mut command = MetadataCommand::new();
    let metadata = command
        .manifest_path(root().join("Cargo.toml"))
        .other_options(platforms.collect::<Vec<_>>())
        .exec()?;
    let mut problems = licences(&metadata, &rules.licenses.allow);
    problems.extend(duplicates(&metadata, &rules.bans.skip)?);
    Ok(problems)
}

fn licences(metadata: &Metadata, allowed: &[String]) -> Problems {
    let is_allowed = |text: &str| {
        Expression::parse_mode(text, ParseMode::LAX).is_ok_and(|expression| {
            expression.evaluate(|required| {
                required.license.id().is_some_and(|id| allowed.iter().any(|allowed| allowed == id.name))
            })
        })
    };
    let bad = metadata.packages.iter().filter(|package| !package.license.as_deref().is_some_and(is_allowed));
    bad.map(|package| {
        let licence = package.license.as_deref().unwrap_or("none told");
        format!("{} {}: licence {licence}", package.name, package.version)
    })
    .collect()
}

/// Packages that are linked in several versions, and are not skipped.
fn duplicates(metadata: &Metadata, skipped: &[Skip]) -> Result<Problems> {
    let linked = linked(metadata)?;
    let mut versions: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for package in metadata.packages.iter().filter(|package| linked.contains(&package.id)) {
        versions.entry(package.name.as_str()).or_default().insert(package.version.to_string());
    }
    let is_skipped = |name: &str, version: &String| {
        let exact = format!("{name}@{version}");
        skipped.iter().any(|skip| skip.package == name || skip.package == exact)
    };
    let mut problems = Vec::new();
    for (name, mut versions) in versions {
        versions.retain(|version| !is_skipped(name, version));
        if versions.len() > 1 {
            let versions: Vec<String> = versions.into_iter().collect();
            problems.push(format!("{name} is linked in versions {}", versions.join(" and ")));
        }
    }
    Ok(problems)
}

/// What is reached from the workspace without the dependencies of tests of others.
fn linked(metadata: &Metadata) -> Result<HashSet<&PackageId>> {
    let resolve = metadata.resolve.as_ref().context("cargo metadata tells no dependencies")?;
    let nodes: BTreeMap<&PackageId, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut linked = HashSet::new();
    let mut open: Vec<&PackageId> = metadata.workspace_members.iter().collect();
    while let Some(id) = open.pop() {
        if !linked.insert(id) {
            continue;
        }
        for dependency in nodes.get(id).into_iter().flat_map(|node| &node.deps) {
            if dependency.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development) {
                open.push(&dependency.pkg);
            }
        }
    }
    Ok(linked)
}
