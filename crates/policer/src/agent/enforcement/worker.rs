//! Has the rules put into the namespaces of Pods, as it is ordered, one Pod after the other. What fails with one is tried again later, and
//! holds up nobody. What is to become of Pods is decided in `intent.rs`, and how it is done to one in `installer.rs`; this is the loop.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use policy_dataplane::PodUid;
use policy_engine::NamespacedName;

use super::{
    enforced::{Enforced, PAUSE},
    installer::{Installer, Sight},
    kernel::Kernel,
    order::{Aim, Order, Round},
    status::{News, Status},
};

/// How soon what somebody else did to a table, or that a namespace has gone, is noticed.
const LOOK: Duration = Duration::from_millis(300);

/// The counters and interfaces of each Pod are read once in so many looks.
const TURNS: usize = 50;

/// The worker.
pub(in crate::agent) struct Worker<K: Kernel> {
    installer: Installer<K>,
    pods: BTreeMap<NamespacedName, Enforced<K::Table>>,
    /// Whose counters and interfaces were read last.
    visited: Option<NamespacedName>,
}

// === impl Worker ===

impl<K: Kernel> Worker<K> {
    pub(in crate::agent) fn new(kernel: K, tell: impl Fn(News) + Send + 'static) -> Self {
        Self { installer: Installer::new(kernel, tell), pods: BTreeMap::new(), visited: None }
    }

    /// The same, taking rules of the reference away, or leaving them.
    pub(in crate::agent) fn removing_reference(mut self, removes: bool) -> Self {
        self.installer.removes_reference = removes;
        self
    }

    /// Does what is ordered until nobody orders any more. Rules stay then.
    pub(in crate::agent) fn run(mut self, rounds: &mpsc::Receiver<Round>) {
        let mut looked = Instant::now();
        loop {
            match rounds.recv_timeout(PAUSE) {
                Ok(round) => {
                    // What came meanwhile is done in one go: of several orders about a Pod the last one counts.
                    let (dirty, first) = self.take([round].into_iter().chain(rounds.try_iter()));
                    self.work(&dirty);
                    let took = first.map_or(Duration::ZERO, |first| first.elapsed());
                    (self.installer.tell)(News::Done { pods: dirty.len(), took });
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
            self.try_again();
            if looked.elapsed() >= LOOK {
                self.look();
                self.visit_some();
                looked = Instant::now();
            }
        }
    }

    /// Takes orders in. Gives whom they are about, and when the first of them was made.
    fn take(&mut self, rounds: impl Iterator<Item = Round>) -> (BTreeSet<NamespacedName>, Option<Instant>) {
        let (mut dirty, mut first) = (BTreeSet::new(), None);
        for round in rounds {
            self.installer.found = round.found;
            first = first.or(Some(round.at));
            for order in round.orders {
                dirty.insert(order.pod.clone());
                self.accept(order);
            }
        }
        (dirty, first)
    }

    fn accept(&mut self, order: Order) {
        let is_same = |pod: &Enforced<K::Table>| order.aim != Aim::Gone && pod.order.uid == order.uid;
        if !self.pods.get(&order.pod).is_none_or(is_same)
            && let Some(gone) = self.pods.remove(&order.pod)
        {
            self.installer.let_go(gone);
        }
        if order.aim == Aim::Gone {
            return;
        }
        if let Some(pod) = self.pods.get_mut(&order.pod) {
            pod.order = order;
            pod.pause = None;
        } else {
            self.pods.insert(order.pod.clone(), Enforced::new(order));
        }
    }

    /// Looks at these Pods; those first whose rules become stricter.
    fn work(&mut self, names: &BTreeSet<NamespacedName>) {
        let named = || names.iter().filter_map(|name| Some((name, self.pods.get(name)?)));
        let is_searched = named().any(|(_, pod)| !pod.is_located());
        let with_rules = if is_searched { self.with_rules() } else { BTreeSet::new() };
        let mut sight = Sight::new(with_rules);
        // Nobody is protected by rules that only count.
        let mut ordered: Vec<(bool, bool, &NamespacedName)> = named()
            .map(|(name, pod)| (pod.order.aim.only_audits(), !pod.is_stricter(&mut sight.changes), name))
            .collect();
        ordered.sort_by_key(|(only_audits, is_looser, _)| (*only_audits, *is_looser));
        for (_, _, name) in ordered {
            let Some(pod) = self.pods.get_mut(name) else { continue };
            self.installer.install(pod, &mut sight);
        }
    }

    /// Pods to which rules are to deny something.
    fn with_rules(&self) -> BTreeSet<PodUid> {
        let orders = self.pods.values().map(|pod| &pod.order);
        let with_rules =
            orders.filter(|order| matches!(order.aim, Aim::Rules(_)) && !order.aim.only_audits());
        with_rules.filter_map(|order| PodUid::new(&order.uid)).collect()
    }

    /// Looks at Pods again that were to be left alone for a while.
    fn try_again(&mut self) {
        let now = Instant::now();
        let is_due = |pod: &Enforced<K::Table>| pod.pause.is_some_and(|(_, until)| until <= now);
        let due = self.pods.iter().filter(|(_, pod)| is_due(pod)).map(|(name, _)| name.clone()).collect();
        self.work(&due);
    }

    /// Reads what the rules of some Pods have counted, and now and then which interfaces they have, and whether rules of the reference have come. All of them have had their turn after `TURNS` times.
    fn visit_some(&mut self) {
        let many = self.pods.len().div_ceil(TURNS);
        let after = self.visited.take().map_or(Bound::Unbounded, Bound::Excluded);
        for (name, pod) in self.pods.range_mut((after, Bound::Unbounded)).take(many) {
            let counted = pod.count();
            let has_denied = counted.iter().any(|(counter, _)| counter.counted.is_denied());
            if !counted.is_empty() {
                (self.installer.tell)(News::Counted(Arc::clone(&name.namespace), counted));
            }
            // Whoever denied nothing is asked nothing more.
            if !has_denied {
                pod.forget_denied();
            } else if let Some(denied) = pod.newly_denied() {
                (self.installer.tell)(News::Denied(name.clone(), denied));
            }
            if pod.visit() {
                self.installer.look_for_interfaces(pod);
                self.installer.look_for_reference(pod);
            }
            self.visited = Some(name.clone());
        }
    }

    /// Looks at all Pods that may not be as they should be, though nobody ordered anything.
    fn look(&mut self) {
        let (mut again, mut broken) = (BTreeSet::new(), Vec::new());
        for (name, pod) in &mut self.pods {
            pod.is_moved = pod.homes.values().any(|(process, _)| !self.installer.kernel.is_still(process));
            if pod.is_moved {
                again.insert(name.clone());
                continue;
            }
            let (is_changed, lost) = pod.mend();
            if is_changed {
                let status = pod.status.clone().map(|status| Status { is_tampered: true, ..status });
                status.into_iter().map(News::Pod).for_each(&self.installer.tell);
            }
            if !lost.is_empty() {
                again.insert(name.clone());
                broken.extend(lost);
            }
        }
        broken.into_iter().for_each(|table| self.installer.close(table));
        self.work(&again);
    }
}

#[cfg(test)]
mod tests;
