//! Files that no `mod` leads to: the compiler does not see them, and so they rot.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use cargo_metadata::Metadata;

use super::{Problems, members, sources::Source};

pub fn check(metadata: &Metadata, sources: &[Source]) -> Result<Problems> {
    let mut seen = HashSet::new();
    for target in members(metadata).flat_map(|package| &package.targets) {
        let root = target.src_path.as_std_path();
        let folder = root.parent().unwrap_or(root);
        visit(root, folder, &mut seen)?;
    }
    let orphans = sources.iter().filter(|source| !seen.contains(&source.path));
    Ok(orphans.map(|source| format!("{}: no mod leads to it", source.short_path())).collect())
}

/// Follows the `mod` lines of a file whose modules are in a folder.
fn visit(file: &Path, folder: &Path, seen: &mut HashSet<PathBuf>) -> Result<()> {
    if !seen.insert(file.to_owned()) {
        return Ok(());
    }
    let text = fs::read_to_string(file)?;
    let mut elsewhere = None;
    for line in text.lines() {
        if let Some(name) = module(line) {
            let path = elsewhere.take().unwrap_or_else(|| folder.join(format!("{name}.rs")));
            if path.is_file() {
                visit(&path, &path.with_extension(""), seen)?;
            }
        }
        elsewhere = place(line).and_then(|place| file.with_file_name(place).canonicalize().ok());
    }
    Ok(())
}

/// The path in a line such as `#[path = "../fixtures/name.rs"]`, which two test binaries that share a module need.
fn place(line: &str) -> Option<&str> {
    line.trim().strip_prefix("#[path = \"")?.strip_suffix("\"]")
}

/// The name in a line such as `pub(crate) mod name;`.
fn module(line: &str) -> Option<&str> {
    let declaration = line.trim().strip_suffix(';')?;
    let (visibility, name) = declaration.rsplit_once("mod ")?;
    let is_module = visibility.is_empty() || visibility.starts_with("pub");
    (is_module && !name.contains(' ')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_may_be_elsewhere() {
        assert_eq!(place("#[path = \"../fixtures/maps.rs\"]"), Some("../fixtures/maps.rs"));
        assert_eq!(place("mod maps;"), None);
    }

    #[test]
    fn modules_are_told_from_other_lines() {
        let cases = [
            ("mod pool;", Some("pool")),
            ("    pub mod pool;", Some("pool")),
            ("pub(crate) mod pool;", Some("pool")),
            ("mod tests {", None),
            ("// a mod of its own;", None),
            ("use modules;", None),
        ];
        for (line, name) in cases {
            assert_eq!(module(line), name, "{line}");
        }
    }
}
