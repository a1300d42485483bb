//! From the host name in an endpoint to the state of a machine.
//!
//! `spec.Host` is what the machine calls itself, a Node's name what its kubelet was told. Mostly they are the
//! same, or the Node's host name label makes the link; sometimes (a full and a short name, a cloud's override)
//! nothing does. A host that names no Node is therefore a machine that is gone only where it cannot be another
//! name of a Node that does not answer: behind that name the Pod may still run. That such a Node goes by its own
//! name is believed if one of its living Pods shows it, or if living Pods show that all hosts do: anybody may write
//! a name into an endpoint, but where a Pod lives is not for everybody to say.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use crate::{
    Moment,
    world::{Endpoint, NodeRecord, Nodes, World},
};

/// What is known of the machine behind a host name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostState {
    /// Its Node is Ready.
    Ready {
        /// The Node's name.
        node: Arc<str>,
        /// Since when it has been seen Ready.
        since: Moment,
    },
    /// Its Node does not answer, or calls itself unfit.
    NotReady {
        /// The Node's name.
        node: Arc<str>,
        /// Since when it has been seen not to answer, if it does not.
        silent_since: Option<Moment>,
    },
    /// Its Node does not answer, and an operator has said that the machine is shut down.
    OutOfService {
        /// The Node's name.
        node: Arc<str>,
    },
    /// No Node is, or could be, this machine.
    Gone,
    /// It may be a machine that does not answer. The text says why.
    Doubtful(String),
}

/// The states of all hosts that endpoints name.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    states: HashMap<Arc<str>, HostState>,
}

impl HostState {
    /// The name of its Node, if it is one.
    pub const fn node(&self) -> Option<&Arc<str>> {
        match self {
            Self::Ready { node, .. } | Self::NotReady { node, .. } | Self::OutOfService { node } => {
                Some(node)
            }
            Self::Gone | Self::Doubtful(_) => None,
        }
    }
}

impl Hosts {
    /// Looks at every host once.
    pub fn survey(world: &World) -> Self {
        let links = Links::new(world.nodes());
        let linked: Linked =
            world.endpoints().hosts().map(|host| (Arc::clone(host), links.node_of(host))).collect();
        // Nearly always every host is a Node, and who does not answer is nobody else.
        let is_all_linked = linked.values().all(Option::is_some);
        let silent = if is_all_linked { None } else { silent_stranger(world, &linked) };
        let inhabited = if is_all_linked { HashSet::new() } else { inhabited(world, &linked) };
        let state = |(host, node): (Arc<str>, Option<Arc<str>>)| {
            let state = match &node {
                Some(node) => node_state(world.nodes(), node),
                None => unlinked_state(&host, inhabited.contains(&*host), &links, silent.as_ref()),
            };
            (host, state)
        };
        Self { states: linked.into_iter().map(state).collect() }
    }

    /// Whether a host was known to be that of a Node when they were surveyed.
    pub fn is_linked(&self, host: &str) -> bool {
        self.node(host).is_some()
    }

    /// The Node of a host, if it was known when they were surveyed.
    pub fn node(&self, host: &str) -> Option<&Arc<str>> {
        self.state(host)?.node()
    }

    /// The state of a host, if some endpoint named it when they were surveyed.
    pub fn state(&self, host: &str) -> Option<&HostState> {
        self.states.get(host)
    }
}

/// The Node of each host; `None` for those that name none.
type Linked = HashMap<Arc<str>, Option<Arc<str>>>;

/// The names by which Nodes are known.
struct Links<'a> {
    nodes: &'a Nodes,
    /// By host name label; `None` where several Nodes share one.
    by_hostname: HashMap<&'a str, Option<&'a Arc<str>>>,
    /// The first labels of all names, for telling a full from a short one.
    by_short_name: HashMap<&'a str, &'a Arc<str>>,
}

impl<'a> Links<'a> {
    fn new(nodes: &'a Nodes) -> Self {
        let mut by_hostname = HashMap::new();
        let mut by_short_name = HashMap::new();
        for node in nodes.iter() {
            by_hostname
                .entry(&*node.hostname)
                .and_modify(|shared| *shared = None)
                .or_insert(Some(&node.name));
            by_short_name.insert(short(&node.name), &node.name);
            by_short_name.insert(short(&node.hostname), &node.name);
        }
        Self { nodes, by_hostname, by_short_name }
    }

