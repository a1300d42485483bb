//! Nine Pods as network namespaces on three bridges, each with the rules that an engine makes for it over netlink, and with
//! somebody who listens. What they say to each other is the tests' business.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::AsFd,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

use policy_engine::{Engine, InterfaceName, Key, NamespacedName, Object};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

use crate::{enforcement::Enforcement, namespace::Namespace, objects, sctp};

/// How long a connection may take that nobody rejects: then rules drop where they should tell.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The interfaces of Pods, each on a bridge of its own.
pub const INTERFACES: [&str; 3] = ["eth0", "net1", "net2"];

/// Addresses by interface, and by whether they are of IPv4.
pub type Addresses = BTreeMap<(&'static str, bool), IpAddr>;

type Job = Box<dyn FnOnce() + Send>;

/// A Pod: its namespace, a thread in it, and what holds its rules.
pub struct Pod {
    namespace: Namespace,
    jobs: mpsc::Sender<Job>,
    enforcement: Enforcement,
    pub addresses: Addresses,
}

/// Nine Pods on three bridges.
pub struct Lab {
    engine: Engine,
    pub pods: BTreeMap<NamespacedName, Pod>,
    pub listeners: Vec<TcpListener>,
    bridges: Namespace,
}

// === impl Pod ===

impl Pod {
    fn new(addresses: Addresses) -> Option<Self> {
        let namespace = Namespace::new()?;
        // Everybody who is rejected is to be told, not one a second.
        for file in ["net/ipv4/icmp_ratelimit", "net/ipv6/icmp/ratelimit"] {
            namespace.set(file, "0");
        }
        let place = File::open(namespace.path()).expect("a namespace");
        let (jobs, taken) = mpsc::channel::<Job>();
        thread::spawn(move || {
            move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may");
            taken.into_iter().for_each(|job| job());
        });
        Some(Self { namespace, jobs, enforcement: Enforcement::new(), addresses })
    }

    /// Does something in the namespace.
    pub fn within<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (tell, told) = mpsc::channel();
        // Whoever asked has gone if nobody listens.
        self.jobs.send(Box::new(move || drop(tell.send(work())))).expect("the thread waits for work");
        told.recv().expect("the thread tells")
    }

    /// Whether a connection to this address and port comes about.
    pub fn reaches(&self, address: IpAddr, port: u16, protocol: &str) -> bool {
        let to = SocketAddr::new(address, port);
        let result = match protocol {
            "TCP" => self.within(move || connect(to)),
            "UDP" => self.within(move || ask(to)),
            _ => sctp::call(&self.namespace, to),
        };
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
    /// With somebody who listens on these ports; none where no namespaces can be had.
    pub fn new(ports: &BTreeSet<u16>) -> Option<Self> {
        let bridges = Namespace::new()?;
        for interface in INTERFACES {
            bridges.run("ip", &["link", "add", interface, "type", "bridge"], "");
            bridges.run("ip", &["link", "set", interface, "up"], "");
        }
        let mut lab =
            Self { engine: Engine::default(), pods: BTreeMap::new(), listeners: Vec::new(), bridges };
        lab.apply(&objects::read(&cases().join("topologies/three-by-three.yaml")));
        let names: Vec<NamespacedName> = lab.engine.world().pods().map(|(name, _)| name.clone()).collect();
        for (number, name) in names.into_iter().enumerate() {
            let pod = Pod::new(lab.addresses(&name))?;
            lab.plug(number, &pod);
            ports.iter().for_each(|port| lab.serve(&pod, *port));
            sctp::serve(&pod.namespace);
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

    /// Takes objects in.
    pub fn apply(&mut self, objects: &[Value]) {
        for object in objects {
            let object = Object::read(object).expect("an object").expect("policies are about it");
            if let Object::Pod(name, _) = &object {
                self.engine.track(name);
            }
            self.engine.apply(object);
        }
    }

    /// Has each Pod have the rules that it should.
    pub fn program(&mut self) {
        for (name, pod) in &mut self.pods {
            let ruleset = self.engine.ruleset(name).unwrap_or_default();
            pod.enforcement.put(&pod.namespace.path(), &ruleset);
        }
    }

    /// Takes an object out that a case names as `Kind/namespace/name`.
    pub fn delete(&mut self, text: &str) {
        let policies: Vec<_> = self.engine.world().policies().map(|(key, _)| key.clone()).collect();
        let named = policies.into_iter().filter(|key| text == format!("DanmNetworkPolicy/{}", key.name));
        let named: Vec<_> = named.collect();
        assert_eq!(named.len(), 1, "{text} is not the one policy that it names");
        named.into_iter().for_each(|key| self.engine.delete(&Key::Policy(key)));
    }

    /// As it was: no policies, and everybody with the labels of the beginning.
    pub fn reset(&mut self) {
        let policies: Vec<_> = self.engine.world().policies().map(|(key, _)| key.clone()).collect();
        policies.into_iter().for_each(|key| self.engine.delete(&Key::Policy(key)));
        self.apply(&objects::read(&cases().join("topologies/three-by-three.yaml")));
    }
}

/// Where the cases of the policy engine are.
pub fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy-engine/tests/cases")
}
