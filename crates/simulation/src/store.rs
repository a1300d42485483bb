//! What the API server keeps: the objects, one order of versions for all of them, and for each kind the log that
//! its watches read. Who may change what, and when, is not its business.

mod endpoint;
mod names;
mod network;
mod node;
mod pod;

use std::collections::BTreeMap;

use leak_judge::Source;

pub use self::{
    endpoint::{Endpoint, EndpointKey, Garble},
    names::{EPOCH, NAMESPACES, identifier, number_of},
    network::{Network, NetworkKey, NetworkSpec},
    node::{Condition, Node, NodeKey},
    pod::{Phase, Pod, PodKey},
};

/// An object as it was at some version.
#[derive(Clone, Debug)]
pub enum Object {
    /// A Pod.
    Pod(Pod),
    /// A Node.
    Node(Node),
    /// A network.
    Network(Network),
    /// An endpoint.
    Endpoint(Endpoint),
}

/// One change, as a watch tells it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Whether the object went.
    pub is_gone: bool,
    /// The object as it is, or was last.
    pub object: Object,
}

/// What every cluster has.
pub const CORE: [Source; 3] = [Source::Pods, Source::Nodes, Source::Namespaces];

/// All objects. Each has a place by its key, which is never used again.
#[derive(Debug, Default)]
pub struct Store {
    version: u64,
    /// The networks there may be.
    pub specs: Vec<NetworkSpec>,
    /// The kinds that are watched.
    pub sources: Vec<Source>,
    /// Their logs.
    logs: Vec<Vec<Entry>>,
    pods: Vec<Option<Pod>>,
    nodes: Vec<Option<Node>>,
    networks: Vec<Option<Network>>,
    endpoints: Vec<Option<Endpoint>>,
    /// What the Cleaners have stored about boots, and its version.
    pub boots: Option<(u64, BTreeMap<String, String>)>,
    /// Kinds of which something has changed since that was asked for.
    changed: Vec<usize>,
}

impl Store {
    /// A store for these networks and so many Nodes, none of which is there yet.
    pub fn new(specs: Vec<NetworkSpec>, nodes: usize) -> Self {
        let mut sources = CORE.to_vec();
        for spec in &specs {
            for source in [spec.source(), Source::endpoints(spec.group)] {
                if !sources.contains(&source) {
                    sources.push(source);
                }
            }
        }
        Self {
            logs: sources.iter().map(|_| Vec::with_capacity(64)).collect(),
            nodes: vec![None; nodes],
            networks: vec![None; specs.len()],
            sources,
            specs,
            ..Self::default()
        }
    }

    /// A key for a Pod to be.
    pub fn new_pod_key(&mut self) -> PodKey {
        self.pods.push(None);
        PodKey(self.pods.len() - 1)
    }

    /// A key for an endpoint to be.
    pub fn new_endpoint_key(&mut self) -> EndpointKey {
        self.endpoints.push(None);
        EndpointKey(self.endpoints.len() - 1)
    }

    /// A Pod, if it is there.
    pub fn pod(&self, key: PodKey) -> Option<&Pod> {
        self.pods.get(key.0)?.as_ref()
    }

    /// All Pods.
    pub fn pods(&self) -> impl Iterator<Item = &Pod> {
        self.pods.iter().flatten()
    }

    /// A Node, if it is there.
    pub fn node(&self, key: NodeKey) -> Option<&Node> {
        self.nodes.get(key.0)?.as_ref()
    }