    /// The Node a host is: by label, then by name.
    fn node_of(&self, host: &str) -> Option<Arc<str>> {
        let by_label = self.by_hostname.get(host).copied();
        by_label.unwrap_or_else(|| self.nodes.get(host).map(|node| &node.name)).cloned()
    }
}

fn node_state(nodes: &Nodes, name: &Arc<str>) -> HostState {
    let node = Arc::clone(name);
    match nodes.get(name) {
        Some(NodeRecord { ready_since: Some(since), .. }) => HostState::Ready { node, since: *since },
        Some(NodeRecord { is_out_of_service: true, .. }) => HostState::OutOfService { node },
        record => HostState::NotReady { node, silent_since: record.and_then(|node| node.silent_since) },
    }
}

fn unlinked_state(host: &str, inhabited: bool, links: &Links<'_>, silent: Option<&Arc<str>>) -> HostState {
    if host.is_empty() {
        HostState::Doubtful("the endpoint names no host".to_owned())
    } else if links.by_hostname.contains_key(host) {
        HostState::Doubtful(format!("host {host} is the host name of several Nodes"))
    } else if let Some(node) = links.by_short_name.get(short(host)) {
        HostState::Doubtful(format!("host {host} names no Node, but may be Node {node}"))
    } else if inhabited {
        HostState::Doubtful(format!("host {host} names no Node, but Pods live on it"))
    } else if let Some(node) = silent {
        HostState::Doubtful(format!("host {host} names no Node, but may be Node {node}, which is not Ready"))
    } else {
        HostState::Gone
    }
}

/// A host name without its domain.
fn short(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// The hosts that name no Node, and have a living Pod.
fn inhabited<'a>(world: &'a World, linked: &Linked) -> HashSet<&'a str> {
    let is_unlinked = |host: &Arc<str>| linked.get(host).is_none_or(Option::is_none);
    let endpoints = world.endpoints().iter().map(|(_, endpoint)| endpoint);
    let inhabiting =
        endpoints.filter(|endpoint| is_unlinked(&endpoint.host) && has_living_pod(endpoint, world));
    inhabiting.map(|endpoint| &*endpoint.host).collect()
}

fn has_living_pod(endpoint: &Endpoint, world: &World) -> bool {
    let life = world.pods().life(&endpoint.pod_uid).filter(|_| !endpoint.pod_uid.is_empty());
    life.is_some_and(|life| !life.is_finished())
}

/// Whether hosts go by the names of their Nodes, as far as living Pods show: their Nodes are known otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Convention {
    Unseen,
    Kept,
    Broken,
}

impl Convention {
    /// One more host does. An exception stays one.
    fn holds(&mut self) {
        if *self == Self::Unseen {
            *self = Self::Kept;
        }
    }
}

/// A Node that does not answer and may call itself anything, if there is one.
fn silent_stranger(world: &World, linked: &Linked) -> Option<Arc<str>> {
    let is_silent = |node: &&NodeRecord| node.ready_since.is_none() && !node.is_out_of_service;
    let mut silent = world.nodes().iter().filter(is_silent).peekable();
    silent.peek()?;
    let mut known: HashSet<&str> = HashSet::new();
    let mut convention = Convention::Unseen;
    for (_, endpoint) in world.endpoints().iter() {
        let Some(home) = node_of_pod(endpoint, world) else { continue };
        match linked.get(&endpoint.host) {
            Some(Some(node)) if **node == *home => {
                known.insert(home);
                convention.holds();
            }
            _ => convention = Convention::Broken,
        }
    }
    if convention == Convention::Kept {
        return None;
    }
    silent.filter(|node| !known.contains(&*node.name)).map(|node| Arc::clone(&node.name)).min()
}

/// The Node that an endpoint's Pod was bound to, if the Pod is there.
fn node_of_pod<'a>(endpoint: &Endpoint, world: &'a World) -> Option<&'a str> {
    let pod = world.pods().get(&endpoint.id.namespace, &endpoint.pod)?;
    (pod.uid == endpoint.pod_uid && !pod.node.is_empty()).then_some(&*pod.node)
}
