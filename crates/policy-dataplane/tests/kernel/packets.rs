//! Cases of policies with real packets: every Pod is a network namespace with several interfaces, has
//! its rules from the engine over netlink, and opens real connections to every other.
//!
//! SCTP is left to those who make packets by hand: this kernel may have no sockets for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::AsFd,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use policy_dataplane::{Batch, Socket};
use policy_engine::{Engine, InterfaceName, NamespacedName, Object, program::Program};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

use crate::{namespace::Namespace, objects};

/// How long a connection may take that nobody rejects: then rules drop where they should tell.
const PATIENCE: Duration = Duration::from_secs(10);

/// The interfaces of Pods, each on a bridge of its own.
const INTERFACES: [&str; 3] = ["eth0", "net1", "net2"];

/// The folders of cases; in the first are those of the conformance suite.
const FOLDERS: [&str; 2] = ["e2e", "adversarial"];

/// Addresses by interface, and by whether they are of IPv4.
type Addresses = BTreeMap<(&'static str, bool), IpAddr>;

type Job = Box<dyn FnOnce() + Send>;

/// A Pod: its namespace, a thread in it, and what its kernel has.
struct Pod {
    namespace: Namespace,
    jobs: mpsc::Sender<Job>,
    socket: Socket,
    program: Program,
    addresses: Addresses,
}

/// Nine Pods on three bridges.
struct Lab {
    engine: Engine,
    pods: BTreeMap<NamespacedName, Pod>,
    listeners: Vec<TcpListener>,
    bridges: Namespace,
}

// === impl Pod ===

impl Pod {
    fn new(addresses: Addresses) -> Option<Self> {
        let namespace = Namespace::new()?;
        let socket = Socket::open_in(&namespace.path()).expect("a socket");
        let place = File::open(namespace.path()).expect("a namespace");
        let (jobs, taken) = mpsc::channel::<Job>();
        thread::spawn(move || {
            move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may");
            taken.into_iter().for_each(|job| job());
        });
        Some(Self { namespace, jobs, socket, program: Program::default(), addresses })
    }

    /// Does something in the namespace.
    fn within<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (tell, told) = mpsc::channel();
        // Whoever asked has gone if nobody listens.
        self.jobs.send(Box::new(move || drop(tell.send(work())))).expect("the thread waits for work");
        told.recv().expect("the thread tells")
    }

    /// Whether a connection to this address and port comes about.
    fn reaches(&self, address: IpAddr, port: u16, protocol: &str) -> bool {
        let to = SocketAddr::new(address, port);
        let is_tcp = protocol == "TCP";
        let result = self.within(move || if is_tcp { connect(to) } else { ask(to) });
        let is_told =
            result.as_ref().is_ok_and(|()| true) || result.as_ref().is_err_and(|error| !is_silence(error));
        assert!(is_told, "{protocol} to {to} was dropped without a word");
        result.is_ok()
    }
}

fn connect(to: SocketAddr) -> io::Result<()> {
    TcpStream::connect_timeout(&to, PATIENCE).map(drop)
}

/// Asks an echo, and waits for it or for an error.
fn ask(to: SocketAddr) -> io::Result<()> {
    let anybody = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(anybody)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(to)?;
    socket.send(b"?")?;
    socket.recv(&mut [0; 8]).map(drop)
}

fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

// === impl Lab ===

impl Lab {
    fn new() -> Option<Self> {
        let bridges = Namespace::new()?;
        for interface in INTERFACES {
            bridges.run("ip", &["link", "add", interface, "type", "bridge"], "");
            bridges.run("ip", &["link", "set", interface, "up"], "");
        }
        let mut lab =
            Self { engine: Engine::default(), pods: BTreeMap::new(), listeners: Vec::new(), bridges };
        lab.apply(&objects::read(&cases().join("topologies/three-by-three.yaml")));
        let ports = ports();
        let names: Vec<NamespacedName> = lab.engine.world().pods().map(|(name, _)| name.clone()).collect();
        for (number, name) in names.into_iter().enumerate() {
            let pod = Pod::new(lab.addresses(&name))?;
            lab.plug(number, &pod);
            ports.iter().for_each(|port| lab.serve(&pod, *port));
            lab.pods.insert(name, pod);
        }
        Some(lab)
    }

    fn addresses(&self, pod: &NamespacedName) -> Addresses {
        let mut addresses = Addresses::new();
        for (_, endpoint) in self.engine.world().endpoints_of(pod) {
            let name = endpoint.interface.as_ref().map(InterfaceName::as_str);
            let interface =
                INTERFACES.into_iter().find(|interface| name == Some(interface)).expect("one of ours");
            addresses.extend(endpoint.addresses.iter().map(|it| ((interface, it.is_ipv4()), *it)));
        }
        addresses
    }

