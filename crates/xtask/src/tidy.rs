//! Checks what compilers do not. Each check tells every problem it finds; any problem fails the whole.

mod arrows;
mod budgets;
mod dependencies;
mod orphans;
mod purity;
mod scenarios;
mod sources;

use anyhow::{Result, ensure};
use cargo_metadata::{Metadata, MetadataCommand};

use crate::{generate, workspace::root};

/// Problems, a line each.
type Problems = Vec<String>;

/// Runs all checks.
pub fn run() -> Result<()> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).exec()?;
    let sources = sources::of(&metadata)?;
    let checks: [(&str, Problems); 7] = [
        ("arrows point down", arrows::check(&metadata)),
        ("pure crates are pure", purity::check()?),
        ("no source file is an orphan", orphans::check(&metadata, &sources)?),
        ("files are short and say what they are for", budgets::check(&sources)),
        ("each scenario is shown by a test that names it", scenarios::check(&sources)),
        ("dependencies have our licences and one version", dependencies::check()?),
        ("generated files are up to date", stale_files()?),
    ];
    let mut count = 0;
    for (what, problems) in &checks {
        println!("{} {what}", if problems.is_empty() { "ok  " } else { "FAIL" });
        problems.iter().for_each(|problem| println!("       {problem}"));
        count += problems.len();
    }
    ensure!(count == 0, "{count} problems");
    Ok(())
}

fn stale_files() -> Result<Problems> {
    let differences = generate::differences()?;
    Ok(differences.iter().map(|difference| format!("{difference}: run cargo xtask generate")).collect())
}

/// The crates of this workspace.
fn members(metadata: &Metadata) -> impl Iterator<Item = &cargo_metadata::Package> {
    metadata.packages.iter().filter(|package| metadata.workspace_members.contains(&package.id))
}
