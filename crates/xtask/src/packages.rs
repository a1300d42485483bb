//! Programs of the system that the build and the tests need. What is missing is installed where that is possible, and told.

use std::process::Command;

use anyhow::{Result, bail};

use crate::workspace::{has, output, succeed};

/// A program, the Debian package that has it, and whether nothing can be built without.
const PROGRAMS: [(&str, &str, bool); 6] = [
    ("cc", "gcc", true),
    ("git", "git", true),
    ("ip", "iproute2", false),
    ("iptables-nft", "iptables", false),
    ("nft", "nftables", false),
    ("unshare", "util-linux", false),
];

/// Makes sure that all are there. Those that only some tests need may be missing where nobody can install them.
pub fn provide() -> Result<()> {
    let missing: Vec<_> = PROGRAMS.into_iter().filter(|(program, ..)| !has(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|(_, package, _)| *package).collect();
    let list = packages.join(" ");
    let is_root = output(Command::new("id").arg("-u"))?.trim() == "0";
    if !is_root || !has("apt-get") {
        if missing.iter().any(|(.., is_needed)| *is_needed) {
            bail!("missing on this machine: {list}; install them, or run as root on Debian or Ubuntu");
        }
        return Ok(());
    }
    println!("installing missing system packages: {list}");
    succeed(Command::new("apt-get").arg("update"))?;
    succeed(Command::new("apt-get").args(["install", "--yes", "--no-install-recommends"]).args(packages))
}

/// What keeps tests from having a kernel's network namespace of their own, and nft in it.
pub fn kernel_hindrance() -> Option<&'static str> {
    if !has("nft") {
        return Some("nft is not installed");
    }
    let mut ways = [&["-n"][..], &["-Urn"][..]].into_iter();
    let works = |flags: &[&str]| {
        Command::new("unshare").args(flags).arg("true").output().is_ok_and(|it| it.status.success())
    };
    (!ways.any(works))
        .then_some("network namespaces cannot be made here, neither as root nor in a user namespace")
}