    /// Connects the Pod's interfaces to their bridges.
    fn plug(&self, number: usize, pod: &Pod) {
        let process = pod.namespace.process().to_string();
        pod.namespace.run("ip", &["link", "set", "lo", "up"], "");
        let interfaces: BTreeSet<&str> = pod.addresses.keys().map(|(interface, _)| *interface).collect();
        for interface in interfaces {
            let other = format!("{interface}-{number}");
            let pair = ["link", "add", &other, "type", "veth", "peer", "name", interface, "netns", &process];
            self.bridges.run("ip", &pair, "");
            self.bridges.run("ip", &["link", "set", &other, "master", interface, "up"], "");
            pod.namespace.run("ip", &["link", "set", interface, "up"], "");
        }
        for ((interface, is_v4), address) in &pod.addresses {
            let place = format!("{address}/{}", if *is_v4 { 24 } else { 64 });
            // Nobody else has it; to make sure would take a second.
            let nodad: &[&str] = if *is_v4 { &[] } else { &["nodad"] };
            let add = [&["addr", "add", &place, "dev", interface][..], nodad].concat();
            pod.namespace.run("ip", &add, "");
        }
    }

    /// Listens on TCP, and answers on UDP.
    fn serve(&mut self, pod: &Pod, port: u16) {
        let listener = pod.within(move || TcpListener::bind(("::", port))).expect("a listener");
        listener.set_nonblocking(true).expect("it can be asked without waiting");
        self.listeners.push(listener);
        let echo = pod.within(move || UdpSocket::bind(("::", port))).expect("an echo");
        thread::spawn(move || {
            let mut byte = [0; 8];
            while let Ok((length, from)) = echo.recv_from(&mut byte) {
                // Whoever asked may be gone, or may not be answered.
                let _ = echo.send_to(&byte[..length], from);
            }
        });
    }

    fn apply(&mut self, objects: &[Value]) {
        for object in objects {
            let object = Object::read(object).expect("an object").expect("policies are about it");
            if let Object::Pod(name, _) = &object {
                self.engine.track(name);
            }
            self.engine.apply(object);
        }
    }

    /// Tells each kernel what differs.
    fn program(&mut self) {
        for (name, pod) in &mut self.pods {
            let ruleset = self.engine.ruleset(name).unwrap_or_default();
            let now = Program::of(&ruleset);
            pod.socket.commit(&Batch::difference(&pod.program, &now)).expect("the kernel takes it");
            pod.program = now;
        }
    }

    /// Everybody speaks to everybody. Gives the pairs that are not as they should be.
    fn probe(&self, matrix: &Value) -> (usize, Vec<String>) {
        let probe = matrix["probe"].as_str().expect("a probe");
        let (protocol, port) = probe.split_once('/').expect("protocol and port");
        let port: u16 = port.parse().expect("a number");
        let is_v4 = matrix["over"] != "IPv6";
        let denied: Vec<(&str, &str)> = matrix["denied"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|pair| pair.as_str().and_then(|pair| pair.split_once(" -> ")).expect("a pair"))
            .collect();
        let mut wrong = Vec::new();
        let mut tried = 0;
        for (from, client) in &self.pods {
            for (to, server) in self.pods.iter().filter(|(to, _)| *to != from) {
                let expected = !denied.iter().any(|(a, b)| is_meant(a, from) && is_meant(b, to));
                for interface in
                    INTERFACES.into_iter().filter(|it| matrix["on"] == "all" || matrix["on"] == *it)
                {
                    let both = (
                        client.addresses.get(&(interface, is_v4)),
                        server.addresses.get(&(interface, is_v4)),
                    );
                    let (Some(_), Some(address)) = both else { continue };
                    tried += 1;
                    if client.reaches(*address, port, protocol) != expected {
                        wrong.push(format!("{from} -> {to} by {interface} on {probe}: expected {expected}"));
                    }
                }
            }
        }
        // What came about is taken, so that there is room for more.
        for listener in &self.listeners {
            while listener.accept().is_ok() {}
        }
        (tried, wrong)
    }
}

fn is_meant(pattern: &str, pod: &NamespacedName) -> bool {
    let (namespace, name) = pattern.split_once('/').unwrap_or((pattern, "*"));
    [(namespace, &pod.namespace), (name, &pod.name)]
        .iter()
        .all(|(wanted, it)| *wanted == "*" || **wanted == ***it)
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy-engine/tests/cases")
}

