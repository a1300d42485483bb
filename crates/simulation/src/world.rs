//! The world of one schedule: virtual time, what is to come, the API server's data, what is really so, and everybody's
//! requests. It decides by [`Chance`] what becomes of each request, and lets it happen when its time comes.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
};

use crate::{
    actors::plugin::Template,
    agenda::{Agenda, Millis},
    calico::Calico,
    call::{Answer, Calls, Failure, Party, Request},
    chance::Chance,
    climate::Climate,
    machine::Machine,
    replica::Replica,
    store::{NodeKey, Object, PodKey, Store},
    tally::{Fault, Tally},
    tasks::{Task, Work},
    truth::{Fate, Truth},
    violation::{Law, Violation},
};

/// Something that is going to happen.
pub enum Event {
    /// A request takes effect.
    Takes(usize),
    /// An answer arrives.
    Arrives(usize),
    /// An actor has waited long enough.
    Wakes(Task),
    /// A process dies.
    Dooms(Rc<Cell<bool>>, Task),
    /// A kubelet sees what the API server says about a Pod.
    KubeletSees(NodeKey, PodKey),
    /// A watch of a Cleaner shows what is new.
    Shows(usize, u32, usize),
    /// The list of a watch is read.
    ListTaken(usize, u32, usize),
    /// The list of a watch arrives.
    ListArrives(usize, u32, usize),
    /// A list is begun again.
    ListAgain(usize, u32, usize),
    /// A Cleaner that stood still goes on.
    Resumes(usize, u32),
    /// A Cleaner's clock says that it has waited long enough.
    Rings(usize, u32),
}

/// Everything there is in a schedule, except those who act.
pub struct World {
    /// Itself.
    pub me: Weak<RefCell<Self>>,
    /// Virtual time.
    pub now: Millis,
    /// What is decided.
    pub chance: Chance,
    /// How rough it is.
    pub climate: Climate,
    /// What is to come.
    pub agenda: Agenda<Event>,
    /// The API server's data.
    pub store: Store,
    /// Calico's, in clusters that have it.
    pub calico: Option<Calico>,
    /// What is really so.
    pub truth: Truth,
    /// Requests.
    pub calls: Calls,
    /// Requests that are not answered yet, other than the Cleaners'.
    pub open_calls: usize,
    /// The machines.
    pub machines: Vec<Machine>,
    /// The Cleaners.
    pub replicas: Vec<Replica>,
    /// Which safeguard the API server withholds.
    pub flaw: crate::mutant::Seam,
    /// Actors that can go on.
    pub ready: VecDeque<Task>,
    /// Actors that are new.
    pub newborn: Vec<(Task, Work)>,
    /// Actors that have died.
    pub dead: Vec<Task>,
    /// The actor that is at work.
    pub current: Task,
    tasks: usize,
    /// How Pods are set up, by key.
    pub templates: Vec<Rc<Template>>,
    /// What happened, counted.
    pub tally: Tally,
    /// What went wrong, if anything.
    pub violation: Option<Violation>,
    /// What happened, in words, if that is wanted.
    pub trace: Option<Vec<String>>,
    /// Whether faults have stopped.
    pub is_calm: bool,
}

impl World {
    /// A world in which nothing has happened.
    pub fn new(
        chance: Chance,
        climate: Climate,
        store: Store,
        calico: Option<Calico>,
        is_traced: bool,
    ) -> Self {
        let sizes = store.specs.iter().map(|spec| {
            let size = |family: usize| spec.pools[family].as_ref().map_or(0, |pool| pool.size() as usize);
            [size(0), size(1)]
        });
        let truth = Truth::new(sizes, calico.as_ref().map_or([0, 0], Calico::sizes));
        Self {
            me: Weak::new(),
            now: 0,
            chance,
            climate,
            agenda: Agenda::default(),
            truth,
            store,
            calico,
            calls: Calls::default(),
            open_calls: 0,
            machines: Vec::new(),
            replicas: Vec::new(),
            flaw: crate::mutant::Seam::default(),
            ready: VecDeque::new(),
            newborn: Vec::new(),
            dead: Vec::new(),
            current: Task(0),
            tasks: 0,
            templates: Vec::new(),
            tally: Tally { schedules: 1, ..Tally::default() },
            violation: None,
            trace: is_traced.then(Vec::new),
            is_calm: false,
        }
    }

    /// Writes down what happens, if that is wanted.
    pub fn note(&mut self, what: impl FnOnce(&Self) -> String) {
        if self.trace.is_some() {
            let line = format!("{:>4}.{:03} s  {}", self.now / 1_000, self.now % 1_000, what(self));
            self.trace.get_or_insert_default().push(line);
        }
    }

    /// A fault occurs.
    pub fn fault(&mut self, fault: Fault) {
        self.tally.count(fault);
        self.note(|_| format!("-- {}", fault.text()));
    }

    /// Something is wrong. The first is the one that counts.
    pub fn violate(&mut self, law: Law, how: String) {
        self.note(|_| format!("!! {how}"));
        self.violation.get_or_insert(Violation { law, how });
    }

    /// Lets an actor begin.
    pub fn spawn(&mut self, work: Work) -> Task {
        let task = Task(self.tasks);
        self.tasks += 1;
        self.newborn.push((task, work));
        self.ready.push_back(task);
        task
    }

    /// How a Pod is set up.
    pub fn template(&self, pod: PodKey) -> Rc<Template> {
        Rc::clone(&self.templates[pod.0])
    }

