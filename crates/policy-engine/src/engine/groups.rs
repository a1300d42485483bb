//! Which Pods a peer's selectors select. Selectors that are the same are asked once, however many policies have them; a Pod
//! whose labels change asks only those that might match.

use std::{collections::BTreeSet, sync::Arc};

use danm_api::{LabelSelector, Requirement};
use hashbrown::{HashMap, HashSet};
use slab::Slab;

use super::census::{Census, PodId};
use crate::{
    Labels, World,
    selector_index::SelectorIndex,
    set::{NamespaceScope, PeerGroup},
};

/// A group of Pods.
pub type GroupId = usize;

/// The groups that somebody asked for.
#[derive(Debug, Default)]
pub struct Groups {
    ids: HashMap<PeerGroup, GroupId>,
    entries: Slab<Group>,
    of_pod: HashMap<PodId, Vec<GroupId>>,
    /// Groups of one namespace.
    of_namespace: HashMap<Arc<str>, SelectorIndex<GroupId>>,
    /// Groups of all.
    of_any: SelectorIndex<GroupId>,
    /// Selectors of namespaces.
    selection_ids: HashMap<Arc<LabelSelector>, usize>,
    selections: Slab<Selection>,
    selection_index: SelectorIndex<usize>,
    /// The selections that match a namespace.
    matching: HashMap<Arc<str>, Vec<usize>>,
    namespaces: NamespaceLabels,
}

#[derive(Debug)]
struct Group {
    definition: PeerGroup,
    members: HashSet<PodId>,
    users: usize,
}

/// Namespaces that a selector selects, and the groups that are of these.
#[derive(Debug, Default)]
struct Selection {
    namespaces: BTreeSet<Arc<str>>,
    groups: SelectorIndex<GroupId>,
}

/// Namespaces by their labels.
#[derive(Debug, Default)]
struct NamespaceLabels {
    by_label: HashMap<String, HashMap<String, BTreeSet<Arc<str>>>>,
    of: HashMap<Arc<str>, Labels>,
}

// === impl Groups ===

impl Groups {
    /// The group of this definition, which somebody uses from now on.
    pub fn hold(&mut self, definition: &PeerGroup, census: &Census) -> GroupId {
        if let Some(&id) = self.ids.get(definition) {
            if let Some(group) = self.entries.get_mut(id) {
                group.users += 1;
            }
            return id;
        }
        let id =
            self.entries.insert(Group { definition: definition.clone(), members: HashSet::new(), users: 1 });
        self.ids.insert(definition.clone(), id);
        self.file(definition, id);
        self.fill(definition, id, census);
        id
    }

    /// Ends a use of a group.
    pub fn release(&mut self, id: GroupId) {
        let Some(group) = self.entries.get_mut(id) else { return };
        group.users -= 1;
        if group.users > 0 {
            return;
        }
        let group = self.entries.remove(id);
        self.ids.remove(&group.definition);
        self.unfile(&group.definition, id);
        for pod in group.members {
            let Some(groups) = self.of_pod.get_mut(&pod) else { continue };
            groups.retain(|one| *one != id);
            if groups.is_empty() {
                self.of_pod.remove(&pod);
            }
        }
    }

    /// Whether a Pod is in a group.
    pub fn has(&self, id: GroupId, pod: PodId) -> bool {
        self.entries.get(id).is_some_and(|group| group.members.contains(&pod))
    }

    /// The Pods of a group.
    pub fn members(&self, id: GroupId) -> impl Iterator<Item = PodId> {
        self.entries.get(id).into_iter().flat_map(|group| group.members.iter().copied())
    }

    /// The groups that a Pod is in.
    pub fn of_pod(&self, pod: PodId) -> &[GroupId] {
        self.of_pod.get(&pod).map_or(&[], Vec::as_slice)
    }

    /// Puts a Pod into the groups that it belongs to now. Gives those in which it was, or is, and whether that differs.
    pub fn refresh(&mut self, pod: PodId, census: &Census) -> (BTreeSet<GroupId>, bool) {
        let before: BTreeSet<GroupId> = self.of_pod.remove(&pod).into_iter().flatten().collect();
        let now: BTreeSet<GroupId> = census
            .get(pod)
            .map(|resident| self.matching(&resident.name.namespace, &resident.labels).into_iter().collect())
            .unwrap_or_default();
        for id in before.difference(&now) {
            self.entries.get_mut(*id).map(|group| group.members.remove(&pod));
        }
        for id in now.difference(&before) {
            self.entries.get_mut(*id).map(|group| group.members.insert(pod));
        }
        let differs = before != now;
        if !now.is_empty() {
            self.of_pod.insert(pod, now.iter().copied().collect());
        }
        (before.into_iter().chain(now).collect(), differs)
    }

    /// Takes note of a Namespace as it is now. Whether its Pods may belong to other groups than before.
    pub fn refresh_namespace(&mut self, name: &Arc<str>, world: &World) -> bool {
        let labels = world.namespace(name);
        self.namespaces.set(name, labels);
        let mut now = labels.map(|labels| self.selection_index.matching(labels)).unwrap_or_default();
        now.sort_unstable();
        let before = self.matching.remove(name).unwrap_or_default();
        if before == now {
            if !now.is_empty() {
                self.matching.insert(Arc::clone(name), now);
            }
            return false;
        }
        for id in &before {
            self.selections.get_mut(*id).map(|selection| selection.namespaces.remove(name));
        }
        for id in &now {
            self.selections.get_mut(*id).map(|selection| selection.namespaces.insert(Arc::clone(name)));
        }
        if !now.is_empty() {
            self.matching.insert(Arc::clone(name), now);
        }
        true
    }

