//! The files that are made from code: CRD manifests, and what is published about Showalloc (man pages, completions,
//! schemas, pictures). They have folders of their own: whatever else is in these is a remainder, and goes.

mod documents;
mod manifests;

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use crate::workspace::root;

/// Where they are.
const FOLDERS: [&str; 5] = ["deploy/completions", "deploy/crds", "docs/man", "docs/pictures", "docs/schemas"];

/// Files by their paths from the root of the repository.
type Files = BTreeMap<PathBuf, String>;

/// A file that is not as it should be.
pub enum Difference {
    /// It should have this text.
    Stale(PathBuf, String),
    /// It should not be there.
    Superfluous(PathBuf),
}

/// Writes them, or tells which are out of date.
pub fn run(check: bool) -> Result<()> {
    let differences = differences()?;
    if check {
        let names: Vec<String> = differences.iter().map(ToString::to_string).collect();
        ensure!(names.is_empty(), "out of date: {}; run cargo xtask generate", names.join(", "));
        return Ok(());
    }
    differences.iter().try_for_each(Difference::mend)
}

/// The files that are not as they should be.
pub fn differences() -> Result<Vec<Difference>> {
    let mut made = manifests::files()?;
    made.extend(documents::files()?);
    let stray = made.keys().find(|path| !FOLDERS.iter().any(|folder| path.starts_with(folder)));
    ensure!(stray.is_none(), "{stray:?} is made, and in none of the folders {FOLDERS:?}");
    let mut found = Files::new();
    for folder in FOLDERS {
        collect(&root(), Path::new(folder), &mut found)?;
    }
    Ok(compare(made, &found))
}

fn compare(made: Files, found: &Files) -> Vec<Difference> {
    let superfluous = found.keys().filter(|path| !made.contains_key(*path)).cloned();
    let superfluous: Vec<Difference> = superfluous.map(Difference::Superfluous).collect();
    let stale = made.into_iter().filter(|(path, text)| found.get(path) != Some(text));
    stale.map(|(path, text)| Difference::Stale(path, text)).chain(superfluous).collect()
}

/// The files of a folder, with what is in them; a folder that is not there has none.
fn collect(root: &Path, folder: &Path, files: &mut Files) -> Result<()> {
    let whole = root.join(folder);
    if !whole.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(&whole).with_context(|| format!("cannot read {}", whole.display()))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else {
            // What is not text is none of ours, and so it differs.
            files.insert(path, String::from_utf8_lossy(&fs::read(entry.path())?).into_owned());
        }
    }
    Ok(())
}

// === impl Difference ===

impl Difference {
    fn mend(&self) -> Result<()> {
        match self {
            Self::Stale(path, text) => {
                println!("writing {}", path.display());
                let path = root().join(path);
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder)?;
                }
                fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
            }
            Self::Superfluous(path) => {
                println!("removing {}", path.display());
                fs::remove_file(root().join(path))
                    .with_context(|| format!("cannot remove {}", path.display()))
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stale(path, _) => write!(f, "{}", path.display()),
            Self::Superfluous(path) => write!(f, "{} (nothing makes it)", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &str)]) -> Files {
        files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect()
    }

    #[test]
    fn whatever_is_missing_or_changed_or_superfluous_is_named_and_nothing_else() {
        let made = files(&[("missing", "1"), ("changed", "2"), ("same", "3")]);
        let found = files(&[("changed", "?"), ("same", "3"), ("old", "4")]);
        let names: Vec<String> = compare(made, &found).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["changed", "missing", "old (nothing makes it)"]);
    }
}
