//! What is known of Pods: of each by several watches, of this node's more than of others. Which of them makes a Pod what it is,
//! is decided in `roster.rs`, and what is needed in full in `needs.rs` and `depth.rs`.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use policy_engine::{Key, NamespacedName, Object, PolicyKey};

use super::Knowledge;
use crate::{
    agent::{
        depth::{Demand, Depth},
        feed::Order,
        needs::Needs,
        pod_scope::PodScope,
        roster::{Present, Roster, Sighting},
        source::Source,
        told::Read,
    },
    opening::Word,
};

/// What is known of Pods besides what policies are about.
#[derive(Debug, Default)]
pub(super) struct Pods {
    roster: Roster,
    local: BTreeSet<NamespacedName>,
    /// Pods of this node of which anything has changed: another uid is another Pod, whatever its rules are, and rules take more
    /// into account than the engine knows.
    touched: BTreeSet<NamespacedName>,
    needs: Needs,
    depth: Depth,
    /// What was ordered to be watched in full.
    ordered: BTreeSet<PodScope>,
    decided_at: Option<Instant>,
}

/// What is needed is asked so often; at the beginning as soon as it can be told.
const INTERVAL: Duration = Duration::from_millis(500);

// === impl Pods ===

impl Pods {
    pub(super) fn is_local(&self, name: &NamespacedName) -> bool {
        self.local.contains(name)
    }
}

// === impl Knowledge ===

impl Knowledge {
    /// The Pods of this node.
    pub(crate) const fn local_pods(&self) -> &BTreeSet<NamespacedName> {
        &self.pods.local
    }

    /// Pods of this node that are there and whose rules may differ from when this was asked last, or who may be another Pod. Who
    /// has gone is not among them.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<NamespacedName> {
        let mut changed = self.engine.take_changed();
        changed.append(&mut self.pods.touched);
        changed.retain(|name| self.pods.is_local(name));
        changed
    }

    /// What is to be watched besides, or no longer, by what is needed now. As long as not all endpoints are known, nobody can
    /// say who is without one, and what is watched is right.
    pub(crate) fn deepen(&mut self, now: Instant) -> Vec<Order> {
        let is_soon = |decided: Instant| now.saturating_duration_since(decided) < INTERVAL;
        let (is_known, has_endpoints) = self.coverage.knows_who_is_named();
        if !is_known || self.pods.decided_at.is_some_and(is_soon) {
            return Vec::new();
        }
        self.pods.decided_at = Some(now);
        let demand = Demand {
            // Where no endpoints are served nobody is a target, and nobody's peers matter.
            namespaces: if has_endpoints { self.pods.needs.namespaces(now) } else { BTreeSet::new() },
            is_everywhere: self.pods.needs.are_ports(),
        };
        let is_listed = |scope: &PodScope| self.coverage.is_synced(&Source::Pods(scope.clone()));
        let wanted = self.pods.depth.decide(&demand, now, is_listed);
        let begin =
            wanted.difference(&self.pods.ordered).map(|scope| Order::Begin(Source::Pods(scope.clone())));
        let end = self.pods.ordered.difference(&wanted).map(|scope| Order::End(Source::Pods(scope.clone())));
        let orders: Vec<Order> = begin.chain(end).collect();
        for order in &orders {
            if let Order::Begin(source) = order {
                self.coverage.expect(source.clone());
            }
        }
        self.pods.ordered = wanted;
        self.coverage.decided();
        orders
    }

    pub(super) fn see_pod(&mut self, source: &Source, name: &NamespacedName, sighting: Sighting) {
        let Source::Pods(scope) = source else { return };
        self.pods.roster.see(scope, name, sighting);
        self.refresh_pod(name);
    }

    pub(super) fn lose_pod(&mut self, source: &Source, name: &NamespacedName) {
        let Source::Pods(scope) = source else { return };
        self.pods.roster.lose(scope, name);
        self.refresh_pod(name);
    }

    /// Makes the world's Pod what the watches say between them.
    fn refresh_pod(&mut self, name: &NamespacedName) {
        self.pods.touched.insert(name.clone());
        let present = self.pods.roster.present(name);
        let is_local = present.as_ref().is_some_and(|present| present.is_local);
        match present {
            Some(Present { pod, .. }) if self.world().pod(name) != Some(&pod) => {
                self.engine.apply(Object::Pod(name.clone(), pod));
            }
            Some(_) => {}
            None => self.engine.delete(&Key::Pod(name.clone())),
        }
        if let Some(pod) = self.engine.world().pod(name) {
            self.pods.roster.share(name, &pod.labels);
        }
        if is_local {
            self.pods.local.insert(name.clone());
            self.engine.track(name);
        } else if self.pods.local.remove(name) {
            self.engine.untrack(name);
        }
        self.note_pod(name);
    }

    /// An endpoint that names a Pod has changed.
    pub(super) fn touch_pod(&mut self, name: &NamespacedName) {
        self.pods.touched.insert(name.clone());
        self.note_pod(name);
    }

    /// From now on the annotations of Pods open, too.
    pub(crate) const fn heed_pods(&mut self) {
        self.openings.heed_pods();
    }

    /// Takes note of whether an object opens anything here: a Namespace, or a Pod of this node.
    pub(super) fn hear(&mut self, source: &Source, key: &Key, read: &Read, word: Option<Word>) {
        if !may_open(source) {
            return;
        }
        let uid = match read {
            Read::Pod(_, sighting) => Arc::clone(&sighting.pod.uid),
            _ => Arc::from(""),
        };
        if self.openings.hear(key, &uid, word) {
            self.touch_all_of(key);
        }
    }

    /// Whatever an object opened, it is not there any more.
    pub(super) fn forget_opening(&mut self, source: &Source, key: &Key) {
        if may_open(source) && self.openings.forget(key) {
            self.touch_all_of(key);
        }
    }

    /// The Pods of this node that an object opens, or does not any more.
    pub(super) fn touch_all_of(&mut self, key: &Key) {
        let is_of = |pod: &&NamespacedName| match key {
            Key::Namespace(name) => pod.namespace == *name,
            Key::Pod(name) => *pod == name,
            _ => false,
        };
        let pods = &mut self.pods;
        pods.touched.extend(pods.local.iter().filter(is_of).cloned());
    }

    /// Notes whether a Pod of another node is there that no endpoint names.
    pub(super) fn note_pod(&mut self, name: &NamespacedName) {
        let is_other = self.pods.roster.is_seen_by(&PodScope::Others, name);
        let is_unnamed =
            is_other && self.world().pod(name).is_some() && self.world().endpoints_of(name).next().is_none();
        self.pods.needs.note_pod(name, is_unnamed);
    }

    /// Notes what a policy that is in force needs.
    pub(super) fn note_policy(&mut self, key: &PolicyKey) {
        let spec = self.engine.world().policy(key).map(|policy| &*policy.spec);
        self.pods.needs.note_policy(key, spec);
    }

    /// The Pod that an endpoint names.
    pub(super) fn named_by(&self, key: &Key) -> Option<NamespacedName> {
        let Key::Endpoint(key) = key else { return None };
        self.world().named_by(key)
    }
}

/// Whether annotations of its objects open anything on this node.
const fn may_open(source: &Source) -> bool {
    matches!(source, Source::Namespaces | Source::Pods(PodScope::Local))
}
