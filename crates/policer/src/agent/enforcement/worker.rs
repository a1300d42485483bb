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
    kernel::{Kernel, PodTable},
    order::{Aim, Order, Round, Rules},
    status::{News, State, Status},
};

/// How soon what somebody else did to a table, or that a namespace has gone, is noticed.
const LOOK: Duration = Duration::from_millis(300);

/// How long something that failed is left alone, at first and at most; likewise a Pod that has no process yet: to look for one means to
/// read what all processes of the node are.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The worker.
pub(in crate::agent) struct Worker<K: Kernel> {
    kernel: K,
    pods: BTreeMap<NamespacedName, Enforced<K::Table>>,
    found: Found,
    tell: Box<dyn Fn(News) + Send>,
    /// Takes what is to be closed: that may take a while.
    closer: mpsc::Sender<K::Table>,
}

/// A Pod for which there are orders.
struct Enforced<T> {
    order: Order,
    homes: BTreeMap<NamespaceId, (Process, T)>,
    frame: LastFrame,
    /// Whether a process was not where it was, when it was looked at last.
    is_moved: bool,
    /// What its endpoints said when its namespaces were found.
    paths_known: Vec<String>,
    /// How long what failed is left alone, and until when.
    pause: Option<(Duration, Instant)>,
    status: Option<Status>,
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
            match rounds.recv_timeout(LOOK.min(PAUSE)) {
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
            self.close(gone);
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
    fn close(&self, pod: Enforced<K::Table>) {
        for (_, table) in pod.homes.into_values() {
            // Nobody takes it if this is the end, and then it is closed here.
            let _ = self.closer.send(table);
        }
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
        let names: Vec<NamespacedName> = self.pods.keys().cloned().collect();
        let mut again = BTreeSet::new();
        for name in names {
            let Some(pod) = self.pods.get_mut(&name) else { continue };
            pod.is_moved = pod.homes.values().any(|(process, _)| !self.kernel.is_still(process));
            if pod.is_moved {
                again.insert(name);
                continue;
            }
            let mended: Vec<Result<bool, String>> =
                pod.homes.values_mut().map(|(_, table)| table.mend()).collect();
            if mended.contains(&Ok(true)) {
                let status = pod.status.clone().map(|status| Status { is_tampered: true, ..status });
                status.into_iter().map(News::Pod).for_each(&self.tell);
            }
            if mended.iter().any(Result::is_err) {
                again.insert(name);
            }
        }
        self.work(&again);
    }

    /// Takes note of how it went, and tells if that is news.
    fn conclude(&self, pod: &mut Enforced<K::Table>, status: Status) {
        let pause = pod.pause.map_or(PAUSE, |(pause, _)| (2 * pause).min(LONGEST_PAUSE));
        pod.pause = match &status.state {
            // What was left alone is ordered anew once everything is known.
            State::Enforced | State::Open | State::LeftAlone => None,
            State::Waiting | State::Closed(_) | State::Failed(_) => Some((pause, Instant::now() + pause)),
        };
        if pod.status.as_ref() != Some(&status) {
            (self.tell)(News::Pod(status.clone()));
            pod.status = Some(status);
        }
    }

    fn enforce(&self, pod: &mut Enforced<K::Table>, sight: &mut Sight) -> Status {
        let mut status = Status::new(&pod.order);
        let newcomers = match self.find(pod, sight, &mut status) {
            Ok(newcomers) => newcomers,
            Err(reason) => {
                status.state = State::Failed(reason);
                return status;
            }
        };
        let found_out = std::mem::replace(&mut status.state, State::Waiting);
        status.state = match pod.order.aim.clone() {
            Aim::Rules(rules) => self.put(pod, newcomers, &rules, sight),
            Aim::Open | Aim::Gone => self.clear(pod, &newcomers),
        };
        if found_out.is_failure() && !status.state.is_failure() {
            status.state = found_out;
        }
        status.namespaces = pod.homes.keys().map(ToString::to_string).collect();
        status
    }

    /// Finds the namespaces of a Pod. Lets go of those that are none any more, and gives those that are new.
    fn find(
        &self,
        pod: &mut Enforced<K::Table>,
        sight: &mut Sight,
        status: &mut Status,
    ) -> Result<Vec<Process>, String> {
        if !pod.homes.is_empty()
            && !pod.is_moved
            && pod.status.as_ref().is_some_and(|before| before.uid == pod.order.uid)
        {
            // Nothing of what was found out has ceased to be true, when it was looked at last: rules are not held up to look again.
            if let Some(before) = &pod.status {
                (status.more, status.refused) = (before.more, before.refused.clone());
            }
            if pod.paths_known == pod.order.paths {
                return Ok(Vec::new());
            }
        }
        let residents = match &sight.residents {
            Some(residents) => residents,
            None => sight.residents.insert(self.kernel.residents()?),
        };
        let uid = PodUid::new(&pod.order.uid).ok_or_else(|| {
            format!("the Pod's uid {:?} is none that kubelet makes cgroups for", pod.order.uid)
        })?;
        let claims: Vec<Claim> = pod.order.paths.iter().map(|path| self.kernel.claim(path)).collect();
        let decision = residents.decide(&uid, &claims);
        status.more = decision.more;
        status.refused = decision.refused.into_iter().map(|(path, why)| (path, why.to_string())).collect();
        pod.paths_known.clone_from(&pod.order.paths);
        pod.is_moved = false;
        let mut homes = Vec::new();
        for home in decision.homes {
            // Rules of two Pods in one namespace would take turns. Only what is privileged can get into another's.
            match home.shared_with.iter().find(|other| **other < uid) {
                None => homes.push(home.process),
                Some(other) => {
                    let namespace = home.process.namespace;
                    status.state = State::Failed(format!(
                        "its network namespace {namespace} is that of the Pod with uid {other}, too, whose rules are there"
                    ));
                }
            }
        }
        let gone: Vec<NamespaceId> =
            pod.homes.keys().filter(|id| homes.iter().all(|home| home.namespace != **id)).copied().collect();
        for id in gone {
            if let Some((_, table)) = pod.homes.remove(&id) {
                let _ = self.closer.send(table);
            }
        }
        let mut newcomers = Vec::new();
        for home in homes {
            match pod.homes.get_mut(&home.namespace) {
                Some((process, _)) => *process = home,
                None => newcomers.push(home),
            }
        }
        Ok(newcomers)
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
        let mut state =
            if pod.homes.is_empty() && newcomers.is_empty() { State::Waiting } else { State::Enforced };
        for (_, table) in pod.homes.values_mut() {
            match table.put(make, &mut sight.changes, self.found) {
                Ok(Outcome::LeftAlone) => state = State::LeftAlone,
                Ok(_) => {}
                Err(reason) => state = State::Failed(reason),
            }
        }
        for process in newcomers {
            let opened = self.kernel.open(&process, make, self.found);
            match opened.or_else(|reason| self.open_closed(&process, rules, reason, &mut state)) {
                Ok((table, outcome)) => {
                    if outcome == Outcome::LeftAlone {
                        state = State::LeftAlone;
                    }
                    pod.homes.insert(process.namespace, (process, table));
                }
                Err(reason) => state = State::Failed(reason),
            }
        }
        pod.frame = frame;
        state
    }

    /// A Pod whose first rules cannot be had is not to be open for that.
    fn open_closed(
        &self,
        process: &Process,
        rules: &Rules,
        reason: String,
        state: &mut State,
    ) -> Result<(K::Table, Outcome), String> {
        let (closed, frame) = (rules.without_allowances(), LastFrame::default());
        let opened = self.kernel.open(process, &|flows| closed.program(&frame, flows), self.found);
        if opened.is_ok() {
            *state = State::Closed(reason.clone());
        }
        // Why the first attempt failed says more.
        opened.map_err(|_| reason)
    }

    fn clear(&self, pod: &mut Enforced<K::Table>, left: &[Process]) -> State {
        let mut failure = None;
        for (id, (process, table)) in std::mem::take(&mut pod.homes) {
            match table.remove() {
                Ok(()) => drop(self.closer.send(table)),
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

// === impl Enforced ===

impl<T> Enforced<T> {
    fn new(order: Order) -> Self {
        Self {
            order,
            homes: BTreeMap::new(),
            frame: LastFrame::default(),
            is_moved: false,
            paths_known: Vec::new(),
            pause: None,
            status: None,
        }
    }
}

impl<T: PodTable> Enforced<T> {
    /// Whether its rules become stricter than those that it has.
    fn is_stricter(&self, changes: &mut Changes) -> bool {
        let Aim::Rules(rules) = &self.order.aim else { return false };
        let make: MakeProgram<'_> = &|flows| rules.program(&self.frame, flows);
        self.homes.is_empty() || self.homes.values().any(|(_, table)| table.is_stricter(make, changes))
    }
}
