//! Builds what the demo needs, and runs it.

use anyhow::Result;

use crate::workspace::{cargo, succeed};

/// Builds the programs, and shows them at work.
pub fn run(keep: bool) -> Result<()> {
    succeed(cargo().args([
        "build",
        "--quiet",
        "--package",
        "sandbox",
        "--package",
        "cleaner",
        "--package",
        "showalloc",
    ]))?;
    let mut demo = cargo();
    demo.args(["run", "--quiet", "--package", "sandbox", "--", "demo"]);
    if keep {
        demo.arg("--keep");
    }
    succeed(&mut demo)
}
