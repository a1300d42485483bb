//! The Pods of the cluster, some 200 bytes each.

use std::{net::IpAddr, sync::Arc, time::Duration};

use hashbrown::{HashMap, HashSet};

use danm_api::{Change, Pod};

use super::{
    Departure, Version,
    departures::Departures,
    pod_addresses::{PodAddresses, of_living},
    tombstones::Tombstones,
};
use crate::{
    Moment, Uid,
    interner::Interner,
    mutant::{Mutant, lacks},
};

/// What a verdict needs to know of a Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodRecord {
    /// Its uid.
    pub uid: Uid,
    /// Its version when it was seen last.
    pub version: Version,
    /// Its Node; empty until it is bound to one.
    pub node: Arc<str>,
    /// Whether it is the mirror of a static Pod.
    pub is_mirror: bool,
    /// How long its containers may still run when it is gone.
    pub stops_within: Duration,
    /// When it was created, in seconds since 1970 by the clock of an API server; the end of time if that is not said.
    pub created: i64,
    /// The addresses that it says to have; none once it has ended for good.
    pub addresses: Box<[IpAddr]>,
}

/// How far a Pod that is there has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Its containers run, or will.
    Lives,
    /// Its deletion was asked for.
    Terminating,
    /// Its phase says that it has ended, but it may be started again.
    Ended,
    /// It has ended for good, though not all its containers are known to have stopped.
    Finishing,
    /// It has ended for good, with all its containers.
    Finished,
}

impl Life {
    /// Whether it has ended for good.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Finishing | Self::Finished)
    }
}

/// All Pods, by namespace and name, and how far each uid has got: the look-up that nearly every verdict needs.
#[derive(Debug, Default)]
pub struct Pods {
    namespaces: HashMap<Arc<str>, HashMap<Box<str>, PodRecord>>,
    lives: HashMap<Uid, Life>,
    addresses: PodAddresses,
    /// The namespaces in which a mirror was ever seen: those of the control plane.
    mirrored: HashSet<Arc<str>>,
    /// While they are being listed anew, those not seen again yet.
    stale: HashSet<Uid>,
    gone: Tombstones,
    departures: Departures,
}

impl Pods {
    /// Takes in a change. Gives the uids that came, went or got further by it.
    pub(super) fn observe(&mut self, change: Change<Pod>, names: &mut Interner, now: Moment) -> Vec<Uid> {
        match change {
            Change::Apply(pod) => self.apply_newer(&pod, names, now).into_iter().flatten().collect(),
            Change::Listed(pod) => self.list(&pod, names, now).into_iter().flatten().collect(),
            Change::Delete(pod) => self.delete(&pod, now).into_iter().collect(),
            Change::Read(some) => {
                some.iter().flat_map(|pod| self.apply_newer(pod, names, now)).flatten().collect()
            }
            Change::ListBegins => {
                self.stale = self.lives.keys().cloned().collect();
                Vec::new()
            }
            Change::ListEnds => self.end_list(now),
            Change::Reset(all) => {
                self.stale = self.lives.keys().cloned().collect();
                let listed = all.iter().flat_map(|pod| self.list(pod, names, now));
                let mut turned: Vec<Uid> = listed.flatten().collect();
                turned.extend(self.end_list(now));
                turned
            }
        }
    }

