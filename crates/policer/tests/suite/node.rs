//! A node of which a test decides who is on it: its processes are told by a folder of the test's own, its Pods are real network
//! namespaces on one bridge. The agent on it is the real one.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process,
    time::{Duration, Instant},
};

use danm_api::ApiGroup;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Cluster, Running, eventually, objects};
use tokio::process::Command;

use crate::{
    namespace::Namespace,
    policies::{NAMESPACE, events},
    program::{Run, finish, program},
};

/// Those on which Pods listen.
pub const PORTS: [u16; 2] = [80, 81];

/// How long a connection may take that nobody rejects: then rules drop where they should tell.
const PATIENCE: Duration = Duration::from_secs(10);

/// A node.
pub struct Node {
    folder: TempDir,
    /// Its own network namespace, with the bridge.
    pub host: Namespace,
    names: Vec<PathBuf>,
    pods: u8,
}

/// A Pod on it, with the address that its endpoint names.
pub struct Pod {
    pub object: Value,
    pub endpoint: Value,
    pub namespace: Namespace,
    pub address: Ipv4Addr,
    listeners: Vec<TcpListener>,
}

/// A Pod in the namespace of the policies, with a label.
pub fn labelled(name: &str, app: &str) -> Value {
    let pod = objects::with(objects::pod(NAMESPACE, name, "node-a"), "/metadata/labels", json!({"app": app}));
    let ports = json!([{"name": "sql", "containerPort": 80}, {"name": "admin", "containerPort": 81}]);
    let container = json!([{"name": "c", "image": "none.invalid/none", "ports": ports}]);
    objects::with(pod, "/spec/containers", container)
}

// === impl Node ===

impl Node {
    /// An empty one; none where no namespaces can be had.
    pub fn new() -> Option<Self> {
        let host = Namespace::new()?;
        host.run("ip", "link add bridge type bridge");
        host.run("ip", "link set bridge up");
        let folder = TempDir::new().expect("a folder");
        fs::create_dir(folder.path().join("netns")).expect("a folder of namespaces");
        let node = Self { folder, host, names: Vec::new(), pods: 0 };
        node.register(1, &node.host.path(), "0::/init.scope\n");
        Some(node)
    }

