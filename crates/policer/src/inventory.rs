//! What was read: the objects, where each of them is from, and the world that they make. What is odd about them is told in
//! words; what follows for a packet is not known here.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use danm_api::{PolicyPeer, PolicySpec};
use policy_engine::{Endpoint, EndpointKey, Key, Labels, NamespacedName, Object, PolicyKey, World};

use crate::opening::{ANNOTATION, OpenedBy, Word};

/// The label that the API server gives to every Namespace: its name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Names that are told before the rest of them is counted.
const TOLD: usize = 5;

/// Objects, and the world that they make.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    objects: BTreeMap<Key, Told>,
    world: World,
}

/// An object, and where it is from.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// The object.
    pub object: Object,
    /// The file; empty for a cluster.
    pub source: Arc<str>,
    /// What its annotation says about being open, if it says anything.
    pub word: Option<Word>,
}

// === impl Inventory ===

impl Inventory {
    /// Of these objects; of two of one name the later one counts. Gives what people should know about that, too.
    pub(crate) fn of(told: impl IntoIterator<Item = Told>) -> (Self, Vec<String>) {
        let mut notes = Vec::new();
        let mut inventory = Self::default();
        for one in told {
            let key = one.object.key();
            let source = Arc::clone(&one.source);
            if let Some(before) = inventory.objects.insert(key.clone(), one) {
                let name = name_of(&key);
                notes.push(format!(
                    "note: {name} is there twice, in {} and in {source}: the latter counts",
                    before.source
                ));
            }
        }
        (inventory, notes)
    }

    /// Completes the Namespaces as an API server does: each has its name as a label. One that objects live in and that was
    /// not given is made; that is told if a policy asks for labels of Namespaces.
    pub(crate) fn complete_namespaces(&mut self) -> Option<String> {
        let told = self.objects.values_mut().map(|told| &mut told.object);
        for object in told {
            if let Object::Namespace(name, labels) = object {
                *labels = named(name, labels);
            }
        }
        let lived_in: BTreeSet<Arc<str>> = self.objects.keys().filter_map(namespace_of).collect();
        let missing: Vec<Arc<str>> = lived_in
            .into_iter()
            .filter(|name| !self.objects.contains_key(&Key::Namespace(Arc::clone(name))))
            .collect();
        for name in &missing {
            let object = Object::Namespace(Arc::clone(name), named(name, &Labels::default()));
            self.objects.insert(object.key(), Told { object, source: Arc::from(""), word: None });
        }
        let is_asked_for = self.specs().any(|spec| peers(spec).any(asks_for_namespaces));
        (is_asked_for && !missing.is_empty()).then(|| {
            format!(
                "note: no Namespace object was given for {}: its only label is taken to be {NAME_LABEL}",
                list(&missing)
            )
        })
    }

    /// Makes the world.
    #[must_use]
    pub(crate) fn with_world(mut self) -> Self {
        self.world = World::default();
        self.objects.values().for_each(|told| self.world.apply(told.object.clone()));
        self
    }

    /// The world.
    pub(crate) const fn world(&self) -> &World {
        &self.world
    }

    /// Whether any network is known. Where none was given, none is missing.
    pub(crate) fn has_networks(&self) -> bool {
        self.objects.keys().any(|key| matches!(key, Key::Network(..)))
    }

