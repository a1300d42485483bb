//! The other programs of this project: they are built together and stand in one folder.

use std::path::PathBuf;

use anyhow::{Context, ensure};

/// The program of this name.
pub(super) fn program(name: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("cannot tell where this program is")?.with_file_name(name);
    ensure!(
        program.exists(),
        "there is no {name} beside this program, in {}: build both, as `cargo xtask demo` does",
        program.parent().unwrap_or(&program).display()
    );
    Ok(program)
}
