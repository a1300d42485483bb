//! The endpoints of both groups, with their claims.

use std::{collections::BTreeMap, sync::Arc};

use danm_api::ApiGroup;
use hashbrown::{HashMap, HashSet};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{
    Claims, Endpoint, EndpointId, Version, siblings::Siblings, slot_index::SlotIndex, tombstones::Tombstones,
};
use crate::{Moment, Uid};

/// The place of an endpoint in the index, until it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub(super) u32);

impl Slot {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// All endpoints.
#[derive(Debug, Default)]
pub struct Endpoints {
    slots: Vec<Option<Endpoint>>,
    free: Vec<Slot>,
    by_id: SlotIndex,
    by_uid: SlotIndex,
    by_pod: Siblings,
    /// The hosts they name, and how many do.
    hosts: HashMap<Arc<str>, usize>,
    /// Those that were followed by another of the same interface in a later sandbox.
    followed: HashSet<Slot>,
    claims: Claims,
    /// For each group that is being listed anew, the slots not seen again yet.
    stale: BTreeMap<ApiGroup, Vec<bool>>,
    gone: Tombstones,
}

/// Whoever writes that a Pod has more endpoints than this gets none of them told apart by sandbox: each would be compared
/// with each.
const RELATIVES: usize = 128;

/// How an endpoint came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// By an event: what happened to it since it came is known.
    Told,
    /// By a read, or after it could not be read for a while: nobody saw it come.
    Found,
    /// In the complete list of all. Its version may go back: a data store was restored.
    Listed,
}

impl Endpoints {
    /// The endpoint in a slot.
    pub fn get(&self, slot: Slot) -> Option<&Endpoint> {
        self.slots.get(slot.index())?.as_ref()
    }

    /// The endpoint of this name.
    pub fn find(&self, id: &EndpointId) -> Option<&Endpoint> {
        self.get(self.slot_of(id)?)
    }

    /// Whether an endpoint has this uid.
    pub fn has_uid(&self, uid: &Uid) -> bool {
        let has_it = |slot| self.get(slot).is_some_and(|endpoint| endpoint.uid == *uid);
        self.by_uid.find(uid, has_it).is_some()
    }

    /// The slot of the endpoint of this name.
    pub fn slot_of(&self, id: &EndpointId) -> Option<Slot> {
        self.by_id.find(id, |slot| self.get(slot).is_some_and(|endpoint| endpoint.id == *id))
    }

