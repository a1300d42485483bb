//! Sizes of files, and that each says first what it is for. The sizes of functions are clippy's business
//! (`clippy.toml`).

use super::{Problems, sources::Source};

/// Lines of a file of production code: half of them, nine in ten, all of them.
const MEDIAN: usize = 150;
const MOST: usize = 450;
const ALL: usize = 700;

/// Names under which things are put that nobody wanted to name.
const DRAWERS: [&str; 6] = ["utils.rs", "util.rs", "common.rs", "helpers.rs", "misc.rs", "mod.rs"];

pub fn check(sources: &[Source]) -> Problems {
    let mut problems = Vec::new();
    for source in sources {
        let path = source.short_path();
        if !source.text.starts_with("//! ") {
            problems.push(format!("{path}: does not begin by saying what it is for"));
        }
        if DRAWERS.iter().any(|drawer| source.path.ends_with(drawer)) {
            problems.push(format!("{path}: a drawer, not a noun"));
        }
    }
    let mut sizes: Vec<(usize, String)> = sources
        .iter()
        .filter(|source| source.is_production())
        .map(|source| (source.text.lines().count(), source.short_path()))
        .collect();
    sizes.sort();
    let at = |share: usize| sizes.get(sizes.len() * share / 100).or_else(|| sizes.last());
    for (share, limit) in [(50, MEDIAN), (90, MOST)] {
        if let Some((lines, _)) = at(share).filter(|(lines, _)| *lines > limit) {
            problems.push(format!(
                "{share}% of the files should be under {limit} lines, but one there has {lines}"
            ));
        }
    }
    let long = sizes.iter().filter(|(lines, _)| *lines > ALL);
    problems.extend(long.map(|(lines, path)| format!("{path}: {lines} lines, more than {ALL}")));
    problems
}
