//! Whose network namespaces are whose, on a node with real ones: the kernel's answers, however a namespace is named. Processes and
//! their cgroups are told by a folder of the test's own.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use std::os::fd::AsFd;

use policy_dataplane::{
    Claim, Decision, NamespaceId, Netns, Node, NodeError, PodUid, Process, Refusal, Residents, Root, Socket,
};
use tempfile::TempDir;

use crate::namespace::Namespace;

const A: &str = "aaaaaaaa-0000-0000-0000-000000000000";
const B: &str = "bbbbbbbb-0000-0000-0000-000000000000";

/// A node of which a test decides who is on it. Endpoints know its folder of namespaces as `/run/netns`.
struct Lab {
    folder: TempDir,
    mounts: Vec<PathBuf>,
}

fn uid(text: &str) -> PodUid {
    PodUid::new(text).expect("a uid")
}

/// The words of a kernel about a process of this Pod.
fn cgroup(pod: &str) -> String {
    format!("0::/kubepods/burstable/pod{pod}/c0ffee\n")
}

// === impl Lab ===

impl Lab {
    /// A node on which the first process is in the namespace that the test is in.
    fn new() -> Self {
        let lab = Self { folder: TempDir::new().expect("a folder"), mounts: Vec::new() };
        fs::create_dir(lab.names()).expect("a folder of namespaces");
        lab.run(1, Path::new("/proc/self/ns/net"), "0::/init.scope\n");
        lab
    }

    fn proc(&self) -> PathBuf {
        self.folder.path().join("proc")
    }

    fn names(&self) -> PathBuf {
        self.folder.path().join("netns")
    }

    /// A process there is from now on.
    fn run(&self, pid: u32, namespace: &Path, cgroup: &str) {
        let process = self.proc().join(pid.to_string());
        fs::create_dir_all(process.join("ns")).expect("a process");
        symlink(namespace, process.join("ns/net")).expect("it is in a namespace");
        fs::write(process.join("cgroup"), cgroup).expect("it is in a cgroup");
    }

    /// A thread of a process that is elsewhere than its first one.
    fn run_thread(&self, pid: u32, thread: u32, namespace: &Path, cgroup: &str) {
        let thread = self.proc().join(format!("{pid}/task/{thread}"));
        fs::create_dir_all(thread.join("ns")).expect("a thread");
        symlink(namespace, thread.join("ns/net")).expect("it is in a namespace");
        fs::write(thread.join("cgroup"), cgroup).expect("it is in a cgroup");
    }

    fn end(&self, pid: u32) {
        fs::remove_dir_all(self.proc().join(pid.to_string())).expect("it was there");
    }

    /// Gives a namespace a name in the folder, as `ip netns attach` does.
    fn name(&mut self, name: &str, namespace: &Path) {
        let path = self.names().join(name);
        fs::write(&path, "").expect("a file");
        let mount = ["--bind".as_ref(), namespace.as_os_str(), path.as_os_str()];
        assert!(Command::new("mount").args(mount).status().expect("mount").success());
        self.mounts.push(path);
    }

    fn node(&self) -> Node {
        let root: Root = format!("/run/netns={}", self.names().display()).parse().expect("a root");
        Node::open(self.proc(), vec![root]).expect("the node")
    }

    fn residents(&self) -> Residents {
        self.node().residents().expect("processes")
    }

    /// What comes of it if the endpoints of a Pod name these paths.
    fn decide(&self, pod: &str, paths: &[&str]) -> Decision {
        let node = self.node();
        let claims: Vec<Claim> = paths.iter().map(|path| node.claim(path)).collect();
        self.residents().decide(&uid(pod), &claims)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for path in &self.mounts {
            let _ = Command::new("umount").args(["--lazy".as_ref(), path.as_os_str()]).status();
        }
    }
}

fn processes(decision: &Decision) -> Vec<u32> {
    decision.homes.iter().map(|home| home.process.pid).collect()
}

fn refusals(decision: Decision) -> Vec<Refusal> {
    decision.refused.into_iter().map(|(_, refusal)| refusal).collect()
}

/// The number by which the kernel calls a namespace.
fn id(namespace: &Path) -> String {
    fs::read_link(namespace).expect("a namespace").display().to_string()
}

/// A socket in a held namespace, and whether it acts there.
fn assert_is_within(netns: &Netns, namespace: &Namespace) {
    let socket = Socket::open_at(netns.as_fd()).expect("a socket");
    namespace.run("nft", &["add", "table", "inet", "danm_policer"], "");
    namespace.run("nft", &["add", "chain", "inet", "danm_policer", "here"], "");
    let there = socket.snapshot().expect("it is read");
    namespace.run("nft", &["delete", "table", "inet", "danm_policer"], "");
    assert_ne!(there, socket.snapshot().expect("it is read"));
}