    /// The Pod of this name.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&PodRecord> {
        self.namespaces.get(namespace)?.get(name)
    }

    /// The mirror Pod of this name. Nearly every namespace has none.
    pub fn mirror(&self, namespace: &str, name: &str) -> Option<&PodRecord> {
        let pod = if self.mirrored.contains(namespace) { self.get(namespace, name) } else { None };
        pod.filter(|pod| pod.is_mirror)
    }

    /// How far the Pod with this uid has got, under whatever name.
    pub fn life(&self, uid: &Uid) -> Option<Life> {
        self.lives.get(uid).copied()
    }

    /// Whether a Pod that has not ended for good says to have an address.
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.holds(address)
    }

    /// What is known of the end of a Pod that was seen to go, or was not there when it was asked for.
    pub fn departure(&self, uid: &Uid) -> Option<Departure> {
        self.departures.of(uid)
    }

    /// A read of its name, past every cache, has not found this uid.
    pub(super) fn is_absent(&mut self, uid: &Uid, now: Moment) {
        if !self.has_uid(uid) {
            self.departures.note(uid, Duration::ZERO, now);
        }
    }

    /// Forgets those that are gone and that nobody asks about.
    pub(super) fn prune(&mut self, is_asked_about: impl Fn(&Uid) -> bool) {
        self.departures.retain(is_asked_about);
    }

    /// Whether a Pod has this uid, under whatever name.
    pub fn has_uid(&self, uid: &Uid) -> bool {
        self.lives.contains_key(uid)
    }

    /// Number of Pods.
    pub fn len(&self) -> usize {
        self.lives.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lives.is_empty()
    }

    /// A list is right, also where versions go back: a data store was restored.
    fn list(&mut self, pod: &Pod, names: &mut Interner, now: Moment) -> [Option<Uid>; 2] {
        let uid = uid(pod);
        self.gone.rises(&uid);
        self.stale.remove(&uid);
        self.apply(pod, uid, names, now)
    }

    /// A read and an event may each be older than what the other has shown already.
    fn apply_newer(&mut self, pod: &Pod, names: &mut Interner, now: Moment) -> [Option<Uid>; 2] {
        let (namespace, name) = identity(pod);
        let uid = uid(pod);
        let known = self.get(namespace, name).is_some_and(|record| record.version > version(pod));
        if known || self.gone.holds(&uid) { [None, None] } else { self.apply(pod, uid, names, now) }
    }

    /// Gives its uid if it is new or has got further, and that of the Pod that had the name before.
    fn apply(&mut self, pod: &Pod, uid: Uid, names: &mut Interner, now: Moment) -> [Option<Uid>; 2] {
        let (namespace, name) = identity(pod);
        let life = life(pod);
        let is_mirror = pod.is_mirror();
        self.departures.forget(&uid);
        if is_mirror {
            self.mirrored.insert(names.get(namespace));
        }
        let is_news = self.lives.insert(uid.clone(), life) != Some(life);
        let record = PodRecord {
            uid: uid.clone(),
            version: version(pod),
            node: names.get(pod.spec.node_name.as_deref().unwrap_or_default()),
            is_mirror,
            stops_within: pod.stops_within(),
            created: created(pod),
            addresses: of_living(pod.addresses(), life.is_finished()),
        };
        self.addresses.add(&record.addresses);
        let before = self.namespaces.entry(names.get(namespace)).or_default().insert(name.into(), record);
        if let Some(before) = &before {
            self.addresses.remove(&before.addresses);
        }
        let before = before.filter(|before| before.uid != uid);
        if let Some(before) = &before {
            self.lives.remove(&before.uid);
            self.departures.note(&before.uid, before.stops_within, now);
        }
        [is_news.then_some(uid), before.map(|before| before.uid)]
    }

    /// A late delete of an earlier Pod must not take away its successor of the same name.
    fn delete(&mut self, pod: &Pod, now: Moment) -> Option<Uid> {
        let (namespace, name) = identity(pod);
        let uid = uid(pod);
        let known = self.lives.remove(&uid);
        self.gone.bury(uid.clone(), now);
        if known.is_some() {
            self.departures.note(&uid, pod.stops_within(), now);
        }
        if let Some(pods) = self.namespaces.get_mut(namespace) {
            if pods.get(name).is_some_and(|record| record.uid == uid)
                && let Some(record) = pods.remove(name)
            {
                self.addresses.remove(&record.addresses);
            }
            if pods.is_empty() {
                self.namespaces.remove(namespace);
            }
        }
        known.map(|_| uid)
    }

    fn end_list(&mut self, now: Moment) -> Vec<Uid> {
        let stale = std::mem::take(&mut self.stale);
        if stale.is_empty() {
            return Vec::new();
        }
        self.lives.retain(|uid, _| !stale.contains(uid));
        self.namespaces.retain(|_, pods| {
            pods.retain(|_, record| {
                let is_gone = stale.contains(&record.uid);
                if is_gone {
                    self.addresses.remove(&record.addresses);
                    self.departures.note(&record.uid, record.stops_within, now);
                }
                !is_gone
            });
            !pods.is_empty()
        });
        stale.into_iter().collect()
    }
}

fn life(pod: &Pod) -> Life {
    if pod.is_finished() {
        if pod.has_stopped() { Life::Finished } else { Life::Finishing }
    } else if pod.has_ended() {
        Life::Ended
    } else if pod.metadata.deletion_timestamp.is_some() {
        Life::Terminating
    } else {
        Life::Lives
    }
}

fn identity(pod: &Pod) -> (&str, &str) {
    (pod.metadata.namespace.as_deref().unwrap_or_default(), pod.metadata.name.as_deref().unwrap_or_default())
}

fn uid(pod: &Pod) -> Uid {
    if lacks(Mutant::NameForUid) {
        let (namespace, name) = identity(pod);
        return format!("{namespace}/{name}").as_str().into();
    }
    pod.metadata.uid.as_deref().unwrap_or_default().into()
}

/// Zero where it cannot be read: then nothing is newer, and events are taken in as they come.
fn version(pod: &Pod) -> Version {
    Version::read(pod.metadata.resource_version.as_deref()).unwrap_or_default()
}

fn created(pod: &Pod) -> i64 {
    pod.metadata.creation_timestamp.as_ref().map_or(i64::MAX, |time| time.0.as_second())
}