    /// All of them with their slots, in the order of these.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &Endpoint)> {
        // Slots are numbered by a u32: see `insert`.
        (0u32..)
            .zip(&self.slots)
            .filter_map(|(slot, endpoint)| endpoint.as_ref().map(|endpoint| (Slot(slot), endpoint)))
    }

    /// Number of endpoints.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The endpoints that name a Pod by this uid.
    pub fn of_pod<'a>(&'a self, uid: &'a Uid) -> impl Iterator<Item = Slot> + 'a {
        self.by_pod.of(uid, is_of_pod(&self.slots, uid))
    }

    /// The same, unless they are more than are told apart.
    fn relatives<'a>(&'a self, uid: &'a Uid) -> Option<impl Iterator<Item = Slot> + 'a> {
        (self.of_pod(uid).take(RELATIVES + 1).count() <= RELATIVES).then(|| self.of_pod(uid))
    }

    /// The endpoint of the same interface of the same Pod in the latest of its sandboxes, if that is another one.
    pub fn successor(&self, endpoint: &Endpoint) -> Option<&Endpoint> {
        // Nearly always nobody has left anything behind.
        if self.followed.is_empty() {
            return None;
        }
        let of_pod = self.relatives(&endpoint.pod_uid)?.filter_map(|slot| self.get(slot));
        of_pod.filter(|other| endpoint.is_followed_by(other)).max_by_key(|other| other.first_version)
    }

    /// Those that had a successor when they, or it, were seen.
    pub fn followed(&self) -> impl Iterator<Item = Slot> + '_ {
        self.followed.iter().copied()
    }

    /// The hosts they name.
    pub fn hosts(&self) -> impl Iterator<Item = &Arc<str>> {
        self.hosts.keys()
    }

    /// Who claims which address.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whether what is known of an endpoint is newer than this state of it: it is gone by now, or was seen in a later
    /// version. A read may be answered after that.
    pub(super) fn outlives(&self, id: &EndpointId, state: &ObjectMeta) -> bool {
        let uid = Uid::from(state.uid.as_deref().unwrap_or_default());
        let version = Version::read(state.resource_version.as_deref());
        let known = self.find(id).filter(|endpoint| endpoint.uid == uid);
        let is_older = |known: &Endpoint| version.is_ok_and(|version| version < known.version);
        self.gone.holds(&uid) || known.is_some_and(is_older)
    }

    /// Takes in an endpoint; one with another uid under a known name is another endpoint. Gives its slot, if
    /// it was news.
    pub(super) fn apply(&mut self, mut endpoint: Endpoint, now: Moment, seen: Seen) -> Option<Slot> {
        endpoint.first_seen = now;
        endpoint.was_listed = seen != Seen::Told;
        if seen == Seen::Listed {
            self.gone.rises(&endpoint.uid);
        } else if self.gone.holds(&endpoint.uid) {
            return None;
        }
        let Some(slot) = self.slot_of(&endpoint.id) else { return self.insert(endpoint) };
        self.is_seen(endpoint.id.group, slot);
        let before = self.slots.get(slot.index()).and_then(Option::as_ref)?;
        if before.uid == endpoint.uid {
            // A read and an event may each be older than what the other has shown already.
            if endpoint.version < before.version && seen != Seen::Listed {
                return None;
            }
            endpoint.first_seen = before.first_seen;
            endpoint.first_version = before.first_version;
            endpoint.was_listed = before.was_listed;
        }
        if before.uid != endpoint.uid {
            self.by_uid.remove(&before.uid, slot);
            self.by_uid.insert(&endpoint.uid, slot);
        }
        if before.pod_uid != endpoint.pod_uid {
            leave_pod(&mut self.by_pod, &before.pod_uid, slot);
            join_pod(&mut self.by_pod, &endpoint.pod_uid, slot, &self.slots);
        }
        if before.host != endpoint.host {
            forget_host(&mut self.hosts, &before.host);
            note_host(&mut self.hosts, &endpoint.host);
        }
        self.claims.remove(before, slot);
        self.claims.add(&endpoint, slot);
        *self.slots.get_mut(slot.index())? = Some(endpoint);
        self.note_succession(slot);
        Some(slot)
    }

    /// An endpoint is gone. A late delete of an earlier one must not take away its successor of the same name.
    /// Gives those that claim an address that it claimed.
    pub(super) fn delete(&mut self, id: &EndpointId, uid: &Uid, now: Moment) -> Vec<Slot> {
        self.gone.bury(uid.clone(), now);
        let is_it = self.find(id).is_some_and(|endpoint| endpoint.uid == *uid);
        if is_it { self.remove(id) } else { Vec::new() }
    }

    /// Takes an endpoint out. Gives those that claim an address that it claimed.
    pub(super) fn remove(&mut self, id: &EndpointId) -> Vec<Slot> {
        let Some(endpoint) = self.take(id) else { return Vec::new() };
        endpoint.held().flat_map(|address| self.claims.of(&endpoint.network, address)).copied().collect()
    }

    fn take(&mut self, id: &EndpointId) -> Option<Endpoint> {
        let slot = self.slot_of(id)?;
        let endpoint = self.slots.get_mut(slot.index()).and_then(Option::take)?;
        self.by_id.remove(id, slot);
        self.by_uid.remove(&endpoint.uid, slot);
        self.followed.remove(&slot);
        leave_pod(&mut self.by_pod, &endpoint.pod_uid, slot);
        forget_host(&mut self.hosts, &endpoint.host);
        self.claims.remove(&endpoint, slot);
        self.free.push(slot);
        Some(endpoint)
    }

    /// Before all endpoints of a group are applied anew.
    pub(super) fn begin_list(&mut self, group: ApiGroup) {
        let in_group =
            |endpoint: &Option<Endpoint>| endpoint.as_ref().is_some_and(|one| one.id.group == group);
        let stale = self.slots.iter().map(in_group).collect();
        self.stale.insert(group, stale);
    }

    /// Removes the endpoints that were not among all. Gives them.
    pub(super) fn end_list(&mut self, group: ApiGroup) -> Vec<EndpointId> {
        let stale = self.stale.remove(&group).unwrap_or_default();
        let gone: Vec<EndpointId> = self
            .slots
            .iter()
            .zip(stale)
            .filter_map(|(endpoint, stale)| endpoint.as_ref().filter(|one| stale && one.id.group == group))
            .map(|endpoint| endpoint.id.clone())
            .collect();
        gone.iter().for_each(|id| {
            self.take(id);
        });
        gone
    }

    fn insert(&mut self, endpoint: Endpoint) -> Option<Slot> {
        let slot = if let Some(slot) = self.free.pop() {
            slot
        } else {
            // More than 2^32 endpoints would not fit into any memory.
            let slot = u32::try_from(self.slots.len()).ok()?;
            self.slots.push(None);
            Slot(slot)
        };
        self.claims.add(&endpoint, slot);
        self.by_id.insert(&endpoint.id, slot);
        self.by_uid.insert(&endpoint.uid, slot);
        join_pod(&mut self.by_pod, &endpoint.pod_uid, slot, &self.slots);
        note_host(&mut self.hosts, &endpoint.host);
        self.is_seen(endpoint.id.group, slot);
        *self.slots.get_mut(slot.index())? = Some(endpoint);
        self.note_succession(slot);
        Some(slot)
    }

    /// A new endpoint may be the end of its elder, or come late itself.
    fn note_succession(&mut self, slot: Slot) {
        let Some(endpoint) = self.get(slot) else { return };
        let Some(relatives) = self.relatives(&endpoint.pod_uid) else { return };
        let others = relatives.filter(|other| *other != slot);
        let followed: Vec<Slot> = others
            .flat_map(|other| [(slot, other), (other, slot)])
            .filter(|(elder, heir)| match (self.get(*elder), self.get(*heir)) {
                (Some(elder), Some(heir)) => elder.is_followed_by(heir),
                _ => false,
            })
            .map(|(elder, _)| elder)
            .collect();
        self.followed.extend(followed);
    }

    fn is_seen(&mut self, group: ApiGroup, slot: Slot) {
        if let Some(stale) = self.stale.get_mut(&group).and_then(|stale| stale.get_mut(slot.index())) {
            *stale = false;
        }
    }
}