#[test]
fn the_namespace_of_the_node_is_refused_however_it_is_named() {
    let Some(namespace) = Namespace::new() else { return };
    let mut lab = Lab::new();
    lab.run(7, &namespace.path(), &cgroup(A));
    // A process of the Pod in the node's namespace proves nothing.
    lab.run(8, Path::new("/proc/self/ns/net"), &cgroup(A));
    lab.name("host", Path::new("/proc/self/ns/net"));
    symlink("/proc/self/ns/net", lab.names().join("link")).expect("a symlink");
    let paths =
        ["/proc/1/ns/net", "/proc/8/ns/net", "/proc/self/ns/net", "/run/netns/host", "/run/netns/link"];
    let decision = lab.decide(A, &paths);
    assert_eq!(processes(&decision), [7]);
    let expected = [Refusal::Host, Refusal::Host, Refusal::Elsewhere, Refusal::Host, Refusal::Symlink];
    assert_eq!(refusals(decision), expected);
}

#[test]
fn what_is_at_a_path_is_no_namespace_or_it_is_refused() {
    let Some(namespace) = Namespace::new() else { return };
    let mut lab = Lab::new();
    lab.run(7, &namespace.path(), &cgroup(A));
    lab.name("a", &namespace.path());
    lab.name("mounts", Path::new("/proc/self/ns/uts"));
    fs::write(lab.names().join("file"), "").expect("a file");
    fs::create_dir(lab.names().join("folder")).expect("a folder");
    assert!(Command::new("mkfifo").arg(lab.names().join("pipe")).status().expect("mkfifo").success());
    symlink("a", lab.names().join("link")).expect("a symlink");
    let expected = [
        ("/run/netns/a", None),
        ("/proc/7/ns/net", None),
        ("/run/netns/file", Some(Refusal::NoNamespace)),
        ("/run/netns/folder", Some(Refusal::NoNamespace)),
        ("/run/netns/pipe", Some(Refusal::NoNamespace)),
        ("/run/netns/link", Some(Refusal::Symlink)),
        ("/run/netns/../netns/a", Some(Refusal::Elsewhere)),
        ("/run/netns/gone", Some(Refusal::Gone)),
        ("/proc/77/ns/net", Some(Refusal::Gone)),
        ("/run/netns/mounts", Some(Refusal::Empty)),
    ];
    for (path, refusal) in expected {
        let decision = lab.decide(A, &[path]);
        assert_eq!(processes(&decision), [7], "{path}");
        assert_eq!(refusals(decision).first(), refusal.as_ref(), "{path}");
    }
}

#[test]
fn the_namespace_of_another_pod_and_a_decoy_gain_nothing() {
    let (Some(a), Some(b), Some(decoy)) = (Namespace::new(), Namespace::new(), Namespace::new()) else {
        return;
    };
    let mut lab = Lab::new();
    lab.run(7, &a.path(), &cgroup(A));
    lab.run(8, &b.path(), &cgroup(B));
    lab.run(9, &decoy.path(), &cgroup(A));
    lab.name("a", &a.path());
    lab.name("b", &b.path());
    let decision = lab.decide(A, &["/run/netns/b", "/proc/9/ns/net"]);
    assert_eq!(processes(&decision), [7, 9]);
    assert_eq!(refusals(decision), [Refusal::OfAnother(uid(B))]);
    // Both name one: who is in it has it.
    let decision = lab.decide(B, &["/run/netns/b"]);
    assert_eq!(processes(&decision), [8]);
    assert_eq!(refusals(decision), []);
    let node = lab.node();
    for (process, namespace) in lab.decide(A, &[]).homes.iter().zip([&a, &decoy]) {
        let netns = node.enter(&process.process).expect("it is there");
        assert_eq!(netns.id().to_string(), id(&namespace.path()));
        assert_is_within(&netns, namespace);
    }
}

#[test]
fn a_namespace_with_a_name_comes_first_whatever_the_numbers_of_processes_are() {
    let (Some(home), Some(decoy)) = (Namespace::new(), Namespace::new()) else { return };
    let mut lab = Lab::new();
    lab.run(7, &decoy.path(), &cgroup(A));
    lab.run(8, &home.path(), &cgroup(A));
    assert_eq!(processes(&lab.decide(A, &[])), [7, 8]);
    lab.name("cni-1", &home.path());
    assert_eq!(processes(&lab.decide(A, &[])), [8, 7]);
}