    /// All objects.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.values().map(|told| &told.object)
    }

    /// Whose annotation opens a Pod, if one does. A Pod's own counts only where agents are told so.
    pub(crate) fn opened_by(&self, pod: &NamespacedName) -> Option<OpenedBy> {
        let is_open = |key: &Key| self.objects.get(key).is_some_and(|told| told.word == Some(Word::Open));
        let namespace = is_open(&Key::Namespace(Arc::clone(&pod.namespace))).then_some(OpenedBy::Namespace);
        namespace.or_else(|| is_open(&Key::Pod(pod.clone())).then_some(OpenedBy::Pod))
    }

    /// What annotations open, which no answer about policies alone takes into account; in words.
    pub(crate) fn opened(&self) -> Option<String> {
        let opened = self.objects.iter().filter(|(_, told)| told.word == Some(Word::Open));
        let names: Vec<String> = opened.map(|(key, _)| name_of(key)).collect();
        (!names.is_empty()).then(|| {
            format!(
                "note: the annotation {ANNOTATION} opens what is judged here by policies alone: {}",
                list(&names)
            )
        })
    }

    /// What is not understood in policies.
    pub(crate) fn policy_problems(&self) -> Vec<String> {
        self.world.policies().flat_map(|(key, _)| self.problems_of(key)).collect()
    }

    /// What is not understood in a policy.
    pub(crate) fn problems_of(&self, key: &PolicyKey) -> Vec<String> {
        let Some(policy) = self.world.policy(key) else { return Vec::new() };
        let source = self.objects.get(&Key::Policy(key.clone())).map_or("", |told| &told.source);
        let source = if source.is_empty() { String::new() } else { format!("{source}: ") };
        let problems = policy.problems.iter();
        let mut told: Vec<String> = problems
            .map(|it| format!("warning: {source}DanmNetworkPolicy {key}: {} {}", it.field, it.problem))
            .collect();
        if policy.spec.subject.is_none() {
            told.push(format!(
                "warning: {source}DanmNetworkPolicy {key}: nobody knows whom it is about, so it does nothing"
            ));
        }
        told
    }

    /// Endpoints that are nobody's, in words.
    pub(crate) fn strays(&self) -> Option<String> {
        let endpoints = self.objects().filter_map(|object| match object {
            Object::Endpoint(key, endpoint) => Some((key, endpoint)),
            _ => None,
        });
        let strays: Vec<String> = endpoints
            .filter(|(key, endpoint)| !self.has_pod(key, endpoint))
            .map(|(key, _)| key.name.to_string())
            .collect();
        (!strays.is_empty()).then(|| {
            format!(
                "note: nobody's, because the Pod they name is not there or has another uid: DanmEps {}",
                list(&strays)
            )
        })
    }

    fn has_pod(&self, key: &EndpointKey, endpoint: &Endpoint) -> bool {
        let name =
            NamespacedName { namespace: Arc::clone(&key.name.namespace), name: Arc::clone(&endpoint.pod) };
        self.world.endpoints_of(&name).any(|(own, _)| own == key)
    }

    fn specs(&self) -> impl Iterator<Item = &PolicySpec> {
        self.objects().filter_map(|object| match object {
            Object::Policy(_, spec) => Some(&**spec),
            _ => None,
        })
    }
}

/// All peers of a policy that are understood.
pub(crate) fn peers(spec: &PolicySpec) -> impl Iterator<Item = &PolicyPeer> {
    let rules = spec.ingress.iter().chain(&spec.egress).flatten().flatten();
    rules.flat_map(|rule| rule.peers.iter().flatten().flatten())
}

fn asks_for_namespaces(peer: &PolicyPeer) -> bool {
    matches!(peer, PolicyPeer::Pods(pods) if pods.namespaces.is_some())
}

fn named(name: &str, labels: &Labels) -> Labels {
    let mut labels = (**labels).clone();
    labels.insert(NAME_LABEL.to_owned(), name.to_owned());
    labels.into()
}

/// The namespace that an object lives in, if it lives in one.
fn namespace_of(key: &Key) -> Option<Arc<str>> {
    let (namespace, _) = names(key);
    (!namespace.is_empty()).then(|| Arc::from(namespace))
}

/// The namespace of an object, empty if it has none, and its name.
pub(crate) fn names(key: &Key) -> (&str, &str) {
    let name = match key {
        Key::Namespace(name) => return ("", name),
        Key::Network(_, network) => return (&network.namespace, &network.name),
        Key::Pod(name) | Key::Service(name) | Key::Slice(name) => name,
        Key::Endpoint(key) => &key.name,
        Key::Policy(key) => &key.name,
    };
    (&name.namespace, &name.name)
}

/// What people call an object.
fn name_of(key: &Key) -> String {
    match key {
        Key::Namespace(name) => format!("Namespace {name}"),
        Key::Pod(name) => format!("Pod {name}"),
        Key::Endpoint(key) => format!("DanmEp.{} {}", key.group, key.name),
        Key::Network(group, network) => format!("{network} of {group}"),
        Key::Policy(key) => format!("DanmNetworkPolicy.{} {}", key.group, key.name),
        Key::Service(name) => format!("Service {name}"),
        Key::Slice(name) => format!("EndpointSlice {name}"),
    }
}

/// Some names; of many the first.
pub(crate) fn list(names: &[impl ToString]) -> String {
    let told: Vec<String> = names.iter().take(TOLD).map(ToString::to_string).collect();
    match names.len().saturating_sub(TOLD) {
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}
