//! A Cleaner as the world sees it: what its watches have read, what waits to be taken in, whether it runs, leads, or
//! stands still. The watches behave like those of `cleaner`'s `feed.rs`: they list, then follow; endpoints are listed
//! after networks; they lag, break, and stand open without a word.

use std::{cell::RefCell, collections::VecDeque, rc::Rc, task::Waker, time::Duration};

use cleaner::{Input, Lead};
use danm_api::{ApiGroup, Change, DanmKind};
use leak_judge::{Moment, Observation, Source};

use crate::{
    agenda::Millis,
    store::{CORE, Entry, Object},
    tally::Fault,
    world::{Event, World},
};

/// What has reached a Cleaner and was not taken in yet.
#[derive(Debug, Default)]
pub struct Inbox {
    /// In order.
    pub queue: VecDeque<Input>,
    /// Who waits for it.
    pub waker: Option<Waker>,
}

/// A Cleaner.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub struct Replica {
    /// Whether it runs.
    pub is_up: bool,
    /// Which process it is.
    pub generation: u32,
    /// Whether it is about to begin, or to die.
    pub command: Option<Command>,
    /// Until when it stands still.
    pub paused_until: Millis,
    /// Whether it has the Lease, as far as it knows.
    pub leads: bool,
    /// Whether an operator lets the brake be.
    pub is_brake_open: bool,
    /// What has reached it.
    pub inbox: Rc<RefCell<Inbox>>,
    /// Whether something has reached it.
    pub has_news: bool,
    /// When its clock rings next.
    pub rings_at: Millis,
    watches: Vec<Watch>,
}

/// What becomes of a Cleaner's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// A process begins.
    Begin,
    /// The process dies.
    Die,
}

#[derive(Debug, Default)]
struct Watch {
    state: Following,
    /// The place in the log up to which it has shown everything.
    place: usize,
    /// Whether it will show something.
    is_expected: bool,
    /// The list that was read and has not arrived.
    list: Vec<Object>,
    stalled_until: Millis,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Following {
    /// Its turn has not come.
    #[default]
    NotBegun,
    Listing,
    Showing,
}

/// How long a half-open watch goes unnoticed.
const LONGEST_STALL: Millis = 60_000;

impl Replica {
    /// The place in a log up to which everything was shown.
    pub fn seen_of(&self, source: usize) -> usize {
        self.watches.get(source).map_or(0, |watch| watch.place)
    }

    /// Tells it something.
    pub fn tell(&mut self, input: Input) {
        let mut inbox = self.inbox.borrow_mut();
        inbox.queue.push_back(input);
        if let Some(waker) = inbox.waker.take() {
            waker.wake();
        }
        self.has_news = true;
    }

    /// Tells it whether it leads.
    pub fn lead(&mut self, leads: bool) {
        self.leads = leads;
        if self.is_up {
            self.tell_lead();
        }
    }

    fn tell_lead(&mut self) {
        let for_long = Moment::START + Duration::from_secs(100_000);
        let brake_open_until = self.is_brake_open.then_some(for_long);
        self.tell(Input::Lead(Lead { is_leading: self.leads, brake_open_until }));
    }
}

impl World {
    /// A Cleaner's process has begun: it is told what there is to be watched, and watches it.
    pub fn begin_watches(&mut self, replica: usize) {
        let sources = self.store.sources.clone();
        let one = &mut self.replicas[replica];
        one.watches = sources.iter().map(|_| Watch::default()).collect();
        one.tell_lead();
        for source in &sources[CORE.len()..] {
            one.tell(Input::Seen(Observation::Served(*source)));
        }
        for (place, source) in sources.iter().enumerate() {
            if !is_endpoints(*source) {
                self.begin_list(replica, place);
            }
        }
    }

