//! The sets that rules speak of, each once, with who is in it now. A change of who holds an address, or of who belongs to a
//! group, asks about these addresses in the sets of these groups, and about nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use danm_api::{NetworkRef, Protocol};
use hashbrown::{HashMap, HashSet};
use slab::Slab;

use super::{
    census::{Census, Holding, Resident},
    groups::{GroupId, Groups},
    services::{ResolvedPort, Services},
};
use crate::{
    Direction,
    compile::{Place, is_called},
    ranges,
    ruleset::{Ports, Set},
    set::{Members, PeerView, ServiceView, SetDefinition, SetName},
    world::named,
};

/// A set.
pub type SetId = usize;

/// What sets are made from.
#[derive(Debug, Default)]
pub struct Sources {
    pub census: Census,
    pub groups: Groups,
    pub services: Services,
}

/// The sets that are in use.
#[derive(Debug, Default)]
pub struct Sets {
    pub sources: Sources,
    ids: HashMap<Arc<SetDefinition>, SetId>,
    entries: Slab<Entry>,
    of_group: HashMap<GroupId, BTreeSet<SetId>>,
    of_services: BTreeSet<SetId>,
}

#[derive(Debug)]
struct Entry {
    definition: Arc<SetDefinition>,
    name: SetName,
    members: Arc<Members>,
    /// Whose members it has.
    group: Option<GroupId>,
    /// For Services: the rules that decide, by their number in the policy.
    rules: BTreeMap<u32, Vec<Reach>>,
    /// Sets of Services that ask this one.
    asked_by: BTreeSet<SetId>,
    users: usize,
}

/// A part of a rule: whom it reaches.
#[derive(Clone, Debug)]
struct Reach {
    set: Option<SetId>,
    ports: Ports,
}

// === impl Sets ===

