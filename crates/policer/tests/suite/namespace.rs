//! A network namespace that is thrown away, for tests: of a process that waits in it. What is in it is the test's business.

use std::{
    env,
    fs::File,
    io::{Read, Write},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace of a process that waits, until it is dropped.
pub struct Namespace(Child);

impl Namespace {
    /// None, and a word about it, where none can be had; with `CI` set that is a failure.
    pub fn new() -> Option<Self> {
        let mut process = Command::new("unshare");
        process.args(["--net", "cat"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let found = process.spawn().ok().and_then(Self::entered);
        if found.is_none() {
            assert!(env::var_os("CI").is_none(), "CI skips nothing, and there is no network namespace");
            eprintln!("SKIPPED: no right to a network namespace");
        }
        found
    }

    /// The process is in its namespace once it copies what it reads.
    fn entered(mut process: Child) -> Option<Self> {
        process.stdin.as_mut()?.write_all(b"x").ok()?;
        process.stdout.as_mut()?.read_exact(&mut [0]).ok()?;
        Some(Self(process))
    }

    /// The process that waits in it.
    pub fn process(&self) -> u32 {
        self.0.id()
    }

    /// Where it is found.
    pub fn path(&self) -> PathBuf {
        Path::new("/proc").join(self.0.id().to_string()).join("ns/net")
    }

    /// Does something in it. Sockets that are opened there stay there.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let visitor = scope.spawn(|| {
                let place = File::open(self.path()).expect("a namespace");
                move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may");
                work()
            });
            visitor.join().expect("it ends")
        })
    }

    /// Runs a program in it. Gives what it says.
    pub fn run(&self, program: &str, arguments: &str) -> String {
        let output = self.attempt(program, arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments}: {told}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs a program in it that may fail.
    pub fn attempt(&self, program: &str, arguments: &str) -> Output {
        self.command(program).args(arguments.split_whitespace()).output().expect("nsenter")
    }

    /// A program in it, to be started.
    pub fn command(&self, program: &str) -> Command {
        let mut entered = Command::new("nsenter");
        entered.arg(format!("--net={}", self.path().display())).arg(program);
        entered
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
