//! Which policies select a Pod. Pods of a namespace that no policy can tell apart share the answer.

use std::{collections::BTreeMap, sync::Arc};

use danm_api::{Enforcement, LabelSelector, NetworkName, PolicyRule, PolicySpec, PortNumbers};
use hashbrown::HashMap;

use crate::{Direction, InterfaceView, Labels, PolicyKey, compile::is_called, selector_index::SelectorIndex};

/// A version of a policy; another version is another number.
pub type PolicyNumber = u64;

/// So many kinds of labels are remembered for each namespace.
const MANY: usize = 4_096;

/// The policies, by namespace.
#[derive(Debug, Default)]
pub struct Profiles {
    namespaces: HashMap<Arc<str>, Scope>,
    numbers: PolicyNumber,
}

/// The policies of a namespace.
#[derive(Debug, Default)]
struct Scope {
    policies: BTreeMap<PolicyKey, Arc<Registered>>,
    numbers: HashMap<PolicyNumber, PolicyKey>,
    index: SelectorIndex<PolicyNumber>,
    /// The labels that any of them looks at; not known after one has changed.
    keys: Option<Vec<Box<str>>>,
    by_labels: HashMap<SeenLabels, Arc<Profile>>,
    by_policies: HashMap<Vec<PolicyNumber>, Arc<Profile>>,
}

/// Of a Pod's labels, those that a policy looks at.
type SeenLabels = Vec<(Box<str>, Box<str>)>;

/// A policy, as far as it is in force.
#[derive(Debug)]
pub struct Registered {
    pub key: PolicyKey,
    number: PolicyNumber,
    /// What it says, to tell whether that changes.
    spec: Arc<PolicySpec>,
    pods: Arc<LabelSelector>,
    networks: Option<Vec<NetworkName>>,
    pub enforcement: Enforcement,
    ingress: Option<Arc<[Option<PolicyRule>]>>,
    egress: Option<Arc<[Option<PolicyRule>]>>,
}

/// The policies that select a Pod, in order.
#[derive(Debug)]
pub struct Profile {
    /// A number that no other profile has had.
    pub id: u64,
    /// Their namespace.
    pub namespace: Arc<str>,
    pub policies: Vec<Arc<Registered>>,
    /// Whether one of them speaks of names that the Pod itself gives to ports.
    pub names_ports: bool,
}

// === impl Profiles ===

impl Profiles {
    /// Takes note of a policy as it is in force now, or is not any more. Gives the selectors of the Pods that it was or is
    /// about.
    pub fn register(&mut self, key: &PolicyKey, spec: Option<&Arc<PolicySpec>>) -> Vec<Arc<LabelSelector>> {
        let scope = self.namespaces.entry(Arc::clone(&key.name.namespace)).or_default();
        let mut selectors = Vec::new();
        let known = scope.policies.get(key).map(|policy| &policy.spec);
        if known.is_some() && known == spec {
            return selectors;
        }
        if let Some(before) = scope.policies.remove(key) {
            scope.numbers.remove(&before.number);
            scope.index.remove(&before.pods, before.number);
            selectors.push(Arc::clone(&before.pods));
        }
        self.numbers += 1;
        if let Some(policy) = spec.and_then(|spec| Registered::new(key, self.numbers, spec)) {
            scope.numbers.insert(policy.number, key.clone());
            scope.index.insert(&policy.pods, policy.number);
            selectors.push(Arc::clone(&policy.pods));
            scope.policies.insert(key.clone(), Arc::new(policy));
        }
        scope.keys = None;
        scope.by_labels.clear();
        if scope.policies.is_empty() {
            self.namespaces.remove(&key.name.namespace);
        }
        selectors
    }

    /// The policies that select a Pod with these labels.
    pub fn of(&mut self, namespace: &Arc<str>, labels: &Labels) -> Option<Arc<Profile>> {
        let scope = self.namespaces.get_mut(namespace)?;
        if scope.keys.is_none() {
            scope.by_policies.retain(|_, profile| Arc::strong_count(profile) > 1);
        }
        let seen = scope.seen(labels);
        if let Some(profile) = scope.by_labels.get(&seen) {
            return Some(Arc::clone(profile));
        }
        let profile = scope.profile(namespace, labels, &mut self.numbers);
        // Labels come and go; what they were like is not worth remembering for ever.
        if scope.by_labels.len() >= MANY {
            scope.by_labels.clear();
            scope.by_policies.retain(|_, profile| Arc::strong_count(profile) > 1);
        }
        scope.by_labels.insert(seen, Arc::clone(&profile));
        Some(profile)
    }
}

// === impl Scope ===

impl Scope {
    /// Of some labels, those that a policy looks at.
    fn seen(&mut self, labels: &Labels) -> SeenLabels {
        let keys = self.keys.get_or_insert_with(|| {
            let requirements = self.policies.values().flat_map(|policy| policy.pods.requirements());
            let mut keys: Vec<Box<str>> = requirements.map(|it| it.key().into()).collect();
            keys.sort_unstable();
            keys.dedup();
            keys
        });
        let seen = keys.iter().filter_map(|key| Some((key.clone(), labels.get(&**key)?.as_str().into())));
        seen.collect()
    }

    fn profile(&mut self, namespace: &Arc<str>, labels: &Labels, ids: &mut u64) -> Arc<Profile> {
        let mut numbers = self.index.matching(labels);
        numbers.sort_unstable();
        if let Some(profile) = self.by_policies.get(&numbers) {
            return Arc::clone(profile);
        }
        let keys = numbers.iter().filter_map(|number| self.numbers.get(number));
        let mut policies: Vec<_> = keys.filter_map(|key| self.policies.get(key)).cloned().collect();
        policies.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        *ids += 1;
        let names_ports = policies.iter().any(|policy| policy.names_ports());
        let profile = Arc::new(Profile { id: *ids, namespace: Arc::clone(namespace), policies, names_ports });
        self.by_policies.insert(numbers, Arc::clone(&profile));
        profile
    }
}

// === impl Registered ===

impl Registered {
    fn new(key: &PolicyKey, number: PolicyNumber, spec: &Arc<PolicySpec>) -> Option<Self> {
        let subject = spec.subject.as_ref()?;
        Some(Self {
            key: key.clone(),
            number,
            spec: Arc::clone(spec),
            pods: Arc::new(subject.pods.clone()),
            networks: subject.networks.clone(),
            enforcement: spec.enforcement,
            ingress: spec.ingress.as_deref().map(Arc::from),
            egress: spec.egress.as_deref().map(Arc::from),
        })
    }

    /// Its rules for a direction, if it is about that.
    pub const fn rules(&self, direction: Direction) -> Option<&Arc<[Option<PolicyRule>]>> {
        match direction {
            Direction::Ingress => self.ingress.as_ref(),
            Direction::Egress => self.egress.as_ref(),
        }
    }

    /// Whether it is about an interface of a Pod that it selects. One that is on a network of a kind that nobody knows may be
    /// on any.
    pub fn is_about(&self, interface: &InterfaceView) -> bool {
        self.networks.as_ref().is_none_or(|names| {
            interface.is_on_unknown
                || names.iter().any(|name| interface.networks.iter().any(|network| is_called(network, name)))
        })
    }

    fn names_ports(&self) -> bool {
        let rules = self.ingress.iter().flat_map(|rules| rules.iter().flatten());
        let mut ports = rules.flat_map(|rule| rule.ports.iter().flatten().flatten());
        ports.any(|port| matches!(port.numbers, PortNumbers::Named(_)))
    }
}
