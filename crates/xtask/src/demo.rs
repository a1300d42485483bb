//! Builds what the demo needs, and runs it: for people, and as a test, because it checks itself.

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::workspace::{cargo, succeed};

/// What makes somebody an ordinary user, whoever runs the tests. That one has to find its own way to network namespaces.
const ORDINARY_USER: [&str; 3] = ["--user", "--map-user=1000", "--map-group=1000"];

/// What the demo says of a part that cannot be shown.
const NOT_SHOWN: &str = "Not shown: ";

/// Builds the programs, and shows them at work; only this part, if there is one.
pub fn run(keep: bool, only: Option<&str>) -> Result<()> {
    let mut demo = Command::new(build()?);
    demo.arg("demo").args(keep.then_some("--keep"));
    if let Some(part) = only {
        demo.args(["--only", part]);
    }
    succeed(&mut demo)
}

/// Runs it to see whether it ends well, without showing it; what it shows of the Policer once more as a user without rights. Gives
/// what it did not show.
pub fn test() -> Result<Option<String>> {
    let program = build()?;
    let story = ends_well(Command::new(&program).arg("demo"))?;
    if let Some(line) = story.lines().find(|line| line.starts_with(NOT_SHOWN)) {
        return Ok(Some(line.to_owned()));
    }
    let mut ordinary = Command::new("unshare");
    ordinary.args(ORDINARY_USER).arg(program).args(["demo", "--only", "policer"]);
    let story = ends_well(&mut ordinary)?;
    ensure!(!story.contains(NOT_SHOWN), "an ordinary user is not shown everything:\n{story}");
    Ok(None)
}

/// Builds the programs. Gives the one that is to be started. To have cargo run it would build all that it depends on once more, with
/// the features that it alone wants.
fn build() -> Result<PathBuf> {
    let programs = ["sandbox", "cleaner", "showalloc", "policer"];
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let mut build = cargo();
    build.args(["build", "--quiet", "--profile", profile]);
    succeed(build.args(programs.map(|name| format!("--package={name}"))))?;
    // They are all put where we are.
    let this = env::current_exe().context("cannot tell where xtask is")?;
    Ok(this.with_file_name("danm-sandbox"))
}

/// What it tells, if it ends well; else that is told.
fn ends_well(demo: &mut Command) -> Result<String> {
    let output = demo.stdin(Stdio::null()).output().with_context(|| format!("cannot start {demo:?}"))?;
    let [story, error] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    ensure!(output.status.success(), "the demo failed:\n{story}\n{error}");
    Ok(story)
}
