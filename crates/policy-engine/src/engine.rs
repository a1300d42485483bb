//! Keeps the rulesets of Pods up to date while the world changes, at a cost that grows with what a change touches.
//!
//! ```text
//!   Object ──> World ──> census (who holds which address) ──┐
//!                   ├──> groups (whom selectors select) ────┼──> sets ──> chains ──> Ruleset
//!                   ├──> services ──────────────────────────┘               ^
//!                   └──> profiles (which policies select a Pod) ────────────┘
//! ```
//!
//! Responsible for asking again what a change may have changed, and nothing else. Not responsible for what rules mean
//! (`compile.rs`), nor for whether their text can be understood (`danm-api`).

mod census;
mod chains;
mod groups;
mod profiles;
mod services;
mod sets;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use danm_api::{LabelSelector, NetworkRef};
use hashbrown::{HashMap, HashSet};
use slab::Slab;

use self::{
    census::Resident,
    chains::{ChainId, ChainKey, Chains, TargetId},
    groups::GroupId,
    profiles::{Profile, Profiles},
    sets::{SetId, Sets},
};
use crate::{
    Direction, InterfaceName, InterfaceView, Key, NamespacedName, Object, World,
    ruleset::{Gates, Ruleset},
    shared::Shared,
};

/// The ruleset of a Pod; none if it is no target: it is not there, it shares its node's network, or it has no endpoints.
///
/// For one Pod, once. Whoever wants those of many, or follows what changes, keeps an [`Engine`].
pub fn compile(world: &World, pod: &NamespacedName) -> Option<Ruleset> {
    let mut engine = Engine::new(world.clone());
    engine.track(pod);
    engine.ruleset(pod)
}

/// Keeps the rulesets of the Pods that it was told to.
#[derive(Debug, Default)]
pub struct Engine {
    world: World,
    sets: Sets,
    profiles: Profiles,
    chains: Chains,
    target_ids: HashMap<NamespacedName, TargetId>,
    targets: Slab<Target>,
    changed: BTreeSet<NamespacedName>,
    /// What interfaces of many Pods are like.
    interfaces: Shared<InterfaceView>,
    own_networks: Shared<BTreeSet<NetworkRef>>,
}

/// A Pod whose ruleset is kept, be it there or not.
#[derive(Debug)]
struct Target {
    name: NamespacedName,
    rules: Option<Rules>,
}

/// Those about whom an object is.
#[derive(Debug, Default)]
struct Concerned {
    pods: BTreeSet<NamespacedName>,
    services: BTreeSet<NamespacedName>,
}

/// The chains of a Pod, by interface and direction.
#[derive(Debug, PartialEq)]
struct Rules {
    interfaces: BTreeMap<InterfaceName, [Option<ChainId>; 2]>,
    others: [Option<ChainId>; 2],
    profile: Option<Held>,
}

/// The chains of a Pod: those of interfaces, by their names, and those of others.
type ChainsOf<'a> = (&'a BTreeMap<InterfaceName, [Option<ChainId>; 2]>, &'a [Option<ChainId>; 2]);

/// Keeps a profile from being forgotten; equal if it is the same.
#[derive(Debug)]
struct Held(Arc<Profile>);

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

// === impl Engine ===

impl Engine {
    /// An engine that knows a world, and keeps no ruleset yet.
    pub fn new(world: World) -> Self {
        let mut engine = Self::default();
        for name in world.namespaces.keys() {
            engine.sets.sources.groups.refresh_namespace(name, &world);
        }
        for name in world.pods.keys() {
            engine.sets.sources.census.register(&world, name);
        }
        for (key, policy) in &world.policies {
            engine.profiles.register(key, Some(&policy.spec));
        }
        for name in world.services.keys() {
            engine.sets.sources.services.refresh(name, &world);
        }
        engine.world = world;
        engine
    }

    /// The world as it knows it.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// Keeps the ruleset of this Pod from now on.
    pub fn track(&mut self, pod: &NamespacedName) {
        if self.target_ids.contains_key(pod) {
            return;
        }
        let id = self.targets.insert(Target { name: pod.clone(), rules: None });
        self.target_ids.insert(pod.clone(), id);
        self.changed.insert(pod.clone());
        self.refresh_target(id);
    }

    /// Keeps it no longer.
    pub fn untrack(&mut self, pod: &NamespacedName) {
        let Some(id) = self.target_ids.remove(pod) else { return };
        let target = self.targets.remove(id);
        self.release(id, target.rules.as_ref());
        self.changed.remove(pod);
    }

    /// The ruleset of a Pod that is kept; none if it is no target.
    pub fn ruleset(&self, pod: &NamespacedName) -> Option<Ruleset> {
        let rules = self.targets.get(*self.target_ids.get(pod)?)?.rules.as_ref()?;
        let chain = |id: Option<ChainId>| self.chains.chain(id?).cloned();
        let gates = |[ingress, egress]: [Option<ChainId>; 2]| Gates {
            ingress: chain(ingress),
            egress: chain(egress),
        };
        let sets = rules.chains().flat_map(|chain| self.chains.sets(chain));
        let named = sets.filter_map(|set| self.sets.named(*set));
        Some(Ruleset {
            sets: named.collect(),
            interfaces: rules
                .interfaces
                .iter()
                .map(|(name, chains)| (name.clone(), gates(*chains)))
                .collect(),
            others: gates(rules.others),
        })
    }

