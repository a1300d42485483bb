//! What Showalloc's example `documents` writes. It is a program of its own: this one would have to link all of Showalloc
//! and what it stands on, only to tell what it looks like.

use std::{fs, path::Path};

use anyhow::Result;

use super::{Files, collect};
use crate::workspace::{cargo, root, succeed};

/// All of it. What is left of the last time is removed first.
pub fn files() -> Result<Files> {
    let folder = root().join("target/documents");
    if folder.is_dir() {
        fs::remove_dir_all(&folder)?;
    }
    let mut example = cargo();
    example.args(["run", "--quiet", "--package", "showalloc", "--example", "documents", "--"]);
    succeed(example.arg(&folder))?;
    let mut files = Files::new();
    collect(&folder, Path::new(""), &mut files)?;
    Ok(files)
}
