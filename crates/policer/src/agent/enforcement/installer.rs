//! Puts the rules of one Pod into its network namespaces, or takes them away: finds out where they belong, keeps what is right there, and
//! says how it went. Which Pod is next, and when one is looked at again, is the worker's.

use std::{collections::BTreeSet, sync::mpsc};

use policy_dataplane::{
    Changes, Claim, Found, MakeProgram, NamespaceId, Outcome, PodUid, Process, Residents,
};
use policy_engine::program::LastFrame;

use super::{
    enforced::Enforced,
    kernel::{Kernel, PodTable, closer},
    order::{Aim, Order, Rules},
    place::Place,
    status::{News, State, Status},
    tally::Tally,
};

/// What rules are put into Pods with.
pub(super) struct Installer<K: Kernel> {
    pub(super) kernel: K,
    /// What is to become of rules that an agent before us left.
    pub(super) found: Found,
    /// Whether rules of the reference are taken away.
    pub(super) removes_reference: bool,
    pub(super) tell: Box<dyn Fn(News) + Send>,
    /// Takes what is to be closed: that may take a while.
    closer: mpsc::Sender<K::Table>,
}

/// What is known of a node while some Pods are looked at.
pub(super) struct Sight {
    pub(super) changes: Changes,
    /// Pods that are to have rules.
    with_rules: BTreeSet<PodUid>,
    /// Who is where, once somebody looked.
    residents: Option<Residents>,
}

// === impl Sight ===

impl Sight {
    /// Nothing yet but which Pods are to have rules: of interest where namespaces are looked for.
    pub(super) fn new(with_rules: BTreeSet<PodUid>) -> Self {
        Self { changes: Changes::default(), with_rules, residents: None }
    }
}

// === impl Installer ===

impl<K: Kernel> Installer<K> {
    pub(super) fn new(kernel: K, tell: impl Fn(News) + Send + 'static) -> Self {
        let closer = closer();
        Self { kernel, found: Found::LeftAlone, removes_reference: false, tell: Box::new(tell), closer }
    }

    /// Lets go of the namespaces of a Pod. Its rules stay: it may be there still.
    pub(super) fn let_go(&self, pod: Enforced<K::Table>) {
        pod.homes.into_values().for_each(|(_, table)| self.close(table));
    }

    pub(super) fn close(&self, table: K::Table) {
        // Nobody takes it if this is the end, and then it is closed here.
        let _ = self.closer.send(table);
    }

    /// Makes of a Pod what was ordered, takes note of how it went, and tells if that is news.
    pub(super) fn install(&self, pod: &mut Enforced<K::Table>, sight: &mut Sight) {
        let status = self.enforce(pod, sight);
        pod.leave_alone_after(&status.state);
        if pod.status.as_ref() != Some(&status) {
            (self.tell)(News::Pod(status.clone()));
            pod.status = Some(status);
        }
    }

    /// Looks whether the kernel has the interfaces of a Pod that are isolated, and tells if that is news.
    pub(super) fn look_for_interfaces(&self, pod: &mut Enforced<K::Table>) {
        let mut there = BTreeSet::new();
        for (process, _) in pod.homes.values() {
            // Whoever cannot be asked now is asked again.
            let Ok(names) = self.kernel.interfaces(process) else { return };
            there.extend(names);
        }
        if !pod.homes.is_empty()
            && pod.see(&there)
            && let Some(status) = &mut pod.status
        {
            status.absent.clone_from(&pod.absent);
            (self.tell)(News::Pod(status.clone()));
        }
    }