    /// The groups to which a Pod with these labels belongs.
    fn matching(&self, namespace: &Arc<str>, labels: &Labels) -> Vec<GroupId> {
        let mut found = self.of_any.matching(labels);
        if let Some(index) = self.of_namespace.get(namespace) {
            found.extend(index.matching(labels));
        }
        for selection in self.matching.get(namespace).into_iter().flatten() {
            if let Some(selection) = self.selections.get(*selection) {
                found.extend(selection.groups.matching(labels));
            }
        }
        found
    }

    fn file(&mut self, definition: &PeerGroup, id: GroupId) {
        match &definition.namespaces {
            NamespaceScope::One(name) => {
                self.of_namespace.entry(Arc::clone(name)).or_default().insert(&definition.pods, id);
            }
            NamespaceScope::Any => self.of_any.insert(&definition.pods, id),
            NamespaceScope::Selected(selector) => {
                let selection = self.selection(selector);
                if let Some(selection) = self.selections.get_mut(selection) {
                    selection.groups.insert(&definition.pods, id);
                }
            }
        }
    }

    fn unfile(&mut self, definition: &PeerGroup, id: GroupId) {
        match &definition.namespaces {
            NamespaceScope::One(name) => {
                let Some(index) = self.of_namespace.get_mut(name) else { return };
                index.remove(&definition.pods, id);
                if index.is_empty() {
                    self.of_namespace.remove(name);
                }
            }
            NamespaceScope::Any => self.of_any.remove(&definition.pods, id),
            NamespaceScope::Selected(selector) => self.unfile_selected(selector, &definition.pods, id),
        }
    }

    fn unfile_selected(&mut self, selector: &Arc<LabelSelector>, pods: &LabelSelector, id: GroupId) {
        let Some(&number) = self.selection_ids.get(selector) else { return };
        let Some(selection) = self.selections.get_mut(number) else { return };
        selection.groups.remove(pods, id);
        if !selection.groups.is_empty() {
            return;
        }
        let selection = self.selections.remove(number);
        self.selection_ids.remove(selector);
        self.selection_index.remove(selector, number);
        for name in selection.namespaces {
            let Some(matching) = self.matching.get_mut(&name) else { continue };
            matching.retain(|one| *one != number);
            if matching.is_empty() {
                self.matching.remove(&name);
            }
        }
    }

    fn selection(&mut self, selector: &Arc<LabelSelector>) -> usize {
        if let Some(&id) = self.selection_ids.get(selector) {
            return id;
        }
        let namespaces = self.namespaces.selected(selector);
        let id = self.selections.insert(Selection::default());
        for name in &namespaces {
            let matching = self.matching.entry(Arc::clone(name)).or_default();
            matching.push(id);
            matching.sort_unstable();
        }
        if let Some(selection) = self.selections.get_mut(id) {
            selection.namespaces = namespaces;
        }
        self.selection_ids.insert(Arc::clone(selector), id);
        self.selection_index.insert(selector, id);
        id
    }

    fn fill(&mut self, definition: &PeerGroup, id: GroupId, census: &Census) {
        let candidates: Vec<PodId> = match &definition.namespaces {
            NamespaceScope::One(name) => census.of_namespace(name).collect(),
            NamespaceScope::Any => census.all().collect(),
            NamespaceScope::Selected(selector) => {
                let selection = self.selection_ids.get(selector).and_then(|id| self.selections.get(*id));
                let namespaces = selection.into_iter().flat_map(|selection| &selection.namespaces);
                namespaces.flat_map(|name| census.of_namespace(name)).collect()
            }
        };
        let is_member = |pod: &PodId| census.get(*pod).is_some_and(|it| definition.pods.matches(&it.labels));
        let members: HashSet<PodId> = candidates.into_iter().filter(is_member).collect();
        for pod in &members {
            self.of_pod.entry(*pod).or_default().push(id);
        }
        if let Some(group) = self.entries.get_mut(id) {
            group.members = members;
        }
    }
}

// === impl NamespaceLabels ===

impl NamespaceLabels {
    fn set(&mut self, name: &Arc<str>, labels: Option<&Labels>) {
        let before = match labels {
            Some(labels) => self.of.insert(Arc::clone(name), Arc::clone(labels)),
            None => self.of.remove(name),
        };
        for (key, value) in before.iter().flat_map(|labels| labels.iter()) {
            let Some(values) = self.by_label.get_mut(key) else { continue };
            let Some(names) = values.get_mut(value) else { continue };
            names.remove(name);
            if names.is_empty() {
                values.remove(value);
            }
            if values.is_empty() {
                self.by_label.remove(key);
            }
        }
        for (key, value) in labels.into_iter().flat_map(|labels| labels.iter()) {
            let values = self.by_label.entry_ref(key.as_str()).or_default();
            values.entry_ref(value.as_str()).or_default().insert(Arc::clone(name));
        }
    }

    /// The Namespaces that a selector selects; where it wants a value, only those that have it are asked.
    fn selected(&self, selector: &LabelSelector) -> BTreeSet<Arc<str>> {
        let wanted = selector.requirements().find_map(|requirement| match requirement {
            Requirement::In(key, values) => Some((key, values)),
            _ => None,
        });
        let matches = |name: &&Arc<str>| self.of.get(*name).is_some_and(|labels| selector.matches(labels));
        match wanted {
            Some((key, values)) => {
                let by_value = self.by_label.get(&**key);
                let named = values.iter().filter_map(|value| by_value?.get(&**value)).flatten();
                named.filter(matches).cloned().collect()
            }
            None => self.of.keys().filter(matches).cloned().collect(),
        }
    }
}
