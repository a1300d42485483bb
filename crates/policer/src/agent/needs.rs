//! What asks for more of other nodes' Pods than their metadata. A Pod's own status tells its addresses, which count only if no
//! endpoint names it; and its containers tell the names of ports, which count only if a rule for what goes out uses names.
//! What is watched in return is decided in `depth.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use danm_api::{PolicySpec, PortNumbers};
use policy_engine::{NamespacedName, PolicyKey};

/// What asks for more, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Needs {
    naming_ports: BTreeSet<PolicyKey>,
    /// Pods that no endpoint names, and since when that counts. No time: since it is asked for next.
    unnamed: BTreeMap<NamespacedName, Option<Instant>>,
    /// Whether it was asked for.
    has_begun: bool,
}

/// Every Pod is without an endpoint until its interfaces are made. That it comes to be known in full a moment later harms
/// nobody, but a namespace that is listed for each Pod that starts in it would.
const GRACE: Duration = Duration::from_secs(10);

// === impl Needs ===

impl Needs {
    /// Notes whether a Pod of another node is there that no endpoint names.
    pub(super) fn note_pod(&mut self, name: &NamespacedName, is_unnamed: bool) {
        if !is_unnamed {
            self.unnamed.remove(name);
        } else if !self.unnamed.contains_key(name) {
            self.unnamed.insert(name.clone(), None);
        }
    }

    /// Notes what a policy says that is in force, or that there is none.
    pub(super) fn note_policy(&mut self, key: &PolicyKey, spec: Option<&PolicySpec>) {
        if spec.is_some_and(names_ports) {
            self.naming_ports.insert(key.clone());
        } else {
            self.naming_ports.remove(key);
        }
    }

    /// Whether names of ports are needed. A Pod that is spoken to may be anybody's.
    pub(super) fn are_ports(&self) -> bool {
        !self.naming_ports.is_empty()
    }

    /// The namespaces of which addresses are needed. Those Pods that were there before anybody asked have had their time.
    pub(super) fn namespaces(&mut self, now: Instant) -> BTreeSet<Arc<str>> {
        let grace = if self.has_begun { GRACE } else { Duration::ZERO };
        self.has_begun = true;
        let mut needed = BTreeSet::new();
        for (name, since) in &mut self.unnamed {
            if *since.get_or_insert(now + grace) <= now && needed.last() != Some(&name.namespace) {
                needed.insert(Arc::clone(&name.namespace));
            }
        }
        needed
    }
}

fn names_ports(spec: &PolicySpec) -> bool {
    let rules = spec.egress.iter().flatten().flatten();
    let ports = rules.flat_map(|rule| rule.ports.iter().flatten().flatten());
    ports.into_iter().any(|port| matches!(port.numbers, PortNumbers::Named(_)))
}

#[cfg(test)]
mod tests {
    use danm_api::{ApiGroup, DanmNetworkPolicy};
    use serde_json::{Value, json};

    use super::*;

    fn pod(namespace: &str, name: &str) -> NamespacedName {
        NamespacedName::new(namespace, name)
    }

    fn asks_for_ports(spec: &Value) -> bool {
        let policy: DanmNetworkPolicy = serde_json::from_value(json!({"spec": spec})).unwrap();
        let key = PolicyKey { name: pod("x", "p"), group: ApiGroup::DanmIo };
        let mut needs = Needs::default();
        needs.note_policy(&key, Some(&policy.spec));
        let asks = needs.are_ports();
        needs.note_policy(&key, None);
        assert!(!needs.are_ports(), "nobody asks who is gone");
        asks
    }

    #[test]
    fn names_of_ports_count_in_rules_for_what_goes_out() {
        let rules = json!([{"ports": [{"port": 80}]}, {"ports": [{"port": 81}, {"port": "web"}]}]);
        assert!(asks_for_ports(&json!({"podSelector": {}, "egress": rules})));
        assert!(!asks_for_ports(&json!({"podSelector": {}, "ingress": rules})));
        assert!(!asks_for_ports(&json!({"podSelector": {}, "egress": [{}, {"ports": [{"port": 80}]}]})));
    }

    #[test]
    fn who_was_there_before_counts_at_once_and_who_comes_later_after_a_while() {
        let mut needs = Needs::default();
        let start = Instant::now();
        needs.note_pod(&pod("a", "old"), true);
        assert_eq!(needs.namespaces(start), ["a".into()].into());

        needs.note_pod(&pod("b", "new"), true);
        assert_eq!(needs.namespaces(start), ["a".into()].into());
        needs.note_pod(&pod("b", "new"), true);
        let then = start + GRACE;
        let almost = start + GRACE.mul_f32(0.99);
        assert_eq!(needs.namespaces(almost), ["a".into()].into());
        assert_eq!(needs.namespaces(then), ["a".into(), "b".into()].into());
    }

    #[test]
    fn a_pod_that_an_endpoint_names_in_time_asks_for_nothing() {
        let mut needs = Needs::default();
        let start = Instant::now();
        assert_eq!(needs.namespaces(start), BTreeSet::new());
        needs.note_pod(&pod("a", "p"), true);
        assert_eq!(needs.namespaces(start), BTreeSet::new());
        needs.note_pod(&pod("a", "p"), false);
        assert_eq!(needs.namespaces(start + GRACE), BTreeSet::new());
        needs.note_pod(&pod("a", "p"), true);
        assert_eq!(needs.namespaces(start + GRACE), BTreeSet::new(), "its time begins anew");
        assert_eq!(needs.namespaces(start + 2 * GRACE), ["a".into()].into());
    }
}
