//! The Rust files of the workspace.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use cargo_metadata::Metadata;

use super::members;

/// A source file.
pub struct Source {
    pub path: PathBuf,
    pub text: String,
}

/// All files of all crates.
pub fn of(metadata: &Metadata) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for package in members(metadata) {
        let folder =
            package.manifest_path.parent().map(|folder| folder.as_std_path().to_owned()).unwrap_or_default();
        for part in ["src", "tests", "benches", "examples"] {
            collect(&folder.join(part), &mut sources)?;
        }
    }
    Ok(sources)
}

fn collect(folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(Source { text: fs::read_to_string(&path)?, path });
        }
    }
    Ok(())
}

impl Source {
    /// Whether it is part of a program or library, not of a test.
    pub fn is_production(&self) -> bool {
        let is_test = self.path.file_name().is_some_and(|name| name == "tests.rs");
        self.path.components().any(|part| part.as_os_str() == "src") && !is_test
    }

    /// The path from the root of the workspace.
    pub fn short_path(&self) -> String {
        let path = self.path.display().to_string();
        path.split_once("crates/").map(|(_, rest)| format!("crates/{rest}")).unwrap_or(path)
    }
}
