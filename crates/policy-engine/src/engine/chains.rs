//! The chains of Pods. Interfaces at which the same policies mean the same share one, in all Pods of a namespace.

use std::{collections::BTreeSet, sync::Arc};

use danm_api::{Enforcement, NetworkRef};
use hashbrown::{HashMap, HashSet};
use slab::Slab;

use super::{
    profiles::{Profile, Registered},
    sets::{SetId, Sets},
};
use crate::{
    Attachment, Direction, InterfaceView, NamedPort,
    compile::{Part, Place},
    ruleset::{Chain, PolicyRules, Remote, Rule},
};

/// A chain, or that there is none because nothing isolates.
pub type ChainId = usize;

/// A Pod for which chains are kept.
pub type TargetId = usize;

/// The chains that are in use.
#[derive(Debug, Default)]
pub struct Chains {
    ids: HashMap<Arc<ChainKey>, ChainId>,
    entries: Slab<Entry>,
    /// The chains that speak of a set.
    of_set: HashMap<SetId, HashSet<ChainId>>,
}

/// Everything that a chain is made from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChainKey {
    /// The policies, by the number of their profile.
    pub profile: u64,
    pub direction: Direction,
    /// What is known of the interface.
    pub interface: Arc<InterfaceView>,
    /// Whether endpoints name it.
    pub is_named: bool,
    /// All networks of the Pod.
    pub own: Arc<BTreeSet<NetworkRef>>,
    /// The ports to which the Pod gives names, if a policy asks for them.
    pub ports: Arc<[NamedPort]>,
    pub has_services: bool,
}

#[derive(Debug)]
struct Entry {
    key: Arc<ChainKey>,
    chain: Option<Arc<Chain>>,
    sets: Vec<SetId>,
    users: HashSet<TargetId>,
}

// === impl Chains ===

impl Chains {
    /// The chain of this key, which a Pod of this namespace uses from now on.
    pub fn hold(&mut self, key: ChainKey, user: TargetId, profile: &Profile, sets: &mut Sets) -> ChainId {
        let known = self.ids.get(&key).copied();
        let id = known.unwrap_or_else(|| self.make(key, profile, sets));
        if let Some(entry) = self.entries.get_mut(id) {
            entry.users.insert(user);
        }
        id
    }

    /// Ends a Pod's use of a chain.
    pub fn release(&mut self, id: ChainId, user: TargetId, sets: &mut Sets) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        entry.users.remove(&user);
        if !entry.users.is_empty() {
            return;
        }
        let entry = self.entries.remove(id);
        self.ids.remove(&entry.key);
        for set in entry.sets {
            if let Some(chains) = self.of_set.get_mut(&set) {
                chains.remove(&id);
                if chains.is_empty() {
                    self.of_set.remove(&set);
                }
            }
            sets.release(set);
        }
    }

    /// The chain, if there is one.
    pub fn chain(&self, id: ChainId) -> Option<&Arc<Chain>> {
        self.entries.get(id)?.chain.as_ref()
    }

    /// The sets that a chain speaks of.
    pub fn sets(&self, id: ChainId) -> &[SetId] {
        self.entries.get(id).map_or(&[], |entry| &entry.sets)
    }

    /// The Pods one of whose chains speaks of a set.
    pub fn users(&self, set: SetId) -> impl Iterator<Item = TargetId> {
        let chains = self.of_set.get(&set).into_iter().flatten();
        chains.filter_map(|chain| self.entries.get(*chain)).flat_map(|entry| entry.users.iter().copied())
    }

    fn make(&mut self, key: ChainKey, profile: &Profile, sets: &mut Sets) -> ChainId {
        let attachment = match &*key.interface {
            interface if key.is_named => interface.attachment(),
            unknown if *unknown == InterfaceView::default() => Attachment::Nowhere,
            // Endpoints speak of an interface, and do not say which it is.
            _ => Attachment::Unclear,
        };
        let place = Place {
            namespace: &profile.namespace,
            direction: key.direction,
            attachment: &attachment,
            own: &key.own,
            ports: &key.ports,
            has_services: key.has_services,
        };
        let mut held = Vec::new();
        let about = profile.policies.iter().filter(|policy| policy.is_about(&key.interface));
        let isolating = about.filter_map(|policy| Some((policy, policy.rules(key.direction)?)));
        let isolating: Vec<(&Arc<Registered>, _)> = isolating.collect();
        // Where something is denied, one more policy would only allow more: nothing is audited.
        let by_mode =
            |enforcement| isolating.iter().filter(move |(policy, _)| policy.enforcement == enforcement);
        let enforcement =
            Enforcement::ALL.into_iter().find(|enforcement| by_mode(*enforcement).next().is_some());
        let chain = enforcement.map(|enforcement| {
            let policies = by_mode(enforcement).map(|(policy, rules)| {
                let parts = place.compile(rules).into_iter();
                let rules = parts.filter_map(|part| rule(part, &mut held, sets)).collect();
                PolicyRules { policy: policy.key.clone(), rules }
            });
            Arc::new(Chain { enforcement, policies: policies.collect() })
        });
        self.insert(Arc::new(key), chain, held, sets)
    }

    /// A set is used once by a chain, however often that speaks of it.
    fn insert(
        &mut self,
        key: Arc<ChainKey>,
        chain: Option<Arc<Chain>>,
        held: Vec<SetId>,
        sets: &mut Sets,
    ) -> ChainId {
        let mut distinct = HashSet::with_capacity(held.len());
        for set in held {
            if !distinct.insert(set) {
                sets.release(set);
            }
        }
        let entry = Entry {
            key: Arc::clone(&key),
            chain,
            sets: distinct.into_iter().collect(),
            users: HashSet::new(),
        };
        let id = self.entries.insert(entry);
        for set in self.entries.get(id).into_iter().flat_map(|entry| &entry.sets) {
            self.of_set.entry(*set).or_default().insert(id);
        }
        self.ids.insert(key, id);
        id
    }
}

fn rule(part: Part, held: &mut Vec<SetId>, sets: &mut Sets) -> Option<Rule> {
    let remote = match part.remote {
        None => Remote::Anyone,
        Some(definition) => {
            let set = sets.hold(definition);
            held.push(set);
            Remote::In(sets.name(set)?.clone())
        }
    };
    Some(Rule { index: part.index, remote, ports: part.ports })
}