    /// Something of a kind has changed: its watch will show it.
    pub fn expect_news(&mut self, replica: usize, source: usize) {
        let one = &self.replicas[replica];
        let Some(watch) = one.watches.get(source) else { return };
        if !one.is_up || watch.is_expected || watch.state != Following::Showing {
            return;
        }
        let (stalled_until, generation) = (watch.stalled_until, one.generation);
        let at = (self.now + self.delay().min(LONGEST_STALL)).max(stalled_until);
        self.replicas[replica].watches[source].is_expected = true;
        self.agenda.add(at, Event::Shows(replica, generation, source));
    }

    /// A watch shows what has been logged, all of it or a part; or it breaks.
    pub fn show(&mut self, replica: usize, source: usize) {
        let watch = &mut self.replicas[replica].watches[source];
        watch.is_expected = false;
        if watch.state != Following::Showing {
            return;
        }
        let (from, all) = (watch.place, self.store.log_of(source).len());
        if from == all {
            return;
        }
        let part = usize::from(self.chance.pick(3));
        let to = if part == 0 { all } else { (from + part).min(all) };
        let told = self.store.log_of(source)[from..to].iter().map(|entry| self.observation(entry));
        let told: Vec<Observation> = told.collect();
        let one = &mut self.replicas[replica];
        one.watches[source].place = to;
        told.into_iter().for_each(|observation| one.tell(Input::Seen(observation)));
        if to < all {
            self.expect_news(replica, source);
        }
    }

    /// A watch cannot go on where it was, and lists anew; or it stands still.
    pub fn upset_watch(&mut self, replica: usize, source: usize, how: Fault) {
        let until = self.now + 1_000 * (1 + Millis::from(self.chance.pick(60))).min(LONGEST_STALL / 1_000);
        let described = self.store.sources[source];
        let one = &mut self.replicas[replica];
        let Some(watch) = one.watches.get_mut(source).filter(|watch| watch.state == Following::Showing)
        else {
            return;
        };
        if !one.is_up {
            return;
        }
        match how {
            Fault::WatchStalled => watch.stalled_until = until,
            Fault::SourceUnavailable => {
                let why = "forbidden for a while".to_owned();
                watch.state = Following::Listing;
                one.tell(Input::Seen(Observation::Unavailable(described, why)));
                let generation = one.generation;
                self.agenda.add(until, Event::ListAgain(replica, generation, source));
            }
            _ => self.begin_list(replica, source),
        }
        self.fault(how);
    }

    /// A watch begins to list.
    pub fn begin_list(&mut self, replica: usize, source: usize) {
        let begins = begins(self.store.sources[source]);
        let (now, delay) = (self.now, self.delay());
        let one = &mut self.replicas[replica];
        one.watches[source].state = Following::Listing;
        one.tell(Input::Seen(begins));
        self.tally.calls += 1;
        let generation = one.generation;
        let at = now.max(one.paused_until) + delay;
        self.agenda.add(at, Event::ListTaken(replica, generation, source));
    }

    /// The API server reads a list.
    pub fn take_list(&mut self, replica: usize, source: usize) {
        let delay = self.delay();
        let generation = self.replicas[replica].generation;
        let failures = self.climate.calls[1] + self.climate.calls[3];
        if self.chance.happens(failures) {
            self.fault(Fault::ListFailed);
            self.agenda.add(self.now + delay + 1_000, Event::ListAgain(replica, generation, source));
            return;
        }
        let place = self.store.log_of(source).len();
        let list: Vec<Object> = self.store.as_of(source, place).into_iter().cloned().collect();
        let watch = &mut self.replicas[replica].watches[source];
        (watch.list, watch.place) = (list, place);
        self.agenda.add(self.now + delay, Event::ListArrives(replica, generation, source));
    }