impl Sets {
    /// The set of this definition, which somebody uses from now on.
    pub fn hold(&mut self, definition: SetDefinition) -> SetId {
        if let Some(&id) = self.ids.get(&definition) {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.users += 1;
            }
            return id;
        }
        let definition = Arc::new(definition);
        let Sources { groups, census, .. } = &mut self.sources;
        let group = definition.view().map(|view| groups.hold(&view.group, census));
        let entry = Entry {
            name: definition.name(),
            members: Arc::new(definition.nobody()),
            definition: Arc::clone(&definition),
            group,
            rules: BTreeMap::new(),
            asked_by: BTreeSet::new(),
            users: 1,
        };
        let id = self.entries.insert(entry);
        self.ids.insert(Arc::clone(&definition), id);
        if let Some(group) = group {
            self.of_group.entry(group).or_default().insert(id);
        }
        if let SetDefinition::Services(view) = &*definition {
            self.hold_rules(id, view);
        }
        self.fill(id);
        id
    }

    /// Ends a use of a set.
    pub fn release(&mut self, id: SetId) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        entry.users -= 1;
        if entry.users > 0 {
            return;
        }
        let entry = self.entries.remove(id);
        self.ids.remove(&entry.definition);
        self.of_services.remove(&id);
        if let Some(group) = entry.group {
            if let Some(sets) = self.of_group.get_mut(&group) {
                sets.remove(&id);
                if sets.is_empty() {
                    self.of_group.remove(&group);
                }
            }
            self.sources.groups.release(group);
        }
        for asked in entry.rules.into_values().flatten().filter_map(|reach| reach.set) {
            if let Some(other) = self.entries.get_mut(asked) {
                other.asked_by.remove(&id);
            }
            self.release(asked);
        }
    }

    /// What a set is called.
    pub fn name(&self, id: SetId) -> Option<&SetName> {
        self.entries.get(id).map(|entry| &entry.name)
    }

    /// Who is in a set.
    fn members(&self, id: SetId) -> Option<&Arc<Members>> {
        self.entries.get(id).map(|entry| &entry.members)
    }

    /// A set by its name, as rules speak of it.
    pub fn named(&self, id: SetId) -> Option<(SetName, Set)> {
        let Entry { name, definition, members, .. } = self.entries.get(id)?;
        Some((name.clone(), Set { definition: Arc::clone(definition), members: Arc::clone(members) }))
    }

    /// Who is in the sets that are in use.
    pub fn all(&self) -> impl Iterator<Item = &Members> {
        self.entries.iter().map(|(_, entry)| &*entry.members)
    }

    /// Asks anew about addresses in the sets of some groups. Gives the sets that are not as they were.
    pub fn refresh(&mut self, addresses: &BTreeSet<IpAddr>, groups: &BTreeSet<GroupId>) -> HashSet<SetId> {
        let affected = groups.iter().filter_map(|group| self.of_group.get(group)).flatten();
        let affected: Vec<SetId> = affected.copied().collect();
        let mut changed = HashSet::new();
        for id in affected {
            for address in addresses {
                if self.ask(id, *address) {
                    changed.insert(id);
                }
            }
        }
        let asking = changed.iter().filter_map(|id| self.entries.get(*id)).flat_map(|entry| &entry.asked_by);
        let asking: BTreeSet<SetId> = asking.copied().collect();
        if !asking.is_empty() {
            let served = self.sources.services.answered_by(addresses);
            changed.extend(asking.into_iter().filter(|id| self.ask_services(*id, &served)));
        }
        changed
    }

    /// Asks anew about addresses of Services. Gives the sets that are not as they were.
    pub fn refresh_services(&mut self, addresses: &BTreeSet<IpAddr>) -> HashSet<SetId> {
        let all: Vec<SetId> = self.of_services.iter().copied().collect();
        all.into_iter().filter(|id| self.ask_services(*id, addresses)).collect()
    }

    fn hold_rules(&mut self, id: SetId, view: &ServiceView) {
        let place = Place {
            namespace: &view.namespace,
            direction: Direction::Egress,
            attachment: &view.attachment,
            own: &view.own,
            ports: &[],
            has_services: false,
        };
        let mut rules = BTreeMap::<u32, Vec<Reach>>::new();
        for part in place.compile(&view.rules) {
            let set = part.remote.map(|definition| self.hold(definition));
            if let Some(other) = set.and_then(|set| self.entries.get_mut(set)) {
                other.asked_by.insert(id);
            }
            if let Some(index) = part.index {
                rules.entry(index).or_default().push(Reach { set, ports: part.ports });
            }
        }
        self.of_services.insert(id);
        if let Some(entry) = self.entries.get_mut(id) {
            entry.rules = rules;
        }
    }

    fn fill(&mut self, id: SetId) {
        let sources = &self.sources;
        let Some(entry) = self.entries.get(id) else { return };
        match &*entry.definition {
            SetDefinition::Blocks(_) => {}
            SetDefinition::Services(_) => {
                let addresses = sources.services.addresses().collect();
                self.ask_services(id, &addresses);
            }
            SetDefinition::Pods(view) => {
                let is_member = |address: &IpAddr| entry.has(view, *address, sources);
                let members: Vec<IpAddr> = entry.candidates(sources).filter(is_member).collect();
                if let Some(entry) = self.entries.get_mut(id) {
                    Arc::make_mut(&mut entry.members).fill(members);
                }
            }
            SetDefinition::PodPorts(..) => {
                let candidates: BTreeSet<IpAddr> = entry.candidates(sources).collect();
                candidates.into_iter().for_each(|address| {
                    self.ask(id, address);
                });
            }
        }
    }

    /// Asks whether an address is in a set; whether that is news.
    fn ask(&mut self, id: SetId, address: IpAddr) -> bool {
        let sources = &self.sources;
        let Some(entry) = self.entries.get_mut(id) else { return false };
        match &*entry.definition {
            SetDefinition::Pods(view) => {
                let is_member = entry.has(view, address, sources);
                Members::set_address(&mut entry.members, address, is_member)
            }
            SetDefinition::PodPorts(view, names) => {
                let ports = entry.ports(view, names, address, sources);
                Members::set_ports(&mut entry.members, address, &ports)
            }
            SetDefinition::Blocks(_) | SetDefinition::Services(_) => false,
        }
    }

    fn ask_services(&mut self, id: SetId, addresses: &BTreeSet<IpAddr>) -> bool {
        let mut is_news = false;
        for address in addresses {
            let mut ports = BTreeSet::new();
            for port in self.sources.services.at(*address) {
                if self.reaches(id, *address, port) {
                    ports.insert((port.protocol, port.number));
                }
            }
            let ports: Vec<_> = ports.into_iter().collect();
            if let Some(entry) = self.entries.get_mut(id) {
                is_news |= Members::set_ports(&mut entry.members, *address, &ports);
            }
        }
        is_news
    }

    /// Whether one of the rules allows everybody who answers for a Service, in the family of its address; and somebody does.
    fn reaches(&self, id: SetId, address: IpAddr, port: &ResolvedPort) -> bool {
        let Some(entry) = self.entries.get(id) else { return false };
        let is_of_family = |backend: &&(IpAddr, u16)| backend.0.is_ipv4() == address.is_ipv4();
        let backends: Vec<_> = port.backends.iter().filter(is_of_family).collect();
        let allows = |reach: &Reach, (backend, target): (IpAddr, u16)| {
            let by_ports = match &reach.ports {
                Ports::Any => true,
                Ports::Numbers(numbers) => {
                    numbers.get(&port.protocol).is_some_and(|of| ranges::contains(of, target))
                }
            };
            let members = reach.set.and_then(|set| self.members(set));
            let by_set = reach.set.is_none()
                || members.is_some_and(|members| {
                    members.has_address(backend) || members.has_port(backend, port.protocol, target)
                });
            by_ports && by_set
        };
        let mut rules = entry.rules.values();
        port.is_complete
            && !backends.is_empty()
            && rules
                .any(|rule| backends.iter().all(|backend| rule.iter().any(|reach| allows(reach, **backend))))
    }
}