/// The ports on which cases have everybody speak to everybody.
fn ports() -> BTreeSet<u16> {
    let steps = FOLDERS.into_iter().flat_map(files).filter_map(|file| steps(&file)).flatten();
    let probes = steps.flat_map(|step| matrices(&step).cloned().collect::<Vec<_>>());
    let port = |matrix: Value| matrix["probe"].as_str()?.split_once('/')?.1.parse().ok();
    probes.filter_map(port).collect()
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(cases().join(folder)).expect("cases");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

/// The steps of a case, if packets between the Pods of the lab can show it: others have endpoints come and go, or
/// speak SCTP.
fn steps(file: &Path) -> Option<Vec<Value>> {
    let case = objects::read(file).into_iter().next().expect("a case");
    let steps = case["steps"].as_array().expect("steps").clone();
    let mut applied = steps.iter().flat_map(|step| step["apply"].as_array().into_iter().flatten());
    let is_of_the_lab = applied.all(|object| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let is_known_pod = object["kind"] == "Pod" && ["a", "b", "c"].contains(&name);
        is_known_pod || object["kind"] == "DanmNetworkPolicy" || object["kind"] == "Namespace"
    });
    let mut deleted = steps.iter().flat_map(|step| step["delete"].as_array().into_iter().flatten());
    let is_about_policies =
        deleted.all(|text| text.as_str().is_some_and(|text| text.starts_with("DanmNetworkPolicy/")));
    let probes: Vec<&str> = steps.iter().flat_map(matrices).filter_map(|it| it["probe"].as_str()).collect();
    let is_shown = !probes.is_empty() && probes.iter().all(|probe| !probe.starts_with("SCTP"));
    (case["topology"] == "three-by-three" && is_of_the_lab && is_about_policies && is_shown).then_some(steps)
}

/// What a step says of all pairs.
fn matrices(step: &Value) -> impl Iterator<Item = &Value> {
    step["expect"].as_array().into_iter().flatten().filter(|it| it["probe"].is_string())
}

/// Runs the cases of a folder. Gives how many there are, and how many connections were tried.
fn run(lab: &mut Lab, folder: &str) -> (usize, usize) {
    let topology = objects::read(&cases().join("topologies/three-by-three.yaml"));
    let (mut shown, mut tried, mut wrong) = (0, 0, Vec::new());
    for file in files(folder) {
        let Some(steps) = steps(&file) else { continue };
        shown += 1;
        for step in steps {
            lab.apply(step["apply"].as_array().map_or(&[], Vec::as_slice));
            for gone in step["delete"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                lab.delete(gone);
            }
            lab.program();
            for matrix in matrices(&step) {
                let (count, found) = lab.probe(matrix);
                tried += count;
                wrong.extend(found.into_iter().map(|it| format!("{}: {it}", file.display())));
            }
        }
        lab.reset(&topology);
    }
    let first: Vec<&String> = wrong.iter().take(10).collect();
    assert!(wrong.is_empty(), "{} of {tried} connections: {first:#?}", wrong.len());
    (shown, tried)
}

/// Regression: a Pod that is closed both ways rejected a connection with a reset, and its own rules for what goes out stopped
/// that, so that the client waited. Every attempt of a client has to come about or to fail at once.
#[test]
fn real_packets_say_what_the_conformance_suite_of_kubernetes_and_the_adversarial_cases_say() {
    let Some(mut lab) = Lab::new() else { return };
    let [conformance, adversarial] = FOLDERS.map(|folder| run(&mut lab, folder));
    assert!(conformance.0 >= 40 && conformance.1 > 5_000, "{conformance:?} cases and connections");
    assert!(adversarial.0 >= 20 && adversarial.1 > 2_000, "{adversarial:?} cases and connections");
}

impl Lab {
    /// Takes an object out that a case names as `Kind/namespace/name`.
    fn delete(&mut self, text: &str) {
        let policies: Vec<_> = self.engine.world().policies().map(|(key, _)| key.clone()).collect();
        let named = policies.into_iter().filter(|key| text == format!("DanmNetworkPolicy/{}", key.name));
        let named: Vec<_> = named.collect();
        assert_eq!(named.len(), 1, "{text} is not the one policy that it names");
        named.into_iter().for_each(|key| self.engine.delete(&policy_engine::Key::Policy(key)));
    }

    /// As it was: no policies, and everybody with the labels of the beginning.
    fn reset(&mut self, topology: &[Value]) {
        let policies: Vec<_> = self.engine.world().policies().map(|(key, _)| key.clone()).collect();
        policies.into_iter().for_each(|key| self.engine.delete(&policy_engine::Key::Policy(key)));
        self.apply(topology);
    }
}
