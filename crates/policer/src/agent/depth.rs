//! Of which namespaces other nodes' Pods are watched in full, beside their metadata: a function of what is needed and of the
//! time. Who needs it is known in `needs.rs`; watches are begun and ended in `feed.rs`.
//!
//! Until a list has come in that somebody needs, its Pods are peers without addresses and without names of ports, so nobody
//! is let in by them. One thing is wider meanwhile: an address that two Pods hold by their own status, and neither by an
//! endpoint, is the one's alone until the other's is known.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use super::pod_scope::PodScope;

/// What is watched in full.
#[derive(Debug, Default)]
pub(super) struct Depth {
    /// Until when each is kept, if nobody needs it any more.
    until: BTreeMap<PodScope, Instant>,
}

/// What is needed in full now.
#[derive(Debug, Default)]
pub(super) struct Demand {
    /// The Pods of these namespaces.
    pub(super) namespaces: BTreeSet<Arc<str>>,
    /// Those of all.
    pub(super) is_everywhere: bool,
}

/// So many namespaces are watched on their own; of more, all at once.
const NAMESPACES: usize = 50;

/// How long a watch is kept that nobody needs: what is needed once is often needed again.
const LINGER: Duration = Duration::from_mins(5);

// === impl Depth ===

impl Depth {
    /// What is to be watched from now on. Of what is watched, it is asked whether its first list has come in.
    pub(super) fn decide(
        &mut self,
        demand: &Demand,
        now: Instant,
        is_listed: impl Fn(&PodScope) -> bool,
    ) -> BTreeSet<PodScope> {
        let own = |namespace: &Arc<str>| PodScope::Namespace(Arc::clone(namespace));
        let is_everywhere = demand.is_everywhere || self.count_with(&demand.namespaces) > NAMESPACES;
        for scope in demand.namespaces.iter().map(own) {
            // Those that are watched are needed until all are known.
            if !is_everywhere || self.until.contains_key(&scope) {
                self.until.insert(scope, now + LINGER);
            }
        }
        // Neither is the one let go before the other is there.
        let is_awaited = || demand.namespaces.iter().map(own).any(|scope| !is_listed(&scope));
        if is_everywhere || (self.until.contains_key(&PodScope::Everywhere) && is_awaited()) {
            self.until.insert(PodScope::Everywhere, now + LINGER);
        }
        if is_everywhere && is_listed(&PodScope::Everywhere) {
            self.until.retain(|scope, _| *scope == PodScope::Everywhere);
        }
        self.until.retain(|_, until| *until > now);
        self.until.keys().cloned().collect()
    }

    /// How many namespaces that are, with those that are watched.
    fn count_with(&self, needed: &BTreeSet<Arc<str>>) -> usize {
        let watched = self.until.keys().filter_map(|scope| match scope {
            PodScope::Namespace(namespace) => Some(namespace),
            _ => None,
        });
        watched.chain(needed).collect::<BTreeSet<_>>().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cluster with its needs, on a clock.
    struct Scene {
        depth: Depth,
        demand: Demand,
        listed: BTreeSet<PodScope>,
        now: Instant,
    }

    impl Scene {
        fn new() -> Self {
            Self {
                depth: Depth::default(),
                demand: Demand::default(),
                listed: BTreeSet::new(),
                now: Instant::now(),
            }
        }

        fn needs(&mut self, namespaces: usize) {
            self.demand.namespaces = (0..namespaces).map(name).collect();
        }

        /// Decides, and lists what is to be watched.
        fn decide(&mut self) -> BTreeSet<PodScope> {
            let wanted = self.decide_unlisted();
            self.listed.clone_from(&wanted);
            wanted
        }

        /// Decides while no list comes in.
        fn decide_unlisted(&mut self) -> BTreeSet<PodScope> {
            let wanted = self.depth.decide(&self.demand, self.now, |scope| self.listed.contains(scope));
            self.listed.retain(|scope| wanted.contains(scope));
            wanted
        }
    }

    fn name(number: usize) -> Arc<str> {
        format!("n{number:03}").into()
    }

    fn own(namespaces: usize) -> BTreeSet<PodScope> {
        (0..namespaces).map(|number| PodScope::Namespace(name(number))).collect()
    }

    fn everywhere() -> BTreeSet<PodScope> {
        [PodScope::Everywhere].into()
    }

    #[test]
    fn nothing_is_watched_in_full_that_nobody_needs() {
        assert_eq!(Scene::new().decide(), BTreeSet::new());
    }

    #[test]
    fn a_namespace_is_watched_until_a_while_after_it_is_needed() {
        let mut scene = Scene::new();
        scene.needs(2);
        assert_eq!(scene.decide(), own(2));
        scene.now += 2 * LINGER;
        assert_eq!(scene.decide(), own(2), "it is needed still");
        scene.needs(1);
        scene.now += LINGER / 2;
        assert_eq!(scene.decide(), own(2));
        scene.now += LINGER / 2;
        assert_eq!(scene.decide(), own(1));
        scene.needs(0);
        scene.now += LINGER;
        assert_eq!(scene.decide(), BTreeSet::new());
    }

    #[test]
    fn more_namespaces_than_are_watched_on_their_own_are_watched_at_once() {
        let mut scene = Scene::new();
        scene.needs(NAMESPACES);
        assert_eq!(scene.decide(), own(NAMESPACES));
        scene.needs(NAMESPACES + 1);
        let both: BTreeSet<_> = own(NAMESPACES).into_iter().chain(everywhere()).collect();
        assert_eq!(scene.decide_unlisted(), both, "what is known stays until all is");
        scene.now += 2 * LINGER;
        assert_eq!(scene.decide(), both);
        assert_eq!(scene.decide(), everywhere());
    }

    #[test]
    fn those_that_are_kept_for_a_while_count() {
        let mut scene = Scene::new();
        scene.needs(NAMESPACES);
        scene.decide();
        scene.demand.namespaces = [name(NAMESPACES)].into();
        assert!(scene.decide().contains(&PodScope::Everywhere));
    }

    #[test]
    fn names_of_ports_are_needed_of_all() {
        let mut scene = Scene::new();
        scene.needs(1);
        scene.demand.is_everywhere = true;
        assert_eq!(scene.decide(), everywhere());
        scene.demand.is_everywhere = false;
        let both: BTreeSet<_> = own(1).into_iter().chain(everywhere()).collect();
        assert_eq!(scene.decide_unlisted(), both);
        scene.now += 2 * LINGER;
        assert_eq!(scene.decide(), both, "the namespace's own list is not there yet");
        scene.now += LINGER;
        assert_eq!(scene.decide(), own(1));
    }
}
