//! Which Pod and container a process belongs to, by the text of its `/proc/PID/cgroup`: version 1 and 2, as kubelet names cgroups
//! with either driver, whichever cgroup namespace the reader is in.
//!
//! A tenant may make cgroups below its own and call them what it likes, so of a path only the first part that names a Pod
//! counts, and of what follows only the part directly after it.

use std::{fmt, sync::Arc};

/// The uid of a Pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodUid(Arc<str>);

/// The id of a container, as its runtime knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId(Arc<str>);

/// Whose a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub pod: PodUid,
    /// None where the process is in none, or it is not clear in which.
    pub container: Option<ContainerId>,
}

/// Longer than any uid is.
const LONGEST_UID: usize = 128;

/// Where kubelet makes the cgroups of Pods. From within a cgroup namespace, what is above it and its neighbours is `..`; nobody
/// but the node makes cgroups there.
const PARENTS: [&str; 4] = ["kubepods", "burstable", "besteffort", ".."];

/// The same where systemd keeps them. Each may have a prefix that ends with a dash.
const SLICES: [&str; 3] = ["kubepods", "kubepods-burstable", "kubepods-besteffort"];

// === impl PodUid ===

impl PodUid {
    /// The uid, if it may be one.
    pub fn new(uid: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_uid = !uid.is_empty() && uid.len() <= LONGEST_UID && uid.bytes().all(is_plain);
        is_uid.then(|| Self(uid.into()))
    }
}

impl fmt::Display for PodUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl ContainerId ===

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Membership ===

impl Membership {
    /// What the text says. A hierarchy that names no Pod says nothing; where they name several Pods, nobody knows.
    pub fn read(text: &str) -> Option<Self> {
        let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
        let mut told = paths.filter_map(Self::in_path);
        let mut found = told.next()?;
        for other in told {
            if other.pod != found.pod {
                return None;
            }
            if other.container != found.container {
                found.container = None;
            }
        }
        Some(found)
    }

    fn in_path(path: &str) -> Option<Self> {
        // A kernel says so of a cgroup that was removed under a process that ends.
        let path = path.strip_suffix(" (deleted)").unwrap_or(path);
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let mut parent = "";
        while let Some(part) = parts.next() {
            // Of a runtime that takes systemd's names and not systemd: `X.slice:cri-containerd:ID` is one part.
            let (unit, inner) =
                part.split_once(':').map_or((part, None), |(unit, inner)| (unit, Some(inner)));
            if let Some(pod) = pod_named(parent, unit) {
                let container = inner.or_else(|| parts.next()).and_then(container_named);
                return Some(Self { pod, container });
            }
            parent = part;
        }
        None
    }
}

fn pod_named(parent: &str, part: &str) -> Option<PodUid> {
    if let Some(uid) = part.strip_prefix("pod").filter(|_| PARENTS.contains(&parent)) {
        return PodUid::new(uid);
    }
    let (slice, uid) = part.strip_suffix(".slice")?.rsplit_once("-pod")?;
    let is_of = |name: &str| slice.strip_suffix(name).is_some_and(|it| it.is_empty() || it.ends_with('-'));
    if !SLICES.into_iter().any(is_of) {
        return None;
    }
    // To systemd a dash means that one is within the other.
    PodUid::new(&uid.replace('_', "-"))
}