    fn enforce(&self, pod: &mut Enforced<K::Table>, sight: &mut Sight) -> Status {
        let mut status = Status::new(&pod.order);
        status.state = match self.find(pod, sight, &mut status) {
            Ok((newcomers, problem)) => {
                let everywhere: Vec<Process> =
                    pod.homes.values().map(|(process, _)| process).chain(&newcomers).cloned().collect();
                let state = match pod.order.aim.clone() {
                    Aim::Rules(rules) => self.put(pod, newcomers, &rules, sight),
                    Aim::Open | Aim::Gone => self.clear(pod, &newcomers, State::Open),
                    Aim::Opened(by) => self.clear(pod, &newcomers, State::Opened(by)),
                };
                let state = problem.filter(|_| !state.is_failure()).map_or(state, State::Failed);
                let only_counts = state == State::Enforced && pod.order.aim.only_audits();
                self.hand_over(pod, &everywhere, if only_counts { State::Audited } else { state })
            }
            Err(reason) => State::Failed(reason),
        };
        // Where something failed there may be a namespace that nobody holds.
        pod.located = (!status.state.is_failure()).then(|| pod.order.paths.clone());
        status.absent.clone_from(&pod.absent);
        *status.reference = pod.handover.remains();
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
        let place = Place::of(&pod.order, residents, &claims, |uid| sight.with_rules.contains(uid))?;
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
        // One whose rules were lost for a moment is no new Pod.
        let is_first = pod.status.as_ref().is_none_or(|before| before.state == State::Waiting);
        let mut state =
            if pod.homes.is_empty() && newcomers.is_empty() { State::Waiting } else { State::Enforced };
        for (id, (_, table)) in &mut pod.homes {
            match table.put(make, &mut sight.changes, self.found) {
                Ok(Outcome::LeftAlone) => state = state.or(State::LeftAlone),
                Ok(Outcome::Replaced) => drop(pod.tallies.insert(*id, Tally::default())),
                Ok(Outcome::Unprepared) => unprepared(&pod.order),
                Ok(_) => {}
                Err(reason) if table.denies() != rules.only_audit() => state = state.or(failed(reason)),
                Err(reason) => state = state.or(self.make_do(table, rules, sight, reason)),
            }
        }
        for process in newcomers {
            let opened = self.kernel.open(&process, make, self.found);
            let (table, became) = match opened {
                Ok((table, Outcome::LeftAlone)) => (Some(table), State::LeftAlone),
                Ok((table, outcome)) => {
                    if outcome == Outcome::Unprepared {
                        unprepared(&pod.order);
                    }
                    let is_new = matches!(outcome, Outcome::Replaced | Outcome::Unprepared);
                    if is_new {
                        pod.tallies.insert(process.namespace, Tally::default());
                    }
                    if is_new && is_first && !pod.order.was_open {
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

    /// What becomes of a Pod whose rules cannot be had, and which has others that deny something where nothing is to be denied, or nothing where
    /// something is.
    fn make_do(&self, table: &mut K::Table, rules: &Rules, sight: &mut Sight, reason: String) -> State {
        let (closed, frame) = (rules.without_allowances(), LastFrame::default());
        // Of what is audited nothing is left then, so that nothing is denied.
        match table.put(&|flows| closed.program(&frame, flows), &mut sight.changes, self.found) {
            Ok(_) if !rules.only_audit() => State::Closed(reason),
            Ok(_) => State::Failed(format!(
                "{reason}; what denied something was taken away: its policies are audited"
            )),
            // Why the first attempt failed says more.
            Err(_) => State::Failed(reason),
        }
    }

    /// A Pod whose first rules cannot be had is not to be open for that.
    fn open_closed(&self, process: &Process, rules: &Rules, reason: String) -> (Option<K::Table>, State) {
        let (closed, frame) = (rules.without_allowances(), LastFrame::default());
        if closed.only_audit() {
            return (None, State::Failed(reason));
        }
        match self.kernel.open(process, &|flows| closed.program(&frame, flows), self.found) {
            Ok((table, Outcome::LeftAlone)) => (Some(table), State::LeftAlone),
            Ok((table, _)) => (Some(table), State::Closed(reason)),
            // Why the first attempt failed says more.
            Err(_) => (None, State::Failed(reason)),
        }
    }

    /// Takes the rules of a Pod away, and those that were left in it. Gives what it is then.
    fn clear(&self, pod: &mut Enforced<K::Table>, left: &[Process], cleared: State) -> State {
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
        failure.map_or(cleared, State::Failed)
    }
}

fn unprepared(order: &Order) {
    tracing::warn!(
        "{}: the kernel could not be told how its older connections were opened; some are refused",
        order.pod
    );
}
