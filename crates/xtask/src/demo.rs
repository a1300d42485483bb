//! Builds what the demo needs, and runs it: for people, and as a test, because it checks itself.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::workspace::{cargo, root, succeed};

/// What makes somebody an ordinary user, whoever runs the tests. That one has to find its own way to network namespaces.
const ORDINARY_USER: [&str; 3] = ["--user", "--map-user=1000", "--map-group=1000"];

/// What the demo says of a part that cannot be shown.
const NOT_SHOWN: &str = "Not shown: ";

/// What is in the part of the README that is copied from what it tells.
const COPIED: &str = "eth0 on backbone";

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
    let readme = fs::read_to_string(root().join("README.md")).context("cannot read README.md")?;
    compare(&readme, &story)?;
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

/// The README shows what is told, and nothing that is not.
fn compare(readme: &str, story: &str) -> Result<()> {
    let mut blocks = readme.split("```console\n").filter_map(|text| text.split("```").next());
    let block = blocks.find(|block| block.contains(COPIED)).context("README.md shows nothing of the demo")?;
    let is_told = |line: &&str| story.lines().any(|told| told.trim() == line.trim());
    let invented: Vec<&str> = block.lines().filter(|line| !is_told(line)).collect();
    ensure!(
        invented.is_empty(),
        "README.md shows lines that the demo does not tell; copy them anew: {invented:#?}"
    );
    Ok(())
}

/// What it tells, if it ends well; else that is told.
fn ends_well(demo: &mut Command) -> Result<String> {
    // As the README has it, whoever runs it.
    demo.stdin(Stdio::null()).env("LC_ALL", "C.UTF-8");
    let output = demo.output().with_context(|| format!("cannot start {demo:?}"))?;
    let [story, error] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    ensure!(output.status.success(), "the demo failed:\n{story}\n{error}");
    Ok(story)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_readme_that_the_demo_does_not_tell_is_named() {
        let story = "  eth0 on backbone\n  a  x\n  b  y\n";
        let readme =
            |row: &str| format!("```console\n$ x\n```\nwords\n```console\neth0 on backbone\n{row}\n```\n");
        assert!(compare(&readme("a  x"), story).is_ok());
        let told = compare(&readme("a  y"), story).expect_err("nobody tells that").to_string();
        assert!(told.contains("\"a  y\"") && !told.contains("backbone"), "{told}");
        assert!(compare("words", story).is_err(), "it shows nothing");
    }
}
