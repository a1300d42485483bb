//! Which start of its machine each Node is in, and which objects are of an earlier one.
//!
//! A Node shows today's boot ID only, an endpoint none at all. What tells their order is versions, which all objects
//! of a data store share: who was there when the kubelet of an earlier boot still gave signs of life is of that boot
//! or an earlier one. After a power loss nobody remembers that, so the caller keeps what is known here in an object.

use std::{collections::BTreeMap, sync::Arc};

use danm_api::Node;
use serde::{Deserialize, Serialize};

use super::Version;

/// What is known of the boots of all Nodes.
#[derive(Debug, Default)]
pub struct Boots {
    by_node: BTreeMap<Arc<str>, Known>,
    revision: u64,
    /// Whether any Node was ever seen, or stored, to be in another boot than before.
    has_changes: bool,
}

/// How an object stands to the boot that its Node is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BootAge {
    /// Nothing shows that it is of an earlier one.
    Unknown,
    /// It was there before the boot was seen for the first time. Its maker may have been faster than its kubelet.
    BeforeSeen,
    /// It was there when the boot before still showed.
    Earlier,
}

/// What is kept of one Node's boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Boot {
    #[serde(rename = "bootID")]
    id: String,
    /// The uid of the Node object.
    node: String,
    /// The version of the Node when it was first seen with this boot.
    since: Version,
    /// The latest version at which the kubelet of this boot, or its silence, was seen.
    seen: Version,
    /// For the boot before this one, the latest version at which its kubelet, or its silence, was seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    after: Option<Version>,
}

/// What is known of one Node.
#[derive(Debug)]
struct Known {
    boot: Boot,
    /// Its readiness as last seen: changed, it is news from the kubelet, or of its silence.
    readiness: String,
}

/// What one object may hold of them, with room to spare.
const STORED_BYTES: usize = 1_000_000;

// === impl Boots ===

impl Boots {
    /// Whether any Node is known to have been started anew. Mostly none is.
    pub const fn knows_of_any(&self) -> bool {
        self.has_changes
    }

    /// How an object of this version stands to the boot that a Node is in.
    pub fn age(&self, node: &str, version: Version) -> BootAge {
        let Some(Known { boot: Boot { since, after: Some(after), .. }, .. }) = self.by_node.get(node) else {
            return BootAge::Unknown;
        };
        if version < *after {
            BootAge::Earlier
        } else if version < *since {
            BootAge::BeforeSeen
        } else {
            BootAge::Unknown
        }
    }

    /// Takes in a Node as it is now. Tells whether it is in another boot than before.
    pub(super) fn observe(&mut self, name: &Arc<str>, node: &Node, version: Version) -> bool {
        let Some(boot_id) = node.boot_id() else { return false };
        let readiness = readiness(node);
        let uid = node.metadata.uid.as_deref().unwrap_or_default();
        let new = |after| Boot {
            id: boot_id.to_owned(),
            node: uid.to_owned(),
            since: version,
            seen: version,
            after,
        };
        let Some(known) = self.by_node.get_mut(name) else {
            self.by_node.insert(Arc::clone(name), Known { boot: new(None), readiness });
            self.revision += 1;
            return false;
        };
        let has_changed = known.boot.id != boot_id;
        if has_changed {
            known.boot = new(Some(known.boot.seen));
            self.has_changes = true;
            self.revision += 1;
        } else if known.readiness != readiness {
            known.boot.seen = version;
        }
        known.readiness = readiness;
        has_changed
    }

    /// What was known of a Node counts as nothing: its data store has gone back to an earlier state.
    pub(super) fn forget(&mut self, name: &str) {
        self.by_node.remove(name);
    }

    /// Forgets Nodes that are gone.
    pub(super) fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.by_node.retain(|name, _| is_there(name));
    }

    /// Takes in what was stored about Nodes that are known by now. Of what cannot be understood, or is about another
    /// object of that name, nothing is believed.
    pub(super) fn remember(&mut self, stored: &BTreeMap<String, String>) {
        self.revision += 1;
        for (name, text) in stored {
            let Some(known) = self.by_node.get_mut(name.as_str()) else { continue };
            let Ok(stored) = serde_json::from_str::<Boot>(text) else { continue };
            // What is from a later version than the Node itself is not from this data store, or overtaken at once.
            if stored.node == known.boot.node && stored.since <= known.boot.seen {
                known.boot.follow(&stored);
                self.has_changes |= known.boot.after.is_some();
            }
        }
    }

    /// What is to be stored: a text for each Node, as many as one object holds.
    pub fn to_store(&self) -> BTreeMap<String, String> {
        let mut bytes = 0;
        let entry = |(name, known): (&Arc<str>, &Known)| {
            let text = serde_json::to_string(&known.boot).ok()?;
            Some((name.to_string(), text))
        };
        let fits = |(name, text): &(String, String)| {
            bytes += name.len() + text.len() + r#""":"","#.len();
            bytes <= STORED_BYTES
        };
        self.by_node.iter().filter_map(entry).take_while(fits).collect()
    }

    /// Changes whenever there is more to store than signs of life.
    pub const fn revision(&self) -> u64 {
        self.revision
    }
}