// === impl Entry ===

impl Entry {
    /// The addresses that may be in it: those of the Pods of its group.
    fn candidates<'a>(&self, sources: &'a Sources) -> impl Iterator<Item = IpAddr> + 'a {
        let members = self.group.into_iter().flat_map(|group| sources.groups.members(group));
        members.filter_map(|pod| sources.census.get(pod)).flat_map(Resident::addresses)
    }

    /// Whether an address is in it: all must be meant who hold it where peers are met; if nobody does, all who hold it on any
    /// one other network.
    fn has(&self, view: &PeerView, address: IpAddr, sources: &Sources) -> bool {
        let mut communities = communities(view, sources.census.holders(address)).into_iter();
        communities.any(|holders| holders.iter().all(|holding| self.means(view, holding, sources)))
    }

    /// The ports at an address to which all who hold it give one of the names.
    fn ports(
        &self,
        view: &PeerView,
        names: &BTreeSet<(Protocol, Box<str>)>,
        address: IpAddr,
        sources: &Sources,
    ) -> Vec<(Protocol, u16)> {
        let communities = communities(view, sources.census.holders(address));
        let mut ports = BTreeSet::new();
        for (protocol, name) in names {
            let numbers = |holding: &&Holding| {
                let resident = sources.census.get(holding.pod).filter(|_| self.means(view, holding, sources));
                let numbers = resident.map(|resident| named(&resident.ports, *protocol, name));
                numbers.into_iter().flatten().collect::<BTreeSet<u16>>()
            };
            for holders in &communities {
                let shared = holders.iter().map(numbers).reduce(|all, these| &all & &these);
                ports.extend(shared.unwrap_or_default().into_iter().map(|number| (*protocol, number)));
            }
        }
        ports.into_iter().collect()
    }

    /// Whether the interface of a Pod is one of those that are meant.
    fn means(&self, view: &PeerView, holding: &Holding, sources: &Sources) -> bool {
        let is_of_group = self.group.is_some_and(|group| sources.groups.has(group, holding.pod));
        let is_on_network = view.networks.as_ref().is_none_or(|names| {
            holding.network.as_ref().is_some_and(|network| names.iter().any(|name| is_called(network, name)))
        });
        is_of_group && is_on_network
    }
}

/// Those who hold an address on the network where peers are met; if nobody does, those who hold it elsewhere, network by
/// network.
fn communities<'a>(view: &PeerView, holders: &'a [Holding]) -> Vec<Vec<&'a Holding>> {
    let is_here = |holding: &&Holding| view.met_on.is_some() && holding.network == view.met_on;
    let here: Vec<&Holding> = holders.iter().filter(is_here).collect();
    if !here.is_empty() {
        return vec![here];
    }
    let mut elsewhere: BTreeMap<Option<&NetworkRef>, Vec<&Holding>> = BTreeMap::new();
    for holding in holders.iter().filter(|holding| !is_hidden(view, holding)) {
        elsewhere.entry(holding.network.as_ref()).or_default().push(holding);
    }
    elsewhere.into_values().collect()
}

/// Whether who is met there has to come by another interface.
fn is_hidden(view: &PeerView, holding: &Holding) -> bool {
    holding.network.as_ref().is_some_and(|network| view.hidden.contains(network))
}
