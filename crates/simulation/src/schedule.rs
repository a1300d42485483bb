//! One schedule, from its seed to its outcome: the world is furnished, everybody acts, faults stop, and everything has to
//! be as it should be.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Waker},
    time::Duration,
};

use cleaner::{BrakeRules, Cadence, Cleaner, CleanerError, CleanerRules, Seams, Status, Told};
use leak_judge::{Action, Brake, Limit, MendingRules, Reason, Rules, Source, Treatments, Verdict};

use crate::{
    actors::{calico_collector::collect, static_pod::run_static, weather::blow},
    agenda::Millis,
    calico::Calico,
    chance::Chance,
    climate::Climate,
    mutant::Mutant,
    replica::{Command, Inbox, Replica},
    scene,
    seams::{Connection, Datastore, Inputs, VirtualClock},
    sim::Sim,
    store::{CORE, Node, Store},
    tally::Tally,
    tasks::Tasks,
    violation::{Law, Violation},
    world::{Event, World},
};

/// A schedule to be run.
#[derive(Clone, Debug)]
pub struct Schedule {
    origin: Origin,
    mutant: Option<Mutant>,
    is_traced: bool,
}

#[derive(Clone, Debug)]
enum Origin {
    Seed(u64),
    Choices(Vec<u16>),
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// What happened, counted.
    pub tally: Tally,
    /// What went wrong, if anything.
    pub violation: Option<Violation>,
    /// The choices that were made.
    pub choices: Vec<u16>,
    /// What happened, in words, if that was wanted.
    pub trace: Vec<String>,
}

type Run = Pin<Box<dyn Future<Output = Result<Vec<(Source, String)>, CleanerError>>>>;

/// How long everything may take to get quiet once faults have stopped.
const PATIENCE: Millis = 900_000;

/// How often it is looked whether it has.
const LOOKS: Millis = 2_000;

impl Schedule {
    /// The schedule of a seed.
    pub const fn of_seed(seed: u64) -> Self {
        Self { origin: Origin::Seed(seed), mutant: None, is_traced: false }
    }

    /// The schedule of choices that were made.
    pub const fn of_choices(choices: Vec<u16>) -> Self {
        Self { origin: Origin::Choices(choices), mutant: None, is_traced: false }
    }

    /// With a Cleaner that lacks a safeguard.
    #[must_use]
    pub fn against(self, mutant: Option<Mutant>) -> Self {
        Self { mutant, ..self }
    }

    /// With everything that happens in words.
    #[must_use]
    pub fn traced(self) -> Self {
        Self { is_traced: true, ..self }
    }

    /// Runs it.
    pub fn run(self) -> Outcome {
        Mutant::take_away(self.mutant);
        let mut chance = match self.origin {
            Origin::Seed(seed) => Chance::seeded(seed),
            Origin::Choices(choices) => Chance::given(choices),
        };
        let climate = Climate::chosen(&mut chance);
        let specs = scene::networks(&mut chance);
        let store = Store::new(specs, 4);
        let calico = Calico::chosen(&mut chance);
        let mut world = World::new(chance, climate, store, calico, self.is_traced);
        world.flaw = self.mutant.map(Mutant::seam).unwrap_or_default();
        let runner = Runner::new(world, self.mutant);
        runner.run()
    }
}

/// Everybody who acts, and the world they act in.
struct Runner {
    sim: Sim,
    tasks: Tasks,
    cleaners: [Option<Run>; 2],
    rules: CleanerRules,
    reasons: Rc<RefCell<BTreeSet<Reason>>>,
    /// Whether a Cleaner has told that Calico's datastore is in its way since faults stopped.
    is_calico_told: Rc<Cell<bool>>,
}

