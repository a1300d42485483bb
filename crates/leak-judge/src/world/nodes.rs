//! The Nodes of the cluster, and since when each has been seen Ready.

use std::{collections::BTreeMap, sync::Arc};

use hashbrown::{HashMap, HashSet};

use danm_api::{Change, Node};

use super::{Boots, Version};
use crate::{Moment, Uid, interner::Interner};

/// What a verdict needs to know of a Node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    /// Its name.
    pub name: Arc<str>,
    /// Its uid: another machine under the same name has another.
    pub uid: Uid,
    /// Its version when it was seen last.
    pub version: Version,
    /// The host name its label gives; its name if it has no such label.
    pub hostname: Arc<str>,
    /// Whether an operator has said that it is shut down.
    pub is_out_of_service: bool,
    /// When it says to have begun or ceased to be Ready.
    pub turned: Box<str>,
    /// Since when it has been seen Ready without a break, if it is Ready.
    pub ready_since: Option<Moment>,
    /// Since when its kubelet has been seen not to answer, if it does not.
    pub silent_since: Option<Moment>,
}

/// All Nodes by name.
#[derive(Debug, Default)]
pub struct Nodes {
    by_name: HashMap<Arc<str>, NodeRecord>,
    boots: Boots,
    /// While they are being listed anew, those not seen again yet.
    stale: HashSet<Arc<str>>,
}

/// What a change of Nodes comes to.
#[derive(Debug, Default)]
pub(super) struct SeenNodes {
    /// Whether it makes a difference to any verdict: heartbeats do not.
    pub matters: bool,
    /// Nodes that are gone by it.
    pub gone: Vec<Arc<str>>,
}

impl Nodes {
    /// Takes in a change.
    pub(super) fn observe(&mut self, change: Change<Node>, names: &mut Interner, now: Moment) -> SeenNodes {
        match change {
            Change::Apply(node) | Change::Listed(node) => self.apply_all(&[node], names, now),
            Change::Delete(node) => self.delete(&node).into(),
            Change::Read(some) => self.apply_all(&some, names, now),
            Change::ListBegins => {
                self.begin_list();
                SeenNodes::default()
            }
            Change::ListEnds => self.end_list().into(),
            Change::Reset(all) => {
                self.begin_list();
                let SeenNodes { matters, .. } = self.apply_all(&all, names, now);
                let gone = self.end_list();
                SeenNodes { matters: matters || !gone.is_empty(), gone }
            }
        }
    }

    /// Takes in what was stored about their boots.
    pub(super) fn remember_boots(&mut self, stored: &BTreeMap<String, String>) {
        self.boots.remember(stored);
    }

    /// Which boots they are in.
    pub fn boots(&self) -> &Boots {
        &self.boots
    }

    /// The Node of this name.
    pub fn get(&self, name: &str) -> Option<&NodeRecord> {
        self.by_name.get(name)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &NodeRecord> {
        self.by_name.values()
    }

    /// A late delete of an earlier Node must not take away its successor of the same name.
    fn delete(&mut self, node: &Node) -> Vec<Arc<str>> {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        let uid = Uid::from(node.metadata.uid.as_deref().unwrap_or_default());
        let is_known = self.by_name.get(name).is_some_and(|known| known.uid == uid);
        let gone = if is_known { self.by_name.remove(name) } else { None };
        if gone.is_some() {
            self.boots.forget(name);
        }
        gone.into_iter().map(|gone| gone.name).collect()
    }

    fn begin_list(&mut self) {
        self.stale = self.by_name.keys().cloned().collect();
    }

    fn end_list(&mut self) -> Vec<Arc<str>> {
        let gone: Vec<Arc<str>> = std::mem::take(&mut self.stale).into_iter().collect();
        gone.iter().for_each(|name| {
            self.by_name.remove(name);
        });
        self.boots.retain(|name| self.by_name.contains_key(name));
        gone
    }

    fn apply_all(&mut self, nodes: &[Node], names: &mut Interner, now: Moment) -> SeenNodes {
        let mut matters = false;
        for node in nodes {
            matters |= self.apply(node, names, now);
        }
        SeenNodes { matters, gone: Vec::new() }
    }

    fn apply(&mut self, node: &Node, names: &mut Interner, now: Moment) -> bool {
        let name = names.get(node.metadata.name.as_deref().unwrap_or_default());
        let uid = Uid::from(node.metadata.uid.as_deref().unwrap_or_default());
        // A list after a gap: nobody saw whether it was Ready in between.
        let is_listed_anew = self.stale.remove(&name);
        let version = Version::read(node.metadata.resource_version.as_deref()).unwrap_or_default();
        if self.by_name.get(&name).is_some_and(|known| known.version > version) {
            // A read and an event may each be older than what the other has shown already.
            if !is_listed_anew {
                return false;
            }
            self.boots.forget(&name);
        }
        // What was not seen may have happened all the same: a read can come after the Node was silent and answered again.
        let turned = turned(node);
        let is_continued =
            |before: &&NodeRecord| before.uid == uid && before.turned == turned && !is_listed_anew;
        let before = self.by_name.get(&name).filter(is_continued);
        let ready_before = before.and_then(|before| before.ready_since);
        let silent_before = before.and_then(|before| before.silent_since);
        let is_rebooted = self.boots.observe(&name, node, version);
        let record = NodeRecord {
            hostname: node.hostname().map_or_else(|| Arc::clone(&name), |hostname| names.get(hostname)),
            is_out_of_service: node.is_out_of_service(),
            ready_since: node.is_ready().then(|| ready_before.unwrap_or(now)),
            silent_since: (!node.answers()).then(|| silent_before.unwrap_or(now)),
            turned,
            name: Arc::clone(&name),
            uid,
            version,
        };
        let before = self.by_name.insert(name, record.clone());
        is_rebooted || before.is_none_or(|before| NodeRecord { version, ..before } != record)
    }
}

/// When it became what it is, in words of the control plane's clock: only to be compared.
fn turned(node: &Node) -> Box<str> {
    node.readiness().and_then(|ready| ready.last_transition_time.as_deref()).unwrap_or_default().into()
}

impl From<Vec<Arc<str>>> for SeenNodes {
    fn from(gone: Vec<Arc<str>>) -> Self {
        Self { matters: !gone.is_empty(), gone }
    }
}