    /// Whether a sandbox is one of a living Pod: it is being set up for a Pod that is there, or containers run in it and
    /// its kubelet does not know that they should not.
    pub fn lives(store: &Store) -> impl Fn(&Fate) -> bool + '_ {
        |fate| fate.is_running && ((fate.is_set_up && !fate.is_stopping) || store.pod(fate.pod).is_some())
    }

    /// How long something takes.
    pub fn delay(&mut self) -> Millis {
        match self.chance.weigh(&self.climate.delays) {
            0 => 1 + Millis::from(self.chance.pick(4)),
            1 => 5 + 5 * Millis::from(self.chance.pick(16)),
            2 => 100 + 90 * Millis::from(self.chance.pick(12)),
            3 => {
                self.fault(Fault::Slow);
                1_000 + 500 * Millis::from(self.chance.pick(20))
            }
            _ => {
                self.fault(Fault::Slow);
                10_000 + 1_000 * Millis::from(self.chance.pick(45))
            }
        }
    }

    /// A request is sent, with so much patience. What becomes of it is decided now.
    pub fn send(&mut self, party: Party, request: Request, patience: Millis) -> usize {
        let is_cleaner = matches!(party, Party::Cleaner(_));
        self.open_calls += usize::from(!is_cleaner);
        let fate = self.chance.weigh(&self.climate.calls);
        let latest = self.now + patience;
        let call = self.calls.add(party, request, latest);
        self.tally.calls += 1;
        let takes = (self.now + self.delay()).min(latest);
        let gives_up =
            |world: &mut Self| takes + (latest - takes) * Millis::from(1 + world.chance.pick(4)) / 4;
        let fails = |world: &mut Self, failure, at| {
            let call = world.calls.get(call);
            call.fails_at = Some(at);
            call.answer = Some(Answer::Failed(failure));
        };
        match fate {
            0 => self.agenda.add(takes, Event::Takes(call)),
            1 => {
                self.fault(Fault::RequestLost);
                let at = gives_up(self);
                fails(self, Failure::Unknown, at);
                self.agenda.add(at, Event::Arrives(call));
            }
            2 => {
                self.fault(Fault::AnswerLost);
                let at = gives_up(self);
                fails(self, Failure::Unknown, at);
                self.agenda.add(takes, Event::Takes(call));
            }
            3 => {
                self.fault(Fault::ErrorWithoutEffect);
                fails(self, Failure::Unknown, takes);
                self.agenda.add(takes, Event::Arrives(call));
            }
            4 => {
                self.fault(Fault::ErrorWithEffect);
                fails(self, Failure::Unknown, takes);
                self.agenda.add(takes, Event::Takes(call));
            }
            5 => {
                self.fault(Fault::Busy);
                let again = (takes + 1_000 * Millis::from(1 + self.chance.pick(5))).min(latest);
                self.agenda.add(again, Event::Takes(call));
            }
            _ => {
                self.fault(Fault::Refused);
                fails(self, Failure::Refused, takes);
                self.agenda.add(takes, Event::Arrives(call));
            }
        }
        call
    }

    /// A request takes effect, if it gets as far as that.
    pub fn take_effect(&mut self, call: usize) {
        let (party, request, fails_at, latest) = {
            let call = self.calls.get(call);
            (call.party, call.request.take(), call.fails_at, call.patience_ends)
        };
        let Some(request) = request else { return };
        let is_cut_off = !self.reaches(party);
        if is_cut_off && !self.chance.happens(300) {
            self.calls.get(call).answer = Some(Answer::Failed(Failure::Unknown));
            let delay = 1_000 + 1_000 * Millis::from(self.chance.pick(10));
            self.agenda.add(self.now + delay, Event::Arrives(call));
            return;
        }
        let answer = self.perform(party, request);
        if matches!(answer, Answer::Failed(Failure::Conflict)) {
            self.tally.count(Fault::Conflict);
        }
        let at = if let Some(at) = fails_at {
            at.max(self.now + 1)
        } else {
            let at = self.now + self.delay();
            let is_heard = !is_cut_off && at <= latest;
            let answer = if is_heard { answer } else { Answer::Failed(Failure::Unknown) };
            self.calls.get(call).answer = Some(answer);
            at.min(latest.max(self.now + 1))
        };
        self.agenda.add(at, Event::Arrives(call));
        self.spread();
    }

    /// An answer arrives with whoever waits for it.
    pub fn arrive(&mut self, call: usize) {
        match self.calls.arrives(call) {
            Party::Machine(_, task) | Party::Controller(task) => {
                self.open_calls -= 1;
                self.ready.push_back(task);
            }
            Party::Cleaner(replica) => self.replicas[replica].has_news = true,
        }
    }

    /// Tells those who watch that something has changed.
    pub fn spread(&mut self) {
        for source in self.store.take_changed() {
            for replica in 0..self.replicas.len() {
                self.expect_news(replica, source);
            }
            if source == 0 {
                self.tell_kubelet();
            }
        }
    }

    fn tell_kubelet(&mut self) {
        if let Some(Object::Pod(pod)) = self.store.log_of(0).last().map(|entry| &entry.object) {
            let (node, key) = (pod.node, pod.key);
            let delay = Millis::from(self.chance.pick(20)) * 100;
            self.agenda.add(self.now + 1 + delay, Event::KubeletSees(node, key));
        }
    }

    fn reaches(&self, party: Party) -> bool {
        match party {
            Party::Machine(node, _) => self.machines[node.0].is_connected,
            Party::Controller(_) | Party::Cleaner(_) => true,
        }
    }
}
