//! Which network namespace is whose: what endpoints claim, what the processes of a node prove, and what follows.
//!
//! ```text
//!   /proc ──────────> Process (where it is, of which Pod) ──┐
//!   folders ────────> namespaces that have a name ──────────┼──> Residents ── decide(Pod, Claims) ──> Decision
//!   pid 1, oneself ─> the host's namespaces ────────────────┘                                         │
//!   paths that endpoints name ──> Claim ──────────────────────────────────────────────────────────────┘
//!                                                    Node::open(Process) ──> Netns: held, checked, for a Socket
//! ```
//!
//! A tenant may write endpoints, so nothing is done because of what they say: a Pod's namespaces are those in which its
//! processes are, by the cgroups that kubelet made for its uid. A claim is only checked, so that a false one can be told.
//! Responsible for the host's namespaces being nobody's. Not responsible for what is put into a namespace.

mod cgroup;
mod claim;
mod node;
mod process;
mod residents;
mod root;

use std::{
    fmt,
    fs::{self, File},
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::fs::MetadataExt,
    },
    path::Path,
};

use rustix::fs::{FsWord, fstatfs};

pub use cgroup::{ContainerId, PodUid};
pub use claim::{Claim, Refusal};
pub use node::{Node, NodeError};
pub use process::Process;
pub use residents::{Decision, Home, MOST_HOMES, Residents};
pub use root::{Root, RootError};

/// A namespace. Numbers are given again: it is the same one only as long as somebody is in it, or holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespaceId {
    /// The device of its file.
    pub device: u64,
    /// The number of its file.
    pub inode: u64,
}

/// A network namespace that is held: it stays, and its devices with it, until this is dropped.
#[derive(Debug)]
pub struct Netns {
    file: File,
    id: NamespaceId,
}

/// The file system of namespaces.
const NSFS: FsWord = 0x6e73_6673;

// === impl NamespaceId ===

impl NamespaceId {
    /// Of the file at this path, wherever it leads.
    fn at(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|file| Self::of(&file))
    }

    fn of(file: &fs::Metadata) -> Self {
        Self { device: file.dev(), inode: file.ino() }
    }
}

/// As `ip netns` and `ls` of `/proc/PID/ns` show it.
impl fmt::Display for NamespaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "net:[{}]", self.inode)
    }
}

// === impl Netns ===

impl Netns {
    /// Opens what a process has at `ns/net`; anything else is an error.
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // A kernel calls a namespace by its kind, where it is not opened by the name that somebody gave it in a folder.
        let name = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        let is_net = name.to_str().is_some_and(|name| name.starts_with("net:["));
        if !is_on_nsfs(&file)? || !is_net {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no network namespace"));
        }
        let id = NamespaceId::of(&file.metadata()?);
        Ok(Self { file, id })
    }

    /// Which namespace it is.
    pub const fn id(&self) -> NamespaceId {
        self.id
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn is_on_nsfs(file: &File) -> io::Result<bool> {
    Ok(fstatfs(file)?.f_type == NSFS)
}