    /// What is kept for the next start of the agent.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub fn proc(&self) -> PathBuf {
        self.folder.path().join("proc")
    }

    fn netns(&self) -> PathBuf {
        self.folder.path().join("netns")
    }

    /// Where things are on it, as arguments.
    pub fn place(&self) -> [String; 4] {
        let [proc, netns] = [self.proc(), self.netns()].map(|path| path.display().to_string());
        ["--proc".to_owned(), proc, "--netns-root".to_owned(), format!("/var/run/netns={netns}")]
    }

    /// Its agent.
    pub async fn agent(&self, cluster: &Cluster) -> Running {
        self.agent_of(&cluster.kubeconfig()).await
    }

    /// Its agent, for whom this is the way to the API server.
    pub async fn agent_of(&self, kubeconfig: &Path) -> Running {
        Running::start(self.agent_command(kubeconfig)).await
    }

    /// The same, with these arguments, too.
    pub async fn agent_with(&self, arguments: &[&str], kubeconfig: &Path) -> Running {
        let mut command = self.agent_command(kubeconfig);
        command.args(arguments);
        Running::start(command).await
    }

    /// How its agent is called.
    pub fn agent_command(&self, kubeconfig: &Path) -> Command {
        // Tools of the system are none of the agent's.
        let mut command = program(&["agent", "--node-name", "node-a", "--admin-listen", "127.0.0.1:0"]);
        command.args(self.place()).arg("--state-dir").arg(self.state()).arg("--kubeconfig").arg(kubeconfig);
        command
    }

    /// Runs `cleanup` on it.
    pub async fn clean_up(&self, arguments: &[&str]) -> Run {
        finish(self.cleanup_command(arguments), "").await
    }

    /// How `cleanup` is called on it.
    pub fn cleanup_command(&self, arguments: &[&str]) -> Command {
        let mut command = program(&["cleanup"]);
        command.args(arguments).args(self.place());
        command
    }

    /// What its rules have counted.
    pub async fn stats(&self, arguments: &[&str]) -> Run {
        let mut command = program(&["stats"]);
        command.args(arguments).args(self.place()).arg("--state-dir").arg(self.state());
        finish(command, "").await
    }

    fn register(&self, process: u32, namespace: &Path, cgroup: &str) {
        let process = self.proc().join(process.to_string());
        fs::create_dir_all(process.join("ns")).expect("a process");
        symlink(namespace, process.join("ns/net")).expect("it is in a namespace");
        fs::write(process.join("cgroup"), cgroup).expect("it is in a cgroup");
    }

    /// Has a process of the Pod with this uid run in a namespace.
    pub fn run(&self, namespace: &Namespace, uid: &str) {
        let uid = uid.replace('-', "_");
        let cgroup = format!(
            "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{uid}.slice/cri-containerd-c0ffee.scope\n"
        );
        self.register(namespace.process(), &namespace.path(), &cgroup);
    }

    /// Nobody runs there any more, as far as the agent can see.
    pub fn end(&self, namespace: &Namespace) {
        let process = self.proc().join(namespace.process().to_string());
        fs::remove_dir_all(process).expect("it was there");
    }

    /// Gives a namespace a name, as `ip netns attach` does.
    pub fn name(&mut self, name: &str, namespace: &Path) {
        let path = self.netns().join(name);
        fs::write(&path, "").expect("a file");
        let mount = ["--bind".as_ref(), namespace.as_os_str(), path.as_os_str()];
        assert!(process::Command::new("mount").args(mount).status().expect("mount").success());
        self.names.push(path);
    }

    /// A namespace on the bridge, with an address that nobody else has.
    pub fn plug(&mut self) -> Option<(Namespace, Ipv4Addr)> {
        let namespace = Namespace::new()?;
        self.pods += 1;
        let (number, process) = (self.pods, namespace.process());
        self.host.run("ip", &format!("link add veth{number} type veth peer name eth0 netns {process}"));
        self.host.run("ip", &format!("link set veth{number} master bridge up"));
        namespace.run("ip", "link set lo up");
        namespace.run("ip", "link set eth0 up");
        let address = Ipv4Addr::new(10, 77, 0, number);
        namespace.run("ip", &format!("addr add {address}/24 dev eth0"));
        Some((namespace, address))
    }

    /// A Pod that runs, in the cluster and here.
    pub async fn pod(&mut self, cluster: &mut Cluster, object: Value) -> Option<Pod> {
        let mut pod = self.pod_without_endpoint(cluster, object).await?;
        cluster.create([pod.endpoint.clone()]).await;
        pod.listen();
        Some(pod)
    }

    /// The same, before an endpoint names it. Nobody listens there.
    pub async fn pod_without_endpoint(&mut self, cluster: &mut Cluster, object: Value) -> Option<Pod> {
        let (namespace, address) = self.plug()?;
        let object = objects::with(object, "/status/podIPs", json!([{"ip": address.to_string()}]));
        let [home, name, uid] =
            ["namespace", "name", "uid"].map(|field| object["metadata"][field].as_str().expect("text"));
        cluster.create([object.clone()]).await;
        let given = cluster.uid_of(uid).expect("the server gave one").to_owned();
        self.run(&namespace, &given);
        let path = format!("cni-{}", self.pods);
        self.name(&path, &namespace.path());
        let endpoint = objects::endpoint(ApiGroup::DanmIo, home, &format!("{name}-eth0"), name, "lan");
        let endpoint = objects::with(endpoint, "/spec/Interface/Name", "eth0");
        let endpoint = objects::with(endpoint, "/spec/Interface/Address", format!("{address}/24"));
        let endpoint = objects::with(endpoint, "/spec/netns", format!("/var/run/netns/{path}"));
        Some(Pod { object, endpoint, namespace, address, listeners: Vec::new() })
    }

    /// Takes the names of all namespaces away.
    pub fn forget_names(&mut self) {
        for path in self.names.drain(..) {
            let _ = process::Command::new("umount").args(["--lazy".as_ref(), path.as_os_str()]).status();
        }
    }

    /// Whether a device of the node's own leads to a Pod's namespace still.
    pub fn has_cable(&self, number: u8) -> bool {
        self.host.attempt("ip", &format!("link show veth{number}")).status.success()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.forget_names();
    }
}