impl Runner {
    fn new(mut world: World, mutant: Option<Mutant>) -> Self {
        let rules = rules(&mut world.chance, world.trace.is_some());
        let rules = mutant.map_or(rules, |mutant| mutant.rules(rules));
        let workloads = scene::furnish(&mut world);
        world.replicas = vec![Replica::default(), Replica::default()];
        let both_wait = world.chance.pick(2);
        world.replicas[0].leads = both_wait == 0;
        world.replicas[1].leads = both_wait == 1;
        let incidents = world.climate.incidents + world.chance.pick(4);
        let sim = Sim::new(world);
        for workload in workloads {
            let work = workload.run(sim.clone());
            sim.world().spawn(Box::pin(work));
        }
        let weather = blow(sim.clone(), incidents);
        sim.world().spawn(Box::pin(weather));
        if sim.world().calico.is_some() {
            let collector = collect(sim.clone());
            sim.world().spawn(Box::pin(collector));
        }
        if sim.world().chance.happens(40) {
            let work = run_static(sim.clone());
            sim.world().spawn(Box::pin(work));
        }
        for replica in 0..2 {
            let starter = sim.clone();
            sim.world().spawn(Box::pin(async move {
                let late = { Millis::from(starter.world().chance.pick(20)) * 2_000 };
                starter.nap(1 + late).await;
                starter.world().replicas[replica].command = Some(Command::Begin);
            }));
        }
        let (tasks, reasons, is_calico_told) = (Tasks::default(), Rc::default(), Rc::default());
        Self { sim, tasks, cleaners: [None, None], rules, reasons, is_calico_told }
    }

    fn run(mut self) -> Outcome {
        let chaos = { 60_000 + Millis::from(self.sim.world().chance.pick(8)) * 15_000 };
        self.tasks.work(&self.sim);
        while self.step(chaos) {}
        self.calm(chaos);
        self.finish()
    }

    /// One thing happens, if one does before a moment and nothing has gone wrong.
    fn step(&mut self, end: Millis) -> bool {
        {
            let mut world = self.sim.world();
            if world.violation.is_some() {
                return false;
            }
            let Some((at, event)) = world.agenda.next_before(end) else { return false };
            world.now = at;
            world.happens(event);
        }
        self.tasks.work(&self.sim);
        self.attend();
        true
    }

    /// Faults stop, and everything gets quiet.
    fn calm(&mut self, chaos: Millis) {
        {
            let mut world = self.sim.world();
            if world.violation.is_some() {
                return;
            }
            world.now = world.now.max(chaos);
            world.note(|_| "faults stop".to_owned());
            world.label_nodes();
            world.is_calm = true;
            world.chance.calm_down();
            world.settle_lease();
        }
        self.attend();
        let mut next = self.sim.world().now;
        let last = next + PATIENCE;
        while next < last {
            next += LOOKS;
            while self.step(next) {}
            let mut world = self.sim.world();
            world.now = next;
            if world.violation.is_some() {
                return;
            }
            if world.is_quiet() && world.disorder().is_none() && !self.conceals(&world) {
                return;
            }
        }
        let mut world = self.sim.world();
        let concealed =
            self.conceals(&world).then(|| "nobody tells that endpoints wait for Calico".to_owned());
        let disorder = world.disorder().or(concealed);
        let disorder = disorder.unwrap_or_else(|| "somebody is never done".to_owned());
        world.violate(Law::NothingIsLeft, format!("in the end {disorder}"));
    }

    /// Whether something waits for Calico and no Cleaner has told so.
    fn conceals(&self, world: &World) -> bool {
        world.has_waiting_for_calico() && !self.is_calico_told.get()
    }

    /// Looks after the Cleaners: begins, ends and polls them.
    fn attend(&mut self) {
        for replica in 0..2 {
            let command = self.sim.world().replicas[replica].command.take();
            match command {
                Some(Command::Die) => self.end(replica),
                Some(Command::Begin) if self.cleaners[replica].is_none() => self.begin(replica),
                _ => {}
            }
            loop {
                let may_run = {
                    let mut world = self.sim.world();
                    let now = world.now;
                    let one = &mut world.replicas[replica];
                    one.is_up && now >= one.paused_until && std::mem::take(&mut one.has_news)
                };
                if !may_run {
                    break;
                }
                self.poll(replica);
            }
        }
    }

