//! Has the rules put into the namespaces of Pods: holds a table for each, and does what is ordered, one Pod after the other. What fails
//! with one is tried again later, and holds up nobody. What is to become of Pods is decided in `intent.rs`; this is the loop.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::mpsc,
    time::{Duration, Instant},
};

use policy_dataplane::{
    Changes, Claim, Found, MakeProgram, NamespaceId, Outcome, PodUid, Process, Residents,
};
use policy_engine::{NamespacedName, program::LastFrame};

use super::{
    enforced::{Enforced, PAUSE},
    kernel::{Kernel, PodTable},
    order::{Aim, Order, Round, Rules},
    place::Place,
    status::{News, State, Status},
};

/// How soon what somebody else did to a table, or that a namespace has gone, is noticed.
const LOOK: Duration = Duration::from_millis(300);

/// The worker.
pub(in crate::agent) struct Worker<K: Kernel> {
    kernel: K,
    pods: BTreeMap<NamespacedName, Enforced<K::Table>>,
    found: Found,
    tell: Box<dyn Fn(News) + Send>,
    /// Takes what is to be closed: that may take a while.
    closer: mpsc::Sender<K::Table>,
}

/// What is known of a node while some Pods are looked at.
#[derive(Default)]
struct Sight {
    residents: Option<Residents>,
    changes: Changes,
}

// === impl Worker ===

