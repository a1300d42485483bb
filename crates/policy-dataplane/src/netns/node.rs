//! The node, as far as it tells whose network namespaces are whose: its processes, its folders of namespaces, and its own
//! namespace. Reads and opens; what follows from it is decided in `residents.rs`.

use std::{
    collections::BTreeSet,
    fs,
    fs::File,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
};

use super::{Claim, NamespaceId, Netns, Process, Refusal, Residents, Root, is_on_nsfs, root::Location};

/// Where the processes of the node and its network namespaces are found.
#[derive(Debug)]
pub struct Node {
    proc: PathBuf,
    roots: Vec<Root>,
    host: BTreeSet<NamespaceId>,
}

/// Why nothing can be known of a node.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The host's namespace is not known, so nobody knows where nothing may be put.
    #[error(
        "failed to find the node's own network namespace at {path}: without it no rules are put anywhere; the agent \
         needs hostPID and CAP_SYS_PTRACE"
    )]
    Host {
        /// Where it was looked for.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The processes cannot be listed.
    #[error("failed to list the processes of the node at {path}; the agent needs hostPID")]
    Processes {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A process' namespace cannot be opened.
    #[error("failed to open the network namespace of process {pid}")]
    Open {
        /// The process.
        pid: u32,
        /// Why.
        source: io::Error,
    },
    /// Something changed since it was looked for.
    #[error(
        "process {pid} is no longer where it was, or no longer its Pod's: the node has to be looked at again"
    )]
    Moved {
        /// The process.
        pid: u32,
    },
}

/// The first process of the node is in the node's own namespace.
const FIRST: &str = "1/ns/net";

/// The agent is, too: whatever it is in is not to be closed to it.
const OWN: &str = "/proc/self/ns/net";

// === impl Node ===

impl Node {
    /// The node whose processes are in this folder, `/proc` as a rule.
    ///
    /// # Errors
    /// If its own network namespace cannot be told.
    pub fn open(proc: PathBuf, roots: Vec<Root>) -> Result<Self, NodeError> {
        let places = [proc.join(FIRST), PathBuf::from(OWN)].into_iter();
        let host =
            places.map(|path| NamespaceId::at(&path).map_err(|source| NodeError::Host { path, source }));
        let host = host.collect::<Result<_, _>>()?;
        Ok(Self { proc, roots, host })
    }

    /// Looks at what is at the path that an endpoint names. Nothing is opened: a path may be anything.
    pub fn claim(&self, path: &str) -> Claim {
        let found = match Location::of(path, &self.roots) {
            Some(Location::Named(root, name)) => look(&root.here.join(name), OFlags::NOFOLLOW),
            Some(Location::OfProcess(pid)) => {
                look(&self.proc.join(pid.to_string()).join("ns/net"), OFlags::empty())
            }
            None => Err(Refusal::Elsewhere),
        };
        Claim { path: path.to_owned(), found }
    }

    /// Looks at all processes. Those that end meanwhile are none; of those that cannot be read the number is told.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub fn residents(&self) -> Result<Residents, NodeError> {
        let failed = |source| NodeError::Processes { path: self.proc.clone(), source };
        let mut processes = Vec::new();
        let mut unreadable = 0;
        for entry in fs::read_dir(&self.proc).map_err(failed)? {
            let Some(pid) = entry.map_err(failed)?.file_name().to_str().and_then(|name| name.parse().ok())
            else {
                continue;
            };
            match Process::read(&self.proc, pid, &self.host) {
                Ok(read) => processes.extend(read),
                Err(_) => unreadable += 1,
            }
        }
        Ok(Residents::new(self.host.clone(), self.named(), processes).with_unreadable(unreadable))
    }

    /// Whether a process is where it was, and whose it was. Costs little: while this is so of each namespace that somebody
    /// holds, nothing of what is known has ceased to be true.
    pub fn is_still(&self, process: &Process) -> bool {
        process.is_still(&self.proc, &self.host)
    }

    /// For how long a process has run; nothing, if that cannot be told.
    pub fn age(&self, process: &Process) -> Option<Duration> {
        process.age(&self.proc)
    }

    /// Opens the namespace that a process is in. It is looked at once more while it is held: from then on its number is
    /// nobody else's.
    ///
    /// # Errors
    /// If it cannot be opened, or is another one by now.
    pub fn enter(&self, process: &Process) -> Result<Netns, NodeError> {
        let pid = process.pid;
        let failed = |source| NodeError::Open { pid, source };
        let path = process.path(&self.proc).map_err(failed)?.ok_or(NodeError::Moved { pid })?;
        let netns = Netns::open(&path).map_err(failed)?;
        if netns.id() == process.namespace && self.is_still(process) {
            Ok(netns)
        } else {
            Err(NodeError::Moved { pid })
        }
    }

    /// The namespaces that have a name in one of the folders. What else is there has another device.
    fn named(&self) -> BTreeSet<NamespaceId> {
        let entries = self.roots.iter().filter_map(|root| fs::read_dir(&root.here).ok()).flatten().flatten();
        entries.filter_map(|entry| Some(NamespaceId::of(&entry.path().symlink_metadata().ok()?))).collect()
    }
}

/// Which namespace is at a path, by a file that can only be looked at.
fn look(path: &Path, flags: OFlags) -> Result<NamespaceId, Refusal> {
    let file =
        open(path, OFlags::PATH | OFlags::CLOEXEC | flags, Mode::empty()).map_err(|error| match error {
            Errno::NOENT | Errno::SRCH | Errno::NOTDIR => Refusal::Gone,
            other => Refusal::Unreadable(other.kind()),
        })?;
    let unreadable = |error: io::Error| Refusal::Unreadable(error.kind());
    let file = File::from(file);
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_symlink() {
        return Err(Refusal::Symlink);
    }
    if !is_on_nsfs(&file).map_err(unreadable)? {
        return Err(Refusal::NoNamespace);
    }
    Ok(NamespaceId::of(&metadata))
}
