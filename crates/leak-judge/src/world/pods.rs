//! The Pods of the cluster, some 200 bytes each.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use danm_api::{Change, Pod};

use crate::{Uid, interner::Interner};

/// What a verdict needs to know of a Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodRecord {
    /// Its uid.
    pub uid: Uid,
    /// Its Node; empty until it is bound to one.
    pub node: Arc<str>,
    /// Whether its deletion was asked for.
    pub is_terminating: bool,
    /// Whether all its containers have ended for good.
    pub is_finished: bool,
    /// Whether it is the mirror of a static Pod.
    pub is_mirror: bool,
}

/// All Pods, by namespace and name, and the set of their uids.
#[derive(Debug, Default)]
pub struct Pods {
    namespaces: HashMap<Arc<str>, HashMap<Box<str>, PodRecord>>,
    uids: HashSet<Uid>,
}

impl Pods {
    pub(super) fn observe(&mut self, change: Change<Pod>, names: &mut Interner) {
        match change {
            Change::Apply(pod) => self.apply(&pod, names),
            Change::Delete(pod) => self.delete(&pod),
            Change::Read(some) => some.iter().for_each(|pod| self.apply(pod, names)),
            Change::Reset(all) => {
                *self = Self::default();
                all.iter().for_each(|pod| self.apply(pod, names));
            }
        }
    }

    /// The Pod of this name.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&PodRecord> {
        self.namespaces.get(namespace)?.get(name)
    }

    /// Whether a Pod has this uid, under whatever name.
    pub fn has_uid(&self, uid: &Uid) -> bool {
        self.uids.contains(uid)
    }

    /// Number of Pods.
    pub fn len(&self) -> usize {
        self.uids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.uids.is_empty()
    }

    fn apply(&mut self, pod: &Pod, names: &mut Interner) {
        let (namespace, name) = identity(pod);
        let record = PodRecord {
            uid: uid(pod),
            node: names.get(pod.spec.node_name.as_deref().unwrap_or_default()),
            is_terminating: pod.metadata.deletion_timestamp.is_some(),
            is_finished: pod.is_finished(),
            is_mirror: pod.is_mirror(),
        };
        self.uids.insert(record.uid.clone());
        let before = self.namespaces.entry(names.get(namespace)).or_default().insert(name.into(), record);
        if let Some(before) = before.filter(|before| before.uid != uid(pod)) {
            self.uids.remove(&before.uid);
        }
    }

    /// A late delete of an earlier Pod must not take away its successor of the same name.
    fn delete(&mut self, pod: &Pod) {
        let (namespace, name) = identity(pod);
        let uid = uid(pod);
        self.uids.remove(&uid);
        let Some(pods) = self.namespaces.get_mut(namespace) else { return };
        if pods.get(name).is_some_and(|record| record.uid == uid) {
            pods.remove(name);
        }
        if pods.is_empty() {
            self.namespaces.remove(namespace);
        }
    }
}

fn identity(pod: &Pod) -> (&str, &str) {
    (pod.metadata.namespace.as_deref().unwrap_or_default(), pod.metadata.name.as_deref().unwrap_or_default())
}

fn uid(pod: &Pod) -> Uid {
    pod.metadata.uid.as_deref().unwrap_or_default().into()
}
