//! The kernel tier once more, as somebody who is root of a user namespace alone: nothing in it may need more than that.

use anyhow::{Context, Result};

use crate::workspace::{cargo, output, succeed};

/// What gives a test a user, mount and network namespace of its own.
const RUNNER: &str = "unshare --user --map-root-user --net --mount";

/// Tests the data plane so. The setting is for this run alone: in a file it would also be for programs that need a way out.
pub fn test_in_user_namespace() -> Result<()> {
    let mut tests = cargo();
    tests.args(["test", "--quiet", "--package", "policy-dataplane", "--test", "kernel"]);
    succeed(tests.env(runner_variable()?, RUNNER))
}

/// The name of the variable by which cargo knows what runs programs of this machine's kind.
fn runner_variable() -> Result<String> {
    let told = output(std::process::Command::new("rustc").arg("-vV"))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not say what it compiles for")?;
    Ok(format!("CARGO_TARGET_{}_RUNNER", host.to_uppercase().replace('-', "_")))
}