// === impl Boot ===

impl Boot {
    /// This boot is the one that was stored, or the next one we know of.
    fn follow(&mut self, stored: &Self) {
        if stored.id == self.id {
            self.since = self.since.min(stored.since);
            self.seen = self.seen.max(stored.seen);
            self.after = self.after.or(stored.after);
        } else if self.after.is_none() {
            self.after = Some(stored.seen);
        }
    }
}

fn readiness(node: &Node) -> String {
    node.readiness().map_or_else(String::new, |ready| {
        format!("{} {}", ready.status, ready.last_heartbeat_time.as_deref().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(boot: &str, heartbeat: u32) -> Node {
        let ready = json!({"type": "Ready", "status": "True", "lastHeartbeatTime": heartbeat.to_string()});
        let status = json!({"conditions": [ready], "nodeInfo": {"bootID": boot}});
        serde_json::from_value(json!({"metadata": {"name": "a", "uid": "u"}, "status": status}))
            .expect("a Node")
    }

    fn seen(states: &[(&str, u32, u64)]) -> Boots {
        let mut boots = Boots::default();
        for (boot, heartbeat, version) in states {
            boots.observe(&"a".into(), &node(boot, *heartbeat), Version(*version));
        }
        boots
    }

    fn ages(boots: &Boots, versions: &[u64]) -> Vec<BootAge> {
        versions.iter().map(|version| boots.age("a", Version(*version))).collect()
    }

    #[test]
    fn a_boot_nothing_came_before_makes_nothing_older() {
        assert_eq!(ages(&seen(&[("one", 1, 10), ("one", 2, 20)]), &[5, 15, 25]), [BootAge::Unknown; 3]);
    }

    /// Between the last sign of life of one boot and the first of the next, endpoints of either may be made.
    #[test]
    fn what_the_kubelet_of_the_boot_before_outlived_is_earlier() {
        use BootAge::{BeforeSeen, Earlier, Unknown};
        let boots = seen(&[("one", 1, 10), ("one", 2, 20), ("one", 2, 25), ("two", 3, 30), ("two", 4, 40)]);
        assert_eq!(
            ages(&boots, &[5, 19, 20, 29, 30, 50]),
            [Earlier, Earlier, BeforeSeen, BeforeSeen, Unknown, Unknown]
        );
    }

    #[test]
    fn who_was_away_during_a_reboot_knows_from_what_was_stored() {
        use BootAge::{BeforeSeen, Earlier, Unknown};
        let stored = seen(&[("one", 1, 10), ("one", 2, 20)]).to_store();
        let mut boots = seen(&[("two", 9, 90)]);
        assert_eq!(ages(&boots, &[5]), [Unknown]);
        boots.remember(&stored);
        assert_eq!(ages(&boots, &[19, 20, 89, 90]), [Earlier, BeforeSeen, BeforeSeen, Unknown]);
    }

    #[test]
    fn what_was_stored_in_the_same_boot_is_older_knowledge_of_it() {
        let stored = seen(&[("one", 1, 10), ("two", 2, 20), ("two", 3, 30)]).to_store();
        let mut boots = seen(&[("two", 9, 90)]);
        boots.remember(&stored);
        assert_eq!(ages(&boots, &[9, 15, 25]), [BootAge::Earlier, BootAge::BeforeSeen, BootAge::Unknown]);
    }

    /// An object restored into another cluster, or by hand, must not date the endpoints of this one.
    #[test]
    fn what_is_stored_about_another_node_or_from_the_future_is_not_believed() {
        for stored in [
            json!({"bootID": "one", "node": "another", "since": 1, "seen": 50}).to_string(),
            json!({"bootID": "one", "node": "u", "since": 100, "seen": 150}).to_string(),
            "no json".to_owned(),
        ] {
            let mut boots = seen(&[("two", 9, 90)]);
            boots.remember(&[("a".to_owned(), stored)].into());
            assert_eq!(ages(&boots, &[5]), [BootAge::Unknown]);
        }
    }
}
