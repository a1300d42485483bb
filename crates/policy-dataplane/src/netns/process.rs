//! A process of a Pod, as a folder like `/proc` tells of it: in which network namespaces it is, and whose it is. Only reads.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    param::clock_ticks_per_second,
    time::{ClockId, clock_gettime},
};

use super::{
    NamespaceId,
    cgroup::{ContainerId, Membership, PodUid},
};

/// A process in a network namespace. One whose threads are in several is told of once for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Where it is.
    pub namespace: NamespaceId,
    /// Whose it is.
    pub pod: PodUid,
    /// In which of the Pod's containers, where that is clear.
    pub container: Option<ContainerId>,
}

/// Longer than what a kernel says of a process: a path for each of a dozen hierarchies.
const LONGEST_TEXT: u64 = 128 << 10;

/// Which of the fields that follow a process's name tells when it was started, in ticks since the machine was (`proc(5)`, field 22).
const START: usize = 19;

/// "No such process": it ended while it was read.
const ESRCH: i32 = 3;

// === impl Process ===

impl Process {
    /// What a folder of processes tells of this one. Nothing, if it is no Pod's, has ended, or is in the host's namespace.
    pub(super) fn read(proc: &Path, pid: u32, host: &BTreeSet<NamespaceId>) -> io::Result<Vec<Self>> {
        let folder = proc.join(pid.to_string());
        let first = present(NamespaceId::at(&namespace_in(&folder)))?;
        // What is the node's own enters the namespaces of others with threads, as we do.
        if first.is_some_and(|first| host.contains(&first)) {
            return Ok(Vec::new());
        }
        let mut whose = match first {
            Some(_) => membership(&folder)?,
            // The first thread of a process may end before the others, and tells nothing then.
            None => None,
        };
        if first.is_some() && whose.is_none() {
            return Ok(Vec::new());
        }
        let mut namespaces: BTreeSet<NamespaceId> = first.into_iter().collect();
        for thread in threads(&folder)? {
            let Some(namespace) = present(NamespaceId::at(&namespace_in(&thread)))? else { continue };
            namespaces.insert(namespace);
            if whose.is_none() {
                whose = membership(&thread)?;
            }
        }
        let Some(Membership { pod, container }) = whose else { return Ok(Vec::new()) };
        let elsewhere = namespaces.into_iter().filter(|namespace| !host.contains(namespace));
        let process = |namespace| Self { pid, namespace, pod: pod.clone(), container: container.clone() };
        Ok(elsewhere.map(process).collect())
    }

    /// Whether it is where it was, and whose it was. Its first thread tells as a rule; the others are asked only if it does not.
    pub(super) fn is_still(&self, proc: &Path, host: &BTreeSet<NamespaceId>) -> bool {
        let folder = proc.join(self.pid.to_string());
        let is_ours = |whose: Option<Membership>| whose.is_some_and(|whose| whose.pod == self.pod);
        if NamespaceId::at(&namespace_in(&folder)).is_ok_and(|now| now == self.namespace)
            && membership(&folder).is_ok_and(is_ours)
        {
            return true;
        }
        let is_it = |now: &Self| now.namespace == self.namespace && now.pod == self.pod;
        Self::read(proc, self.pid, host).is_ok_and(|now| now.iter().any(is_it))
    }

    /// For how long it has run; nothing, if that cannot be told.
    pub(super) fn age(&self, proc: &Path) -> Option<Duration> {
        let stat = fs::read(proc.join(self.pid.to_string()).join("stat")).ok()?;
        let started = started(&String::from_utf8_lossy(&stat), clock_ticks_per_second())?;
        let now: Duration = clock_gettime(ClockId::Boottime).try_into().ok()?;
        Some(now.saturating_sub(started))
    }

    /// Where a folder of processes has the namespace that this one is in: that of a thread, if its first one is elsewhere.
    pub(super) fn path(&self, proc: &Path) -> io::Result<Option<PathBuf>> {
        let folder = proc.join(self.pid.to_string());
        let places = [folder.clone()].into_iter().chain(threads(&folder)?).map(|place| namespace_in(&place));
        let mut there = places.filter(|path| NamespaceId::at(path).ok() == Some(self.namespace));
        Ok(there.next())
    }
}

/// When a process was started, by what `stat` says of it: after the name, which may be anything.
fn started(stat: &str, ticks_per_second: u64) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 = fields.split_ascii_whitespace().nth(START)?.parse().ok()?;
    Some(Duration::from_millis(ticks.saturating_mul(1_000).checked_div(ticks_per_second)?))
}

fn namespace_in(process: &Path) -> PathBuf {
    process.join("ns/net")
}

/// The folders of a process' threads.
fn threads(process: &Path) -> io::Result<Vec<PathBuf>> {
    let Some(entries) = present(fs::read_dir(process.join("task")))? else { return Ok(Vec::new()) };
    Ok(entries.map_while(Result::ok).map(|entry| entry.path()).collect())
}

fn membership(process: &Path) -> io::Result<Option<Membership>> {
    let Some(file) = present(File::open(process.join("cgroup")))? else { return Ok(None) };
    let mut text = Vec::new();
    let read = present(file.take(LONGEST_TEXT).read_to_end(&mut text))?;
    Ok(read.and_then(|_| Membership::read(&String::from_utf8_lossy(&text))))
}

/// Nothing, if it is of a process that has ended.
fn present<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_was_started_when_the_kernel_says_so_whatever_it_is_called() {
        let fields = "S 1 7 7 0 -1 4194560 1 0 0 0 2 3 0 0 20 0 1 0 4250 170 9";
        for name in ["pause", "a b", "x) S 1 (", ") 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22"]
        {
            let started = started(&format!("7 ({name}) {fields}"), 100);
            assert_eq!(started, Some(Duration::from_millis(42_500)), "{name}");
        }
        assert_eq!(started("7 (pause) S 1 7", 100), None);
        assert_eq!(started("", 100), None);
    }
}