    fn poll(&mut self, replica: usize) {
        let Some(run) = &mut self.cleaners[replica] else { return };
        if let std::task::Poll::Ready(ended) = run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            self.end(replica);
            self.sim.world().violate(Law::CleanersGoOn, format!("Cleaner {replica} ended: {ended:?}"));
        }
    }

    fn begin(&mut self, replica: usize) {
        let inbox = Rc::new(RefCell::new(Inbox::default()));
        let shown = {
            let mut world = self.sim.world();
            world.note(|_| format!("Cleaner {replica} begins"));
            let shown = Duration::from_secs(u64::from(world.chance.pick(4)) * 1_000);
            let one = &mut world.replicas[replica];
            one.generation += 1;
            (one.is_up, one.has_news, one.paused_until, one.rings_at) = (true, true, 0, 0);
            one.inbox = Rc::clone(&inbox);
            world.begin_watches(replica);
            shown
        };
        let clock = VirtualClock::new(self.sim.clone(), replica, shown);
        let connection = Connection::new(self.sim.clone(), replica);
        let calico = Datastore::new(self.sim.clone(), replica);
        let seams = Seams { api: connection, calico, clock };
        let cleaner = Cleaner::new(seams, Inputs::new(inbox), CORE, self.rules);
        let (reasons, sim) = (Rc::clone(&self.reasons), self.sim.clone());
        let is_calico_told = Rc::clone(&self.is_calico_told);
        let tell = move |told| {
            sim.world().note_told(replica, &told);
            if sim.world().is_calm && tells_of_calico(&told) {
                is_calico_told.set(true);
            }
            hear(&mut reasons.borrow_mut(), told);
        };
        self.cleaners[replica] = Some(Box::pin(cleaner.run(tell)));
    }

    fn end(&mut self, replica: usize) {
        self.cleaners[replica] = None;
        let mut world = self.sim.world();
        world.note(|_| format!("Cleaner {replica} is gone"));
        world.replicas[replica].is_up = false;
    }

    fn finish(self) -> Outcome {
        let Self { sim, tasks, cleaners, reasons, .. } = self;
        drop((tasks, cleaners));
        let mut world = sim.world();
        world.newborn.clear();
        let mut tally = std::mem::take(&mut world.tally);
        tally.contested = world.truth.contests;
        tally.reasons.extend(reasons.borrow().iter().map(|reason| (*reason, 1)));
        let chance = std::mem::replace(&mut world.chance, Chance::given(Vec::new()));
        Outcome {
            tally,
            violation: world.violation.take(),
            choices: chance.into_made(),
            trace: world.trace.take().unwrap_or_default(),
        }
    }
}

impl World {
    /// Somebody sees that hosts are not known by their names, and writes their labels.
    fn label_nodes(&mut self) {
        let nodes: Vec<Node> = self.store.nodes().filter(|node| !node.is_labelled).cloned().collect();
        for node in nodes {
            self.machines[node.key.0].is_labelled = true;
            self.store.put_node(Node { is_labelled: true, ..node });
        }
        self.machines.iter_mut().for_each(|machine| machine.is_labelled = true);
        self.spread();
    }

    /// What a Cleaner tells, in words.
    fn note_told(&mut self, replica: usize, told: &Told) {
        if self.trace.is_none() {
            return;
        }
        let line = match told {
            Told::Status(Status { doubtful, troubles, parked, .. }) => {
                let doubtful = doubtful.iter().map(|((_, reason), count)| format!("{count} {reason}"));
                let troubles =
                    troubles.iter().map(|trouble| format!("{}: {}", trouble.object, trouble.error));
                let parked = parked.iter().map(|(object, why)| format!("{object}: {why}"));
                doubtful.chain(troubles).chain(parked).collect::<Vec<_>>().join("; ")
            }
            Told::Round(round) => format!("freed {}, deleted {}", round.freed, round.deleted),
            Told::Row(row) => format!("{:?} {}", row.action, row.reason),
            Told::Mended(mend) => format!("freed {}, restored {}", mend.freed, mend.restored),
            Told::Returned(counts) => format!("{counts:?}"),
            Told::Inconsistent(_) | Told::Brake(_) => String::new(),
            Told::Audit(rows) => {
                let held = rows.iter().filter(|row| {
                    row.action == Action::Held
                        || row.verdict == Verdict::Live && row.reason != Reason::PodExists
                });
                let held = held.map(|row| format!("{} {} {:?}", row.name, row.reason, row.evidence));
                format!("audit {}", held.collect::<Vec<_>>().join(", "))
            }
        };
        if !line.is_empty() {
            self.note(|_| format!("     Cleaner {replica}: {line}"));
        }
    }

