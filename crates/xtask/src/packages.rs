//! Programs of the system that the build and the tests need. What is missing is installed where that is possible, and told.

use std::process::Command;

use anyhow::{Result, bail};

use crate::workspace::{has, output, succeed};

/// A program and the Debian package that has it.
const NEEDED: [(&str, &str); 3] = [("cc", "gcc"), ("git", "git"), ("nft", "nftables")];

/// Makes sure that all are there.
pub fn provide() -> Result<()> {
    let missing: Vec<&str> =
        NEEDED.into_iter().filter(|(program, _)| !has(program)).map(|(_, package)| package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    let is_root = output(Command::new("id").arg("-u"))?.trim() == "0";
    if !is_root || !has("apt-get") {
        bail!("missing on this machine: {list}; install them, or run as root on Debian or Ubuntu");
    }
    println!("installing missing system packages: {list}");
    succeed(Command::new("apt-get").arg("update"))?;
    succeed(Command::new("apt-get").args(["install", "--yes", "--no-install-recommends"]).args(missing))
}