// === impl Pod ===

impl Pod {
    /// Somebody listens from now on.
    pub fn listen(&mut self) {
        let listen = |port: &u16| {
            let listener =
                self.namespace.within(|| TcpListener::bind(("0.0.0.0", *port))).expect("a listener");
            listener.set_nonblocking(true).expect("it can be asked without waiting");
            listener
        };
        self.listeners = PORTS.iter().map(listen).collect();
    }

    /// Whether a connection comes about. What is refused is told at once.
    pub fn reaches(&self, other: &Self, port: u16) -> bool {
        other.listeners.iter().for_each(|listener| while listener.accept().is_ok() {});
        let to = SocketAddr::new(IpAddr::V4(other.address), port);
        let result = self.namespace.within(|| TcpStream::connect_timeout(&to, PATIENCE));
        let is_silence = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
        assert!(!result.as_ref().is_err_and(is_silence), "{to} is silent");
        result.is_ok()
    }

    /// Both ends of a connection that comes about.
    pub fn connects(&self, other: &Self, port: u16) -> (TcpStream, TcpStream) {
        let listener = other.listeners.iter().find(|it| it.local_addr().is_ok_and(|at| at.port() == port));
        let listener = listener.expect("somebody listens there");
        while listener.accept().is_ok() {}
        let to = SocketAddr::new(IpAddr::V4(other.address), port);
        let client =
            self.namespace.within(|| TcpStream::connect_timeout(&to, PATIENCE)).expect("it is let in");
        client.set_read_timeout(Some(PATIENCE)).expect("it can be waited for");
        let (server, _) = listener.accept().expect("it has come about");
        (client, server)
    }

    /// Waits until a connection is judged like this, and gives how long that took.
    pub async fn comes_to_reach(&self, other: &Self, port: u16, reaches: bool) -> Duration {
        let begun = Instant::now();
        let [from, to] = [self, other].map(|pod| pod.object["metadata"]["name"].clone());
        eventually(&format!("{from} reaches {to} at {port}: {reaches}"), async || {
            self.reaches(other, port) == reaches
        })
        .await;
        begun.elapsed()
    }

    /// Our table, with the numbers that the kernel gave to what is in it; none if there is no table.
    pub fn table(&self) -> Option<String> {
        table(&self.namespace)
    }

    /// The numbers that the kernel gave to the table and to all that is in it: they are never given again.
    pub fn handles(&self) -> Vec<String> {
        let table = self.table().expect("it has a table");
        let after = |line: &str| Some(line.rsplit_once("# handle ")?.1.split_whitespace().next()?.to_owned());
        table.lines().filter_map(after).collect()
    }

    /// Waits until there is a table, or none.
    pub async fn comes_to_have_table(&self, has: bool) {
        let what = format!("{} has a table: {has}", self.object["metadata"]["name"]);
        eventually(&what, async || self.table().is_some() == has).await;
    }

    /// What the agent says of it.
    pub async fn state(&self, agent: &Running) -> Value {
        let (home, name) = (&self.object["metadata"]["namespace"], &self.object["metadata"]["name"]);
        let state = agent.state().await;
        let pods = state["pods"].as_array().cloned().unwrap_or_default();
        pods.into_iter().find(|it| it["namespace"] == *home && it["name"] == *name).unwrap_or_default()
    }

    /// Waits until an Event about it begins like this.
    pub async fn is_told(&self, cluster: &Cluster, beginning: &str) {
        let what = format!("an Event tells of {}: {beginning}", self.object["metadata"]["name"]);
        eventually(&what, async || {
            events(cluster, &self.object).await.iter().any(|event| event.starts_with(beginning))
        })
        .await;
    }
}

/// Our table in a namespace.
pub fn table(namespace: &Namespace) -> Option<String> {
    let output = namespace.attempt("nft", "-a list table inet danm_policer");
    output.status.success().then(|| String::from_utf8(output.stdout).expect("text"))
}