    /// Whether nobody is in the middle of anything.
    fn is_quiet(&self) -> bool {
        self.open_calls == 0 && self.machines.iter().all(|machine| machine.is_connected)
    }

    fn happens(&mut self, event: Event) {
        let is_current = |world: &Self, replica: usize, generation: u32| {
            let one = &world.replicas[replica];
            one.is_up && one.generation == generation
        };
        match event {
            Event::Takes(call) => self.take_effect(call),
            Event::Arrives(call) => self.arrive(call),
            Event::Wakes(task) => self.ready.push_back(task),
            Event::Dooms(doom, task) => {
                doom.set(true);
                self.ready.push_back(task);
            }
            Event::KubeletSees(node, pod) => self.kubelet_sees(node, pod),
            Event::Shows(replica, generation, source) if is_current(self, replica, generation) => {
                self.show(replica, source);
            }
            Event::ListTaken(replica, generation, source) if is_current(self, replica, generation) => {
                self.take_list(replica, source);
            }
            Event::ListArrives(replica, generation, source) if is_current(self, replica, generation) => {
                self.list_arrives(replica, source);
            }
            Event::ListAgain(replica, generation, source) if is_current(self, replica, generation) => {
                self.begin_list(replica, source);
            }
            Event::Resumes(replica, generation) if is_current(self, replica, generation) => {
                self.replicas[replica].has_news = true;
            }
            Event::Rings(replica, generation) if is_current(self, replica, generation) => {
                let now = self.now;
                let one = &mut self.replicas[replica];
                one.has_news |= one.rings_at == now;
            }
            _ => {}
        }
    }
}

/// What the Cleaner goes by. All that is longer is allowed; less is not.
fn rules(chance: &mut Chance, is_traced: bool) -> CleanerRules {
    let seconds = |count: u16| Duration::from_secs(u64::from(count));
    let report = chance.happens(300) || is_traced;
    let intervals = if report { [60, 30, 15] } else { [300, 120, 45] };
    let brake = chance.happens(150).then_some(Brake { limit: Limit::Percent(30), min: 1 });
    CleanerRules {
        judge: Rules {
            grace: seconds([5, 8][usize::from(chance.pick(2))]),
            ownership_window: seconds([60, 75][usize::from(chance.pick(2))]),
            unreachable_grace: chance.happens(200).then(|| seconds(150)),
            treatments: Treatments::default(),
            calico: true,
        },
        mend: MendingRules {
            missing_for: seconds(5),
            orphan_for: Some(seconds([75, 120][usize::from(chance.pick(2))])),
        },
        brake: BrakeRules { brake, hold: Some(seconds(40)), open_for: Duration::ZERO },
        dry_run: false,
        cadence: Cadence::Every(seconds(intervals[usize::from(chance.pick(3))])),
        report,
    }
}

fn tells_of_calico(told: &Told) -> bool {
    let Told::Status(status) = told else { return false };
    status.troubles.iter().any(|trouble| trouble.object == "Calico's datastore")
}

fn hear(reasons: &mut BTreeSet<Reason>, told: Told) {
    match told {
        Told::Row(row) => drop(reasons.insert(row.reason)),
        Told::Audit(rows) => reasons.extend(rows.iter().map(|row| row.reason)),
        Told::Status(status) => reasons.extend(status.doubtful.keys().map(|(_, reason)| *reason)),
        Told::Round(_) | Told::Returned(_) | Told::Mended(_) | Told::Inconsistent(_) | Told::Brake(_) => {}
    }
}