impl<K: Kernel> Worker<K> {
    pub(in crate::agent) fn new(kernel: K, tell: impl Fn(News) + Send + 'static) -> Self {
        let (closer, closed) = mpsc::channel::<K::Table>();
        // To close a socket after a deletion waits for the kernel to have forgotten what was deleted.
        std::thread::spawn(move || closed.into_iter().for_each(drop));
        let tell = Box::new(tell);
        Self { kernel, pods: BTreeMap::new(), found: Found::LeftAlone, tell, closer }
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
                    (self.tell)(News::Done { pods: dirty.len(), took });
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
            self.try_again();
            if looked.elapsed() >= LOOK {
                self.look();
                looked = Instant::now();
            }
        }
    }

    /// Takes orders in. Gives whom they are about, and when the first of them was made.
    fn take(&mut self, rounds: impl Iterator<Item = Round>) -> (BTreeSet<NamespacedName>, Option<Instant>) {
        let (mut dirty, mut first) = (BTreeSet::new(), None);
        for round in rounds {
            self.found = round.found;
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
            self.let_go(gone);
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

    /// Lets go of the namespaces of a Pod. Its rules stay: it may be there still.
    fn let_go(&self, pod: Enforced<K::Table>) {
        pod.homes.into_values().for_each(|(_, table)| self.close(table));
    }

    fn close(&self, table: K::Table) {
        // Nobody takes it if this is the end, and then it is closed here.
        let _ = self.closer.send(table);
    }

    /// Looks at these Pods; those first whose rules become stricter.
    fn work(&mut self, names: &BTreeSet<NamespacedName>) {
        let mut sight = Sight::default();
        let mut ordered: Vec<(bool, &NamespacedName)> = Vec::new();
        for name in names {
            let Some(pod) = self.pods.get(name) else { continue };
            ordered.push((!pod.is_stricter(&mut sight.changes), name));
        }
        ordered.sort();
        for (_, name) in ordered {
            // Taken out, so that the others can be reached meanwhile.
            let Some(mut pod) = self.pods.remove(name) else { continue };
            let status = self.enforce(&mut pod, &mut sight);
            self.conclude(&mut pod, status);
            self.pods.insert(name.clone(), pod);
        }
    }

    /// Looks at Pods again that were to be left alone for a while.
    fn try_again(&mut self) {
        let now = Instant::now();
        let is_due = |pod: &Enforced<K::Table>| pod.pause.is_some_and(|(_, until)| until <= now);
        let due = self.pods.iter().filter(|(_, pod)| is_due(pod)).map(|(name, _)| name.clone()).collect();
        self.work(&due);
    }

    /// Looks at all Pods that may not be as they should be, though nobody ordered anything.
    fn look(&mut self) {
        let (mut again, mut broken) = (BTreeSet::new(), Vec::new());
        for (name, pod) in &mut self.pods {
            pod.is_moved = pod.homes.values().any(|(process, _)| !self.kernel.is_still(process));
            if pod.is_moved {
                again.insert(name.clone());
                continue;
            }
            let (is_changed, lost) = pod.mend();
            if is_changed {
                let status = pod.status.clone().map(|status| Status { is_tampered: true, ..status });
                status.into_iter().map(News::Pod).for_each(&self.tell);
            }
            if !lost.is_empty() {
                again.insert(name.clone());
                broken.extend(lost);
            }
        }
        broken.into_iter().for_each(|table| self.close(table));
        self.work(&again);
    }

    /// Takes note of how it went, and tells if that is news.
    fn conclude(&self, pod: &mut Enforced<K::Table>, status: Status) {
        pod.leave_alone_after(&status.state);
        if pod.status.as_ref() != Some(&status) {
            (self.tell)(News::Pod(status.clone()));
            pod.status = Some(status);
        }
    }

    fn enforce(&self, pod: &mut Enforced<K::Table>, sight: &mut Sight) -> Status {
        let mut status = Status::new(&pod.order);
        status.state = match self.find(pod, sight, &mut status) {
            Ok((newcomers, problem)) => {
                let state = match pod.order.aim.clone() {
                    Aim::Rules(rules) => self.put(pod, newcomers, &rules, sight),
                    Aim::Open | Aim::Gone => self.clear(pod, &newcomers),
                };
                problem.filter(|_| !state.is_failure()).map_or(state, State::Failed)
            }
            Err(reason) => State::Failed(reason),
        };
        // Where something failed there may be a namespace that nobody holds.
        pod.located = (!status.state.is_failure()).then(|| pod.order.paths.clone());
        status.namespaces = pod.homes.keys().map(ToString::to_string).collect();
        status
    }

    /// Finds the namespaces of a Pod. Lets go of those that are none any more, and gives those that are new, and why there is one that
    /// its rules do not belong in.
    fn find(
        &self,
        pod: &mut Enforced<K::Table>,
        sight: &mut Sight,
        status: &mut Status,
    ) -> Result<(Vec<Process>, Option<String>), String> {
        if let Some(before) = pod.status.as_ref().filter(|_| pod.is_located()) {
            // Nothing of what was found out has ceased to be true.
            (status.more, status.refused) = (before.more, before.refused.clone());
            return Ok((Vec::new(), None));
        }
        let residents = match &sight.residents {
            Some(residents) => residents,
            None => sight.residents.insert(self.kernel.residents()?),
        };
        let claims: Vec<Claim> = pod.order.paths.iter().map(|path| self.kernel.claim(path)).collect();
        let place = Place::of(&pod.order, residents, &claims, |uid| self.has_rules(uid))?;
        (status.more, status.refused) = (place.more, place.refused);
        pod.is_moved = false;
        let is_home = |id: &NamespaceId| place.homes.iter().any(|home| home.namespace == *id);
        for (_, (_, table)) in pod.homes.extract_if(.., |id, _| !is_home(id)) {
            self.close(table);
        }
        let mut newcomers = Vec::new();
        for home in place.homes {
            match pod.homes.get_mut(&home.namespace) {
                Some((process, _)) => *process = home,
                None => newcomers.push(home),
            }
        }
        Ok((newcomers, place.problem))
    }

    /// Whether a Pod is to have rules.
    fn has_rules(&self, uid: &PodUid) -> bool {
        let has_rules = |order: &Order| matches!(order.aim, Aim::Rules(_));
        self.pods
            .values()
            .any(|pod| has_rules(&pod.order) && PodUid::new(&pod.order.uid).as_ref() == Some(uid))
    }

    fn put(
        &self,
        pod: &mut Enforced<K::Table>,
        newcomers: Vec<Process>,
        rules: &Rules,
        sight: &mut Sight,
    ) -> State {
        let frame = std::mem::take(&mut pod.frame);
        let make: MakeProgram<'_> = &|flows| rules.program(&frame, flows);
        let failed = pod.status.as_ref().map_or(State::Failed as fn(_) -> _, |before| before.state.failure());
        let mut state =
            if pod.homes.is_empty() && newcomers.is_empty() { State::Waiting } else { State::Enforced };
        for (_, table) in pod.homes.values_mut() {
            match table.put(make, &mut sight.changes, self.found) {
                Ok(Outcome::LeftAlone) => state = state.or(State::LeftAlone),
                Ok(_) => {}
                Err(reason) => state = state.or(failed(reason)),
            }
        }
        for process in newcomers {
            let opened = self.kernel.open(&process, make, self.found);
            let (table, became) = match opened {
                Ok((table, Outcome::LeftAlone)) => (Some(table), State::LeftAlone),
                Ok((table, outcome)) => {
                    if outcome == Outcome::Replaced && !pod.order.was_open {
                        self.kernel.age(&process).map(News::Isolated).into_iter().for_each(&self.tell);
                    }
                    (Some(table), State::Enforced)
                }
                Err(reason) => self.open_closed(&process, rules, reason),
            };
            state = state.or(became);
            pod.homes.extend(table.map(|table| (process.namespace, (process, table))));
        }
        pod.frame = frame;
        state
    }

    /// A Pod whose first rules cannot be had is not to be open for that.
    fn open_closed(&self, process: &Process, rules: &Rules, reason: String) -> (Option<K::Table>, State) {
        let (closed, frame) = (rules.without_allowances(), LastFrame::default());
        match self.kernel.open(process, &|flows| closed.program(&frame, flows), self.found) {
            Ok((table, Outcome::LeftAlone)) => (Some(table), State::LeftAlone),
            Ok((table, _)) => (Some(table), State::Closed(reason)),
            // Why the first attempt failed says more.
            Err(_) => (None, State::Failed(reason)),
        }
    }

    fn clear(&self, pod: &mut Enforced<K::Table>, left: &[Process]) -> State {
        let mut failure = None;
        for (id, (process, table)) in std::mem::take(&mut pod.homes) {
            match table.remove() {
                Ok(()) => self.close(table),
                Err(reason) => {
                    failure = Some(reason);
                    pod.homes.insert(id, (process, table));
                }
            }
        }
        for process in left {
            match self.kernel.clean(process) {
                Ok(true) => tracing::info!("{}: rules of an agent before were taken away", pod.order.pod),
                Ok(false) => {}
                Err(reason) => failure = Some(reason),
            }
        }
        failure.map_or(State::Open, State::Failed)
    }
}

#[cfg(test)]
mod tests;