/// The id after whatever a runtime writes before it.
fn container_named(part: &str) -> Option<ContainerId> {
    let name = part.strip_suffix(".scope").unwrap_or(part);
    let id = name.rsplit(['-', ':']).next()?;
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| ContainerId(id.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0";
    const ESCAPED: &str = "0b1c2d3e_4f50_6172_8394_a5b6c7d8e9f0";
    const OTHER: &str = "ffffffff-0000-0000-0000-000000000000";
    const ID: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

    /// The Pod and container of a path of version 2.
    fn of(path: &str) -> Option<(String, Option<String>)> {
        read(&format!("0::{path}\n"))
    }

    fn read(text: &str) -> Option<(String, Option<String>)> {
        let found = Membership::read(text)?;
        Some((found.pod.to_string(), found.container.map(|it| it.to_string())))
    }

    #[test]
    fn whatever_the_driver_the_runtime_and_the_readers_namespace_are_pod_and_container_are_found() {
        let both = Some((UID.to_owned(), Some(ID.to_owned())));
        let slice = format!("kubepods-burstable-pod{ESCAPED}.slice");
        for path in [
            format!("/kubepods/pod{UID}/{ID}"),
            format!("/kubepods/burstable/pod{UID}/{ID}"),
            format!("/kubepods/besteffort/pod{UID}/crio-{ID}"),
            format!("/docker/{OTHER}/kubelet/kubepods/burstable/pod{UID}/{ID}"),
            format!("/kubepods.slice/kubepods-pod{ESCAPED}.slice/crio-{ID}.scope"),
            format!("/kubepods.slice/kubepods-burstable.slice/{slice}/cri-containerd-{ID}.scope"),
            format!("/kubepods.slice/kubepods-burstable.slice/{slice}/docker-{ID}.scope"),
            format!("/kubepods.slice/kubepods-burstable.slice/{slice}/crio-conmon-{ID}.scope"),
            format!("/kubelet.slice/kubelet-kubepods.slice/kubelet-{slice}/cri-containerd-{ID}.scope"),
            format!("/system.slice/containerd.service/{slice}:cri-containerd:{ID}"),
            format!("/../../{slice}/cri-containerd-{ID}.scope"),
            format!("/../../../kubepods-burstable.slice/{slice}/cri-containerd-{ID}.scope"),
            format!("/../../kubepods/burstable/pod{UID}/{ID}"),
            format!("/../../pod{UID}/{ID}"),
            format!("/../../../besteffort/pod{UID}/{ID}"),
            format!("/kubepods/pod{UID}/{ID} (deleted)"),
        ] {
            assert_eq!(of(&path), both, "{path}");
        }
        let alone = Some((UID.to_owned(), None));
        for path in [format!("/kubepods/pod{UID}"), format!("/kubepods/pod{UID}/not an id")] {
            assert_eq!(of(&path), alone, "{path}");
        }
    }

    #[test]
    fn a_static_pods_uid_has_no_dashes() {
        let uid = "0b1c2d3e4f5061728394a5b6c7d8e9f0";
        let path = format!("/kubepods.slice/kubepods-pod{uid}.slice/crio-{ID}.scope");
        assert_eq!(of(&path), Some((uid.to_owned(), Some(ID.to_owned()))));
    }

    #[test]
    fn what_a_tenant_calls_its_own_cgroups_counts_for_nothing() {
        let both = Some((UID.to_owned(), Some(ID.to_owned())));
        let other = "ffffffff_0000_0000_0000_000000000000";
        for path in [
            format!("/kubepods/burstable/pod{UID}/{ID}/kubepods/burstable/pod{OTHER}/{ID}"),
            format!("/kubepods/burstable/pod{UID}/{ID}/kubepods.slice/kubepods-pod{other}.slice/{ID}"),
            format!("/kubepods/burstable/pod{UID}/{ID}/x:y:/kubepods/pod{OTHER}"),
        ] {
            assert_eq!(of(&path), both, "{path}");
        }
        let without = Some((UID.to_owned(), None));
        assert_eq!(of(&format!("/kubepods/pod{UID}/kubepods/pod{OTHER}/{ID}")), without);
    }

    #[test]
    fn where_kubelet_makes_no_pods_nothing_names_one() {
        for path in [
            "/".to_owned(),
            String::new(),
            "/system.slice/sshd.service".to_owned(),
            format!("/pod{UID}/{ID}"),
            format!("/user.slice/user-1000.slice/pod{UID}/{ID}"),
            format!("/user.slice/mykubepods-pod{ESCAPED}.slice/{ID}"),
            format!("/user.slice/kubepods-other-pod{ESCAPED}.slice/{ID}"),
            format!("/kubepods-pod{ESCAPED}/{ID}"),
            "/kubepods/pod/x".to_owned(),
            "/kubepods/pod a/x".to_owned(),
            format!("/kubepods/pod{}/x", "a".repeat(LONGEST_UID + 1)),
        ] {
            assert_eq!(of(&path), None, "{path}");
        }
        for text in ["", "\n", "0:", "0::", "::::", "garbage"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn hierarchies_agree_on_the_pod_or_the_process_is_nobodys() {
        let of = |uid: &str, id: &str| format!("/kubepods/burstable/pod{uid}/{id}");
        let agreed = format!("9:name=systemd:{0}\n8:pids:{0}\n4:memory:/\n0::/\n", of(UID, ID));
        assert_eq!(read(&agreed), Some((UID.to_owned(), Some(ID.to_owned()))));
        let disagreed = format!("9:pids:{}\n8:cpu,cpuacct:{}\n", of(UID, ID), of(OTHER, ID));
        assert_eq!(read(&disagreed), None);
        let elsewhere =
            format!("9:pids:{}\n8:cpu:{}\n7:cpuset:{}\n", of(UID, ID), of(UID, "abc"), of(UID, ID));
        assert_eq!(read(&elsewhere), Some((UID.to_owned(), None)));
    }
}
