//! The Nodes of the cluster, and since when each has been seen Ready.

use std::sync::Arc;

use hashbrown::HashMap;

use danm_api::{Change, Node};

use crate::{Moment, Uid, interner::Interner};

/// What a verdict needs to know of a Node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    /// Its name.
    pub name: Arc<str>,
    /// Its uid: another machine under the same name has another.
    pub uid: Uid,
    /// The host name its label gives; its name if it has no such label.
    pub hostname: Arc<str>,
    /// Since when it has been seen Ready without a break, if it is Ready.
    pub ready_since: Option<Moment>,
}

/// All Nodes by name.
#[derive(Debug, Default)]
pub struct Nodes {
    by_name: HashMap<Arc<str>, NodeRecord>,
}

impl Nodes {
    pub(super) fn observe(&mut self, change: Change<Node>, names: &mut Interner, now: Moment) {
        match change {
            Change::Apply(node) => self.apply(&node, names, now),
            Change::Delete(node) => {
                self.by_name.remove(node.metadata.name.as_deref().unwrap_or_default());
            }
            Change::Read(some) => some.iter().for_each(|node| self.apply(node, names, now)),
            Change::Reset(all) => {
                self.by_name.clear();
                all.iter().for_each(|node| self.apply(node, names, now));
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

    fn apply(&mut self, node: &Node, names: &mut Interner, now: Moment) {
        let name = names.get(node.metadata.name.as_deref().unwrap_or_default());
        let uid = Uid::from(node.metadata.uid.as_deref().unwrap_or_default());
        let before = self.by_name.get(&name).filter(|before| before.uid == uid);
        let ready_before = before.and_then(|before| before.ready_since);
        let record = NodeRecord {
            hostname: node.hostname().map_or_else(|| Arc::clone(&name), |hostname| names.get(hostname)),
            ready_since: node.is_ready().then(|| ready_before.unwrap_or(now)),
            name: Arc::clone(&name),
            uid,
        };
        self.by_name.insert(name, record);
    }
}
