//! The files that are made from code: the CRD manifests.

use std::{fs, path::PathBuf};

use anyhow::{Result, ensure};
use danm_api::crd;

use crate::workspace::root;

const HEADER: &str = "# Made from the types of crates/danm-api by `cargo xtask generate`. Edit those.\n";

/// Writes them, or tells which are out of date.
pub fn run(check: bool) -> Result<()> {
    let stale = stale()?;
    if check {
        let names: Vec<String> = stale.iter().map(|(path, _)| path.display().to_string()).collect();
        ensure!(names.is_empty(), "out of date: {}; run cargo xtask generate", names.join(", "));
        return Ok(());
    }
    fs::create_dir_all(root().join("deploy/crds"))?;
    for (path, text) in stale {
        println!("writing {}", path.display());
        fs::write(root().join(path), text)?;
    }
    Ok(())
}

/// The files that are not as they should be, with the text that they should have.
pub fn stale() -> Result<Vec<(PathBuf, String)>> {
    let mut stale = Vec::new();
    for (name, manifest) in crd::manifests() {
        let path = PathBuf::from("deploy/crds").join(format!("{name}.yaml"));
        let text = HEADER.to_owned() + &serde_saphyr::to_string(&manifest)?;
        if fs::read_to_string(root().join(&path)).ok().as_deref() != Some(&text) {
            stale.push((path, text));
        }
    }
    Ok(stale)
}
