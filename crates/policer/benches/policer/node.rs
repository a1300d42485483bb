//! A node with many Pods: real network namespaces, and a folder that tells whose processes are in them, as `/proc` does where kubelet
//! made the cgroups.

use std::{
    fs::{self, File},
    os::{fd::AsFd, unix::fs::symlink},
    path::{Path, PathBuf},
};

use policy_dataplane::{Batch, Socket};
use tempfile::TempDir;

use crate::{namespace::Namespace, objects};

/// A node.
pub struct Node {
    pub namespaces: Vec<Namespace>,
    folder: TempDir,
}

// === impl Node ===

impl Node {
    /// With so many Pods.
    pub fn new(pods: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let namespaces: Vec<Namespace> =
            (0..pods).map(|_| Namespace::new().expect("root may have namespaces")).collect();
        let node = Self { namespaces, folder };
        node.run(1, Path::new("/proc/self"), "0::/init.scope\n");
        for (pod, namespace) in node.namespaces.iter().enumerate() {
            let cgroup = format!("0::/kubepods/burstable/pod{}/c0ffee\n", objects::uid(pod));
            let process = Path::new("/proc").join(namespace.process().to_string());
            node.run(1_000 + pod, &process, &cgroup);
        }
        node
    }

    /// A process is there that is like another.
    fn run(&self, pid: usize, like: &Path, cgroup: &str) {
        let process = self.proc().join(pid.to_string());
        fs::create_dir_all(process.join("ns")).expect("a folder");
        symlink(like.join("ns/net"), process.join("ns/net")).expect("a symlink");
        symlink(like.join("task"), process.join("task")).expect("a symlink");
        fs::write(process.join("cgroup"), cgroup).expect("a file");
    }

    /// Its processes.
    pub fn proc(&self) -> PathBuf {
        self.folder.path().join("proc")
    }

    /// What an agent of it is told on the command line. Of nodes and names nothing is known, so that it is known what rules there
    /// are.
    pub fn arguments(&self) -> Vec<String> {
        let state = self.folder.path().join("state");
        let words = ["--node-name", objects::NODE, "--allow-node", "none", "--dns", "any"];
        let mut arguments: Vec<String> = words.map(str::to_owned).into();
        for (flag, path) in [("--proc", self.proc()), ("--state-dir", state)] {
            arguments.extend([flag.to_owned(), path.display().to_string()]);
        }
        arguments
    }

    /// Takes all tables away that nobody owns any more.
    pub fn wipe(&self) {
        for namespace in &self.namespaces {
            socket(namespace).commit(&Batch::remove()).expect("nobody owns it");
        }
    }

    /// The counts of changes of all kernels.
    pub fn generations(&self) -> Vec<u32> {
        self.namespaces.iter().map(|it| socket(it).generation().expect("a number")).collect()
    }
}

/// A socket in a namespace.
pub fn socket(namespace: &Namespace) -> Socket {
    let place = File::open(namespace.path()).expect("a namespace");
    Socket::open_at(place.as_fd()).expect("a socket")
}