    /// The rulesets of Pods that are kept, each once with those that have it, as far as that is known without looking into them. A
    /// Pod that is no target has none.
    pub fn rulesets<'a>(
        &self,
        pods: impl IntoIterator<Item = &'a NamespacedName>,
    ) -> Vec<(Option<Ruleset>, Vec<&'a NamespacedName>)> {
        let mut groups: Vec<(Option<Ruleset>, Vec<&'a NamespacedName>)> = Vec::new();
        let mut places: HashMap<Option<ChainsOf<'_>>, usize> = HashMap::new();
        for pod in pods {
            let target = self.target_ids.get(pod).and_then(|id| self.targets.get(*id));
            let rules = target.and_then(|target| target.rules.as_ref());
            let place = *places.entry(rules.map(Rules::by_place)).or_insert_with(|| {
                groups.push((self.ruleset(pod), Vec::new()));
                groups.len() - 1
            });
            if let Some((_, pods)) = groups.get_mut(place) {
                pods.push(pod);
            }
        }
        groups
    }

    /// The Pods whose rulesets may differ from when this was asked last.
    pub fn take_changed(&mut self) -> BTreeSet<NamespacedName> {
        std::mem::take(&mut self.changed)
    }

    /// How many sets there are, and how many members they have together.
    pub fn size_of_sets(&self) -> (usize, usize) {
        self.sets.all().fold((0, 0), |(sets, members), set| (sets + 1, members + set.len()))
    }

    /// Takes an object in, in place of the one that it replaces.
    pub fn apply(&mut self, object: Object) {
        let key = object.key();
        let before = self.concerned(&key);
        self.world.apply(object);
        self.refresh(&key, &before);
    }

    /// Takes an object out.
    pub fn delete(&mut self, key: &Key) {
        let before = self.concerned(key);
        self.world.delete(key);
        self.refresh(key, &before);
    }

    /// Whom an object is about, as the world is now.
    fn concerned(&self, key: &Key) -> Concerned {
        let mut concerned = Concerned::default();
        match key {
            Key::Pod(name) => drop(concerned.pods.insert(name.clone())),
            Key::Endpoint(key) => concerned.pods.extend(self.world.named_by(key)),
            Key::Service(name) => drop(concerned.services.insert(name.clone())),
            Key::Slice(name) => {
                let slice = self.world.slices.get(name);
                concerned.services.extend(slice.map(|slice| slice.service_in(&name.namespace)));
            }
            Key::Namespace(_) | Key::Network(..) | Key::Policy(_) => {}
        }
        concerned
    }

    fn refresh(&mut self, key: &Key, before: &Concerned) {
        let now = self.concerned(key);
        before.pods.union(&now.pods).for_each(|pod| self.refresh_pod(pod));
        before.services.union(&now.services).for_each(|service| self.refresh_service(service));
        match key {
            Key::Namespace(name) => self.refresh_namespace(name),
            Key::Policy(key) => {
                let spec = self.world.policies.get(key).map(|policy| Arc::clone(&policy.spec));
                let selectors = self.profiles.register(key, spec.as_ref());
                self.refresh_selected(&key.name.namespace, &selectors);
            }
            // What a network is like makes no difference to rules; the others are known by whom they concern.
            Key::Network(..) | Key::Pod(_) | Key::Endpoint(_) | Key::Service(_) | Key::Slice(_) => {}
        }
    }

    fn refresh_pod(&mut self, name: &NamespacedName) {
        let sources = &mut self.sets.sources;
        // What it is not any more comes first: its number may be given to another.
        let seen = if self.world.pods.contains_key(name) {
            sources.census.register(&self.world, name)
        } else {
            sources.census.remove(name)
        };
        if let Some((pod, addresses)) = seen {
            let (groups, _) = sources.groups.refresh(pod, &sources.census);
            self.refresh_addresses(&addresses, groups);
        }
        if let Some(target) = self.target_ids.get(name) {
            self.refresh_target(*target);
        }
    }

    fn refresh_namespace(&mut self, name: &Arc<str>) {
        let sources = &mut self.sets.sources;
        if !sources.groups.refresh_namespace(name, &self.world) {
            return;
        }
        let pods: Vec<_> = sources.census.of_namespace(name).collect();
        for pod in pods {
            let (groups, differs) = self.sets.sources.groups.refresh(pod, &self.sets.sources.census);
            if differs {
                let resident = self.sets.sources.census.get(pod);
                let addresses = resident.into_iter().flat_map(Resident::addresses).collect();
                self.refresh_addresses(&addresses, groups);
            }
        }
    }

    /// Asks anew about addresses, in the sets of these groups and of those to which anybody belongs who holds one of them.
    fn refresh_addresses(&mut self, addresses: &BTreeSet<IpAddr>, mut groups: BTreeSet<GroupId>) {
        for address in addresses {
            for holding in self.sets.sources.census.holders(*address) {
                groups.extend(self.sets.sources.groups.of_pod(holding.pod));
            }
        }
        let changed = self.sets.refresh(addresses, &groups);
        self.note(&changed);
    }

    fn refresh_service(&mut self, name: &NamespacedName) {
        let had_none = self.sets.sources.services.is_empty();
        let addresses = self.sets.sources.services.refresh(name, &self.world);
        let changed = self.sets.refresh_services(&addresses);
        self.note(&changed);
        if had_none != self.sets.sources.services.is_empty() {
            let all: Vec<TargetId> = self.targets.iter().map(|(id, _)| id).collect();
            all.into_iter().for_each(|target| self.refresh_target(target));
        }
    }

    /// Notes the Pods whose rules speak of these sets.
    fn note(&mut self, sets: &HashSet<SetId>) {
        let users: HashSet<TargetId> = sets.iter().flat_map(|set| self.chains.users(*set)).collect();
        let names = users.into_iter().filter_map(|target| self.targets.get(target));
        self.changed.extend(names.map(|target| target.name.clone()));
    }

    /// Looks at the Pods of a namespace that one of these selectors selects.
    fn refresh_selected(&mut self, namespace: &str, selectors: &[Arc<LabelSelector>]) {
        let pods = self.sets.sources.census.of_namespace(namespace);
        let residents = pods.filter_map(|pod| self.sets.sources.census.get(pod));
        let selected = residents.filter(|pod| selectors.iter().any(|one| one.matches(&pod.labels)));
        let targets: Vec<TargetId> =
            selected.filter_map(|pod| self.target_ids.get(&pod.name)).copied().collect();
        targets.into_iter().for_each(|target| self.refresh_target(target));
    }

    fn refresh_target(&mut self, id: TargetId) {
        let Some(name) = self.targets.get(id).map(|target| target.name.clone()) else { return };
        let now = self.rules(id, &name);
        let Some(target) = self.targets.get_mut(id) else { return };
        if target.rules == now {
            return;
        }
        let before = std::mem::replace(&mut target.rules, now);
        self.changed.insert(name);
        let still = self.targets.get(id).and_then(|target| target.rules.as_ref());
        let still: HashSet<ChainId> = still.into_iter().flat_map(Rules::chains).collect();
        let gone: HashSet<ChainId> = before.iter().flat_map(Rules::chains).collect();
        for chain in gone.difference(&still) {
            self.chains.release(*chain, id, &mut self.sets);
        }
    }

    fn release(&mut self, id: TargetId, rules: Option<&Rules>) {
        let chains: HashSet<ChainId> = rules.into_iter().flat_map(Rules::chains).collect();
        for chain in chains {
            self.chains.release(chain, id, &mut self.sets);
        }
    }

    /// The chains of a Pod as the world is now.
    fn rules(&mut self, id: TargetId, name: &NamespacedName) -> Option<Rules> {
        let pod = self.world.pod(name).filter(|pod| !pod.is_on_host_network)?;
        let (labels, ports) = (Arc::clone(&pod.labels), Arc::clone(&pod.ports));
        let mut interfaces = self.world.interfaces_of(name);
        if interfaces.is_empty() {
            return None;
        }
        let own = self.own_networks.share(&Arc::new(self.world.networks_of(name)));
        let others = interfaces.remove(&None).unwrap_or_default();
        let profile = self.profiles.of(&name.namespace, &labels);
        let mut gates = |interface: InterfaceView, is_named: bool| {
            let Some(profile) = profile.as_ref().filter(|profile| !profile.policies.is_empty()) else {
                return [None; 2];
            };
            let interface = self.interfaces.share(&Arc::new(interface));
            Direction::ALL.map(|direction| {
                let key = ChainKey {
                    profile: profile.id,
                    direction,
                    interface: Arc::clone(&interface),
                    is_named,
                    own: Arc::clone(&own),
                    ports: if asks_for_ports(profile, direction) {
                        Arc::clone(&ports)
                    } else {
                        Arc::default()
                    },
                    has_services: direction == Direction::Egress && !self.sets.sources.services.is_empty(),
                };
                Some(self.chains.hold(key, id, profile, &mut self.sets))
            })
        };
        Some(Rules {
            others: gates(others, false),
            interfaces: interfaces
                .into_iter()
                .filter_map(|(name, interface)| Some((name?, gates(interface, true))))
                .collect(),
            profile: profile.map(Held),
        })
    }
}

// === impl Rules ===

impl Rules {
    const fn by_place(&self) -> ChainsOf<'_> {
        (&self.interfaces, &self.others)
    }

    fn chains(&self) -> impl Iterator<Item = ChainId> {
        self.interfaces.values().chain([&self.others]).flatten().flatten().copied()
    }
}

/// Names in rules for what comes in are those that the Pod itself gives.
fn asks_for_ports(profile: &Profile, direction: Direction) -> bool {
    direction == Direction::Ingress && profile.names_ports
}
