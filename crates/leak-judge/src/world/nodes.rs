//! The Nodes of the cluster, and since when each has been seen Ready.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use danm_api::{Change, Node};

use super::Version;
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
    /// Since when it has been seen Ready without a break, if it is Ready.
    pub ready_since: Option<Moment>,
}

/// All Nodes by name.
#[derive(Debug, Default)]
pub struct Nodes {
    by_name: HashMap<Arc<str>, NodeRecord>,
    /// While they are being listed anew, those not seen again yet.
    stale: HashSet<Arc<str>>,
}

impl Nodes {
    /// Takes in a change. Tells whether it makes a difference to any verdict: heartbeats do not.
    pub(super) fn observe(&mut self, change: Change<Node>, names: &mut Interner, now: Moment) -> bool {
        match change {
            Change::Apply(node) | Change::Listed(node) => self.apply(&node, names, now),
            Change::Delete(node) => self.delete(&node),
            Change::Read(some) => self.apply_all(&some, names, now),
            Change::ListBegins => {
                self.begin_list();
                false
            }
            Change::ListEnds => self.end_list(),
            Change::Reset(all) => {
                self.begin_list();
                let changed = self.apply_all(&all, names, now);
                self.end_list() || changed
            }
        }
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
    fn delete(&mut self, node: &Node) -> bool {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        let uid = Uid::from(node.metadata.uid.as_deref().unwrap_or_default());
        let is_known = self.by_name.get(name).is_some_and(|known| known.uid == uid);
        is_known && self.by_name.remove(name).is_some()
    }

    fn begin_list(&mut self) {
        self.stale = self.by_name.keys().cloned().collect();
    }

    fn end_list(&mut self) -> bool {
        let stale = std::mem::take(&mut self.stale);
        stale.iter().for_each(|name| {
            self.by_name.remove(name);
        });
        !stale.is_empty()
    }

    fn apply_all(&mut self, nodes: &[Node], names: &mut Interner, now: Moment) -> bool {
        let mut changed = false;
        for node in nodes {
            changed |= self.apply(node, names, now);
        }
        changed
    }

    fn apply(&mut self, node: &Node, names: &mut Interner, now: Moment) -> bool {
        let name = names.get(node.metadata.name.as_deref().unwrap_or_default());
        let uid = Uid::from(node.metadata.uid.as_deref().unwrap_or_default());
        // A list after a gap: nobody saw whether it was Ready in between.
        let is_listed_anew = self.stale.remove(&name);
        let version = Version::read(node.metadata.resource_version.as_deref()).unwrap_or_default();
        // A read and an event may each be older than what the other has shown already.
        if !is_listed_anew && self.by_name.get(&name).is_some_and(|known| known.version > version) {
            return false;
        }
        let before = self.by_name.get(&name).filter(|before| before.uid == uid && !is_listed_anew);
        let ready_before = before.and_then(|before| before.ready_since);
        let record = NodeRecord {
            hostname: node.hostname().map_or_else(|| Arc::clone(&name), |hostname| names.get(hostname)),
            is_out_of_service: node.is_out_of_service(),
            ready_since: node.is_ready().then(|| ready_before.unwrap_or(now)),
            name: Arc::clone(&name),
            uid,
            version,
        };
        let before = self.by_name.insert(name, record.clone());
        before.is_none_or(|before| NodeRecord { version, ..before } != record)
    }
}