fn note_host(hosts: &mut HashMap<Arc<str>, usize>, host: &Arc<str>) {
    match hosts.get_mut(host) {
        Some(endpoints) => *endpoints += 1,
        None => {
            hosts.insert(Arc::clone(host), 1);
        }
    }
}

fn forget_host(hosts: &mut HashMap<Arc<str>, usize>, host: &Arc<str>) {
    if let Some(endpoints) = hosts.get_mut(host) {
        *endpoints -= 1;
        if *endpoints == 0 {
            hosts.remove(host);
        }
    }
}

/// Endpoints without the uid of a Pod belong to none.
fn join_pod(by_pod: &mut Siblings, pod: &Uid, slot: Slot, slots: &[Option<Endpoint>]) {
    if !pod.is_empty() {
        by_pod.add(pod, slot, is_of_pod(slots, pod));
    }
}

fn leave_pod(by_pod: &mut Siblings, pod: &Uid, slot: Slot) {
    if !pod.is_empty() {
        by_pod.remove(pod, slot);
    }
}

/// Whether an endpoint names a Pod by this uid.
fn is_of_pod<'a>(slots: &'a [Option<Endpoint>], uid: &'a Uid) -> impl Fn(Slot) -> bool + 'a {
    move |slot| slots.get(slot.index()).and_then(Option::as_ref).is_some_and(|one| one.pod_uid == *uid)
}