    /// A list arrives. Endpoints are listed once networks are.
    pub fn list_arrives(&mut self, replica: usize, source: usize) {
        let list = std::mem::take(&mut self.replicas[replica].watches[source].list);
        let listed: Vec<Observation> = list.iter().map(|object| self.listed(object)).collect();
        let ends = ends(self.store.sources[source]);
        let one = &mut self.replicas[replica];
        one.watches[source].state = Following::Showing;
        listed.into_iter().chain([ends]).for_each(|observation| one.tell(Input::Seen(observation)));
        if self.store.log_of(source).len() > self.replicas[replica].watches[source].place {
            self.expect_news(replica, source);
        }
        self.begin_endpoints(replica);
    }

    fn begin_endpoints(&mut self, replica: usize) {
        let sources = self.store.sources.clone();
        let watches = &self.replicas[replica].watches;
        let is_unlisted =
            |(source, watch): (&Source, &Watch)| is_network(*source) && watch.state != Following::Showing;
        let has_begun =
            |(source, watch): (&Source, &Watch)| is_endpoints(*source) && watch.state != Following::NotBegun;
        if sources.iter().zip(watches).any(is_unlisted) || sources.iter().zip(watches).any(has_begun) {
            return;
        }
        for (place, source) in sources.iter().enumerate() {
            if is_endpoints(*source) {
                self.begin_list(replica, place);
            }
        }
    }

    fn observation(&self, entry: &Entry) -> Observation {
        let is_gone = entry.is_gone;
        match &entry.object {
            Object::Pod(pod) => Observation::Pods(change(is_gone, pod.render(&pod.node.name(), false))),
            Object::Node(node) => {
                Observation::Nodes(change(is_gone, node.render(&self.machines[node.key.0].host)))
            }
            Object::Network(network) => {
                let spec = self.store.spec(network.key);
                Observation::Networks(spec.group, spec.kind, change(is_gone, network.render(spec)))
            }
            Object::Endpoint(endpoint) => {
                let spec = self.store.spec(endpoint.network);
                Observation::Endpoints(spec.group, change(is_gone, endpoint.render(spec)))
            }
        }
    }

    fn listed(&self, object: &Object) -> Observation {
        match object {
            Object::Pod(pod) => Observation::Pods(Change::Listed(pod.render(&pod.node.name(), false))),
            Object::Node(node) => {
                Observation::Nodes(Change::Listed(node.render(&self.machines[node.key.0].host)))
            }
            Object::Network(network) => {
                let spec = self.store.spec(network.key);
                Observation::Networks(spec.group, spec.kind, Change::Listed(network.render(spec)))
            }
            Object::Endpoint(endpoint) => {
                let spec = self.store.spec(endpoint.network);
                Observation::Endpoints(spec.group, Change::Listed(endpoint.render(spec)))
            }
        }
    }
}

fn change<T>(is_gone: bool, object: T) -> Change<T> {
    if is_gone { Change::Delete(object) } else { Change::Apply(object) }
}

fn begins(source: Source) -> Observation {
    marker(source, true)
}

fn ends(source: Source) -> Observation {
    marker(source, false)
}

/// The begin or the end of a list.
fn marker(source: Source, begins: bool) -> Observation {
    fn change<T>(begins: bool) -> Change<T> {
        if begins { Change::ListBegins } else { Change::ListEnds }
    }
    match source {
        Source::Pods => Observation::Pods(change(begins)),
        Source::Nodes => Observation::Nodes(change(begins)),
        Source::Namespaces => Observation::Namespaces(change(begins)),
        Source::Danm(api) => match api.kind {
            DanmKind::Network(kind) => Observation::Networks(api.group, kind, change(begins)),
            DanmKind::DanmEp => Observation::Endpoints(api.group, change(begins)),
            DanmKind::TenantConfig | DanmKind::ReservedIp | DanmKind::NetworkPolicy => {
                Observation::Reservations(change(begins))
            }
        },
    }
}

fn is_endpoints(source: Source) -> bool {
    ApiGroup::ALL.iter().any(|group| Source::endpoints(*group) == source)
}

fn is_network(source: Source) -> bool {
    matches!(source, Source::Danm(api) if matches!(api.kind, DanmKind::Network(_)))
}
