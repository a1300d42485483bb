//! A network namespace of a process that waits in it, and how things are done there. Who lives in it is `town.rs`'s business.

use std::{
    fs::File,
    io::{Read, Write},
    os::{fd::AsFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::{Context, anyhow, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace. It is gone with all that is in it when this is dropped, or when this program ends in whatever way: the
/// process that waits in it reads from us.
pub(super) struct Netns(Child);

impl Netns {
    pub(super) fn new() -> anyhow::Result<Self> {
        let mut process = Command::new("unshare")
            .args(["--net", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is for us.
            .process_group(0)
            .spawn()
            .context("cannot start unshare")?;
        // It is in its namespace once it copies what it reads.
        let is_there = echo(&mut process);
        let namespace = Self(process);
        is_there.context("cannot make a network namespace")?;
        Ok(namespace)
    }

    /// The process that waits in it.
    pub(super) fn process(&self) -> u32 {
        self.0.id()
    }

    /// Where it is found.
    pub(super) fn path(&self) -> PathBuf {
        Path::new("/proc").join(self.0.id().to_string()).join("ns/net")
    }

    /// Does something in it. Sockets that are opened there stay there.
    pub(super) fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> anyhow::Result<T> {
        let place = File::open(self.path()).context("a network namespace is gone")?;
        thread::scope(|scope| {
            // A thread of its own, which is thrown away: none of ours ends up in a Pod.
            let visitor = scope.spawn(|| {
                move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network))
                    .context("cannot enter a network namespace")?;
                Ok(work())
            });
            visitor.join().unwrap_or_else(|_| Err(anyhow!("what was done in a network namespace panicked")))
        })
    }

    /// Has `ip` do these things in it, one a line.
    pub(super) fn ip(&self, commands: &str) -> anyhow::Result<()> {
        self.within(|| batch(commands))?.with_context(|| format!("`ip` failed at one of:\n{commands}"))
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn echo(process: &mut Child) -> Option<()> {
    process.stdin.as_mut()?.write_all(b"x").ok()?;
    process.stdout.as_mut()?.read_exact(&mut [0]).ok()
}

fn batch(commands: &str) -> anyhow::Result<()> {
    let mut ip = Command::new("ip");
    ip.args(["-batch", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = ip.spawn().context("cannot start ip")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(commands.as_bytes()).context("it does not listen")?;
    }
    let output = child.wait_with_output().context("it does not end")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