    /// All Nodes.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().flatten()
    }

    /// A network, if it is there.
    pub fn network(&self, key: NetworkKey) -> Option<&Network> {
        self.networks.get(key.0)?.as_ref()
    }

    /// All networks.
    pub fn networks(&self) -> impl Iterator<Item = &Network> {
        self.networks.iter().flatten()
    }

    /// What a network is, whether it is there or not.
    pub fn spec(&self, key: NetworkKey) -> &NetworkSpec {
        &self.specs[key.0]
    }

    /// An endpoint, if it is there.
    pub fn endpoint(&self, key: EndpointKey) -> Option<&Endpoint> {
        self.endpoints.get(key.0)?.as_ref()
    }

    /// All endpoints.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.iter().flatten()
    }

    /// Writes a Pod.
    pub fn put_pod(&mut self, mut pod: Pod) {
        pod.version = self.next_version();
        self.log(Source::Pods, false, Object::Pod(pod.clone()));
        let key = pod.key;
        self.pods[key.0] = Some(pod);
    }

    /// Removes a Pod.
    pub fn remove_pod(&mut self, key: PodKey) {
        if let Some(mut pod) = self.pods[key.0].take() {
            pod.version = self.next_version();
            self.log(Source::Pods, true, Object::Pod(pod));
        }
    }

    /// Writes a Node.
    pub fn put_node(&mut self, mut node: Node) {
        node.version = self.next_version();
        self.log(Source::Nodes, false, Object::Node(node.clone()));
        let key = node.key;
        self.nodes[key.0] = Some(node);
    }

    /// Removes a Node.
    pub fn remove_node(&mut self, key: NodeKey) {
        if let Some(mut node) = self.nodes[key.0].take() {
            node.version = self.next_version();
            self.log(Source::Nodes, true, Object::Node(node));
        }
    }

    /// Writes a network. Gives its version.
    pub fn put_network(&mut self, mut network: Network) -> u64 {
        network.version = self.next_version();
        let (key, version) = (network.key, network.version);
        self.log(self.spec(key).source(), false, Object::Network(network.clone()));
        self.networks[key.0] = Some(network);
        version
    }

    /// Removes a network.
    pub fn remove_network(&mut self, key: NetworkKey) {
        if let Some(mut network) = self.networks[key.0].take() {
            network.version = self.next_version();
            self.log(self.spec(key).source(), true, Object::Network(network));
        }
    }

    /// Writes an endpoint.
    pub fn put_endpoint(&mut self, mut endpoint: Endpoint) {
        endpoint.version = self.next_version();
        let source = Source::endpoints(self.spec(endpoint.network).group);
        self.log(source, false, Object::Endpoint(endpoint.clone()));
        let key = endpoint.key;
        self.endpoints[key.0] = Some(endpoint);
    }

    /// Removes an endpoint.
    pub fn remove_endpoint(&mut self, key: EndpointKey) {
        if let Some(mut endpoint) = self.endpoints[key.0].take() {
            endpoint.version = self.next_version();
            let source = Source::endpoints(self.spec(endpoint.network).group);
            self.log(source, true, Object::Endpoint(endpoint));
        }
    }

    /// Stores what the Cleaners know about boots.
    pub fn put_boots(&mut self, entries: BTreeMap<String, String>) {
        self.boots = Some((self.next_version(), entries));
    }

    /// The kinds of which something has changed since the last call.
    pub fn take_changed(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.changed)
    }

    /// The log of a kind.
    pub fn log_of(&self, source: usize) -> &[Entry] {
        &self.logs[source]
    }

    /// The objects of a kind as its log shows them up to a place.
    pub fn as_of(&self, source: usize, place: usize) -> Vec<&Object> {
        let mut objects: Vec<&Object> = Vec::new();
        for entry in &self.logs[source][..place] {
            let same = objects.iter().position(|object| object.is_same(&entry.object));
            match (same, entry.is_gone) {
                (Some(at), true) => drop(objects.remove(at)),
                (Some(at), false) => objects[at] = &entry.object,
                (None, true) => {}
                (None, false) => objects.push(&entry.object),
            }
        }
        objects
    }

    /// The place of a kind among the sources.
    pub fn place_of(&self, source: Source) -> Option<usize> {
        self.sources.iter().position(|one| *one == source)
    }

    fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    fn log(&mut self, source: Source, is_gone: bool, object: Object) {
        if let Some(place) = self.place_of(source) {
            self.logs[place].push(Entry { is_gone, object });
            self.changed.push(place);
        }
    }
}

impl Object {
    /// Whether both are states of the same object.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pod(one), Self::Pod(other)) => one.key == other.key,
            (Self::Node(one), Self::Node(other)) => {
                one.key == other.key && one.incarnation == other.incarnation
            }
            (Self::Network(one), Self::Network(other)) => {
                one.key == other.key && one.incarnation == other.incarnation
            }
            (Self::Endpoint(one), Self::Endpoint(other)) => one.key == other.key,
            _ => false,
        }
    }
}