#[test]
fn threads_that_are_elsewhere_are_found_and_those_that_outlive_the_first_one() {
    let (Some(home), Some(hidden)) = (Namespace::new(), Namespace::new()) else { return };
    let lab = Lab::new();
    lab.run(7, &home.path(), &cgroup(A));
    lab.run_thread(7, 7, &home.path(), &cgroup(A));
    lab.run_thread(7, 71, &hidden.path(), &cgroup(A));
    // Of a thread that has ended a kernel tells neither.
    lab.run_thread(8, 81, &hidden.path(), &cgroup(B));
    fs::write(lab.proc().join("8/cgroup"), "0::/\n").expect("it is in a cgroup");
    let decision = lab.decide(A, &[]);
    let of_b = lab.decide(B, &[]);
    let node = lab.node();
    let found = decision.homes.iter().chain(&of_b.homes).map(|home| {
        let netns = node.enter(&home.process).expect("it is there");
        netns.id().to_string()
    });
    let mut found: Vec<String> = found.collect();
    found.sort_unstable();
    let mut expected = vec![id(&home.path()), id(&hidden.path())];
    expected.sort_unstable();
    // The second Pod is nowhere else, so the first only visits it there.
    assert_eq!(found, expected);
    assert_eq!(processes(&of_b), [8]);
    lab.end(8);
    assert_eq!(processes(&lab.decide(A, &[])), [7, 7]);
}

#[test]
fn what_is_known_of_a_process_is_asked_again_before_its_namespace_is_entered() {
    let (Some(home), Some(other)) = (Namespace::new(), Namespace::new()) else { return };
    let lab = Lab::new();
    lab.run(7, &home.path(), &cgroup(A));
    let node = lab.node();
    let known: Process = lab.decide(A, &[]).homes.remove(0).process;
    assert!(node.is_still(&known) && node.enter(&known).is_ok());
    let later: [&dyn Fn(); 4] = [
        &|| lab.run(7, &home.path(), &cgroup(B)),
        &|| lab.run(7, &other.path(), &cgroup(A)),
        &|| lab.run(7, Path::new("/proc/self/ns/net"), &cgroup(A)),
        &|| {},
    ];
    for change in later {
        lab.end(7);
        change();
        assert!(!node.is_still(&known));
        assert!(matches!(node.enter(&known), Err(NodeError::Moved { pid: 7 })));
        assert!(!lab.residents().is_home(&uid(A), known.namespace));
        fs::create_dir_all(lab.proc().join("7")).expect("a process");
    }
}

#[test]
fn without_the_namespace_of_the_node_there_is_no_node() {
    let lab = Lab::new();
    lab.end(1);
    let error = Node::open(lab.proc(), Root::usual()).expect_err("the first process is gone");
    assert!(
        matches!(&error, NodeError::Host { path, .. } if *path == lab.proc().join("1/ns/net")),
        "{error}"
    );
}

#[test]
fn processes_that_cannot_be_read_are_counted_and_hide_no_others() {
    let Some(namespace) = Namespace::new() else { return };
    let lab = Lab::new();
    lab.run(7, &namespace.path(), &cgroup(A));
    lab.run(8, &namespace.path(), "");
    fs::remove_file(lab.proc().join("8/cgroup")).expect("it was there");
    fs::create_dir(lab.proc().join("8/cgroup")).expect("a folder cannot be read");
    fs::create_dir(lab.proc().join("9")).expect("a process that has ended");
    fs::create_dir(lab.proc().join("self")).expect("no process");
    let residents = lab.residents();
    assert_eq!(residents.unreadable(), 1);
    assert_eq!(processes(&residents.decide(&uid(A), &[])), [7]);
}

/// As the kernel tells of a process: it is nobody's, and its namespace has the number that the kernel shows.
#[test]
fn what_the_kernel_tells_of_a_process_of_no_pod_proves_nothing() {
    let Some(namespace) = Namespace::new() else { return };
    let lab = Lab::new();
    let pid = namespace.process();
    symlink(format!("/proc/{pid}"), lab.proc().join(pid.to_string())).expect("a process");
    let claim = lab.node().claim(&namespace.path().display().to_string());
    let found: NamespaceId = claim.found.clone().expect("it is there");
    assert_eq!(found.to_string(), id(&namespace.path()));
    let residents = lab.residents();
    assert_eq!(residents.unreadable(), 0);
    assert_eq!(refusals(residents.decide(&uid(A), &[claim])), [Refusal::Empty]);
}
