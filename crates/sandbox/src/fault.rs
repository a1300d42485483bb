//! Faults that tests inject while the server runs: on which requests, how often, and what goes wrong. How an
//! effect comes about is the business of those who ask [`Faults::plan`].

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::Method;
use tokio::sync::watch;

use crate::recorder::Recorded;

/// Something that goes wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The requests it happens to.
    pub on: Match,
    /// How often it happens.
    pub times: Times,
    /// What happens.
    pub effect: Effect,
}

/// How often a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// To the first requests only.
    First(usize),
    /// Until it is healed.
    Always,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The request is performed later.
    Delay(Duration),
    /// The request is not performed but answered with this code.
    Status {
        /// The code, such as 429.
        code: u16,
        /// Seconds for the `Retry-After` header.
        retry_after: Option<u32>,
    },
    /// The connection breaks, and the request is not performed.
    DropBefore,
    /// The request is performed, and then the connection breaks: the answer is lost.
    DropAfter,
    /// Watches that are under way break off now. It happens once, and to no later watch.
    BreakWatches,
    /// Watches stay open and deliver nothing, those under way too, until this is healed.
    HalfOpen,
    /// Lists show what was there when the fault was injected, under the revision of then.
    Stale,
    /// Lists are answered with so many items, as if there were no more.
    Truncate(usize),
    /// The token with which a list goes on has expired.
    ExpireContinue,
}

/// Which requests a fault happens to. All conditions have to hold.
#[derive(Clone, Default)]
pub struct Match {
    methods: Vec<Method>,
    path: Option<String>,
    watch: Option<bool>,
    predicate: Option<Predicate>,
}

type Predicate = Arc<dyn Fn(&Recorded) -> bool + Send + Sync>;

/// A fault that was injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultId(u64);

/// What is to go wrong with one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) delay: Duration,
    pub(crate) status: Option<(u16, Option<u32>)>,
    pub(crate) drop_before: bool,
    pub(crate) drop_after: bool,
    pub(crate) stale: Option<u64>,
    pub(crate) truncate: Option<usize>,
    pub(crate) expire_continue: bool,
}

/// All faults of a server.
#[derive(Debug)]
pub(crate) struct Faults {
    active: Mutex<Vec<Active>>,
    /// Counts injections and healings; watches wake with it.
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
struct Active {
    id: FaultId,
    fault: Fault,
    hits: usize,
    /// The revision at which it was injected.
    revision: u64,
}

/// What a running watch has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interference {
    None,
    HalfOpen,
    Break,
}

// === impl Fault ===

impl Fault {
    /// A fault that happens until it is healed.
    pub fn new(on: Match, effect: Effect) -> Self {
        Self { on, times: Times::Always, effect }
    }

    /// The same, for the first requests only.
    #[must_use]
    pub fn times(self, count: usize) -> Self {
        Self { times: Times::First(count), ..self }
    }
}

// === impl Match ===

impl Match {
    /// Every request.
    pub fn any() -> Self {
        Self::default()
    }

    /// Every watch.
    pub fn watches() -> Self {
        Self { watch: Some(true), ..Self::default() }
    }

    /// Every request that is no watch.
    pub fn no_watches() -> Self {
        Self { watch: Some(false), ..Self::default() }
    }

    /// Only of this method, or of those given before.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.methods.push(method);
        self
    }

    /// Only where path and query contain a text.
    #[must_use]
    pub fn path(self, part: impl Into<String>) -> Self {
        Self { path: Some(part.into()), ..self }
    }

    /// Only where a predicate holds.
    #[must_use]
    pub fn when(self, predicate: impl Fn(&Recorded) -> bool + Send + Sync + 'static) -> Self {
        Self { predicate: Some(Arc::new(predicate)), ..self }
    }

    fn holds(&self, request: &Recorded) -> bool {
        (self.methods.is_empty() || self.methods.contains(&request.method))
            && self.path.as_deref().is_none_or(|part| request.path_and_query().contains(part))
            && self.watch.is_none_or(|watch| watch == request.is_watch())
            && self.predicate.as_ref().is_none_or(|predicate| predicate(request))
    }
}

impl fmt::Debug for Match {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Match")
            .field("methods", &self.methods)
            .field("path", &self.path)
            .field("watch", &self.watch)
            .finish_non_exhaustive()
    }
}

// === impl Effect ===

impl Effect {
    /// Whether it can happen to a request of this sort.
    fn concerns(self, request: &Recorded) -> bool {
        match self {
            Self::Stale | Self::Truncate(_) => request.is_list(),
            Self::ExpireContinue => request.is_continuation(),
            // Those concern watches that are under way.
            Self::HalfOpen | Self::BreakWatches => false,
            Self::Delay(_) | Self::Status { .. } | Self::DropBefore | Self::DropAfter => true,
        }
    }
}

// === impl Faults ===

impl Default for Faults {
    fn default() -> Self {
        Self { active: Mutex::default(), changed: watch::Sender::new(0) }
    }
}

impl Faults {
    pub(crate) fn inject(&self, fault: Fault, revision: u64) -> FaultId {
        let mut id = FaultId(0);
        let mut active = self.active();
        self.changed.send_modify(|count| {
            *count += 1;
            id = FaultId(*count);
        });
        active.push(Active { id, fault, hits: 0, revision });
        id
    }

    pub(crate) fn heal(&self) {
        self.active().clear();
        self.changed.send_modify(|count| *count += 1);
    }

    pub(crate) fn lift(&self, id: FaultId) {
        self.active().retain(|active| active.id != id);
        self.changed.send_modify(|count| *count += 1);
    }

    pub(crate) fn hits(&self, id: FaultId) -> usize {
        self.active().iter().find(|active| active.id == id).map_or(0, |active| active.hits)
    }

    /// What is to go wrong with a request; it counts as having happened.
    pub(crate) fn plan(&self, request: &Recorded) -> Plan {
        let mut plan = Plan::default();
        for active in self.active().iter_mut().filter(|active| active.happens_to(request)) {
            active.hits += 1;
            plan.add(active);
        }
        plan
    }

    /// What a watch has to do that began when a number of changes had been made.
    pub(crate) fn interference(&self, request: &Recorded, began: u64) -> Interference {
        let mut interference = Interference::None;
        for active in self.active().iter_mut().filter(|active| active.fault.on.holds(request)) {
            match active.fault.effect {
                Effect::BreakWatches if active.id.0 > began => {
                    active.hits += 1;
                    return Interference::Break;
                }
                Effect::HalfOpen => interference = Interference::HalfOpen,
                _ => {}
            }
        }
        interference
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn active(&self) -> MutexGuard<'_, Vec<Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Active {
    fn happens_to(&self, request: &Recorded) -> bool {
        let is_left = match self.fault.times {
            Times::First(count) => self.hits < count,
            Times::Always => true,
        };
        is_left && self.fault.effect.concerns(request) && self.fault.on.holds(request)
    }
}

impl Plan {
    fn add(&mut self, active: &Active) {
        match active.fault.effect {
            Effect::Delay(delay) => self.delay += delay,
            Effect::Status { code, retry_after } => self.status = Some((code, retry_after)),
            Effect::DropBefore => self.drop_before = true,
            Effect::DropAfter => self.drop_after = true,
            Effect::Stale => self.stale = Some(active.revision),
            Effect::Truncate(count) => self.truncate = Some(count),
            Effect::ExpireContinue => self.expire_continue = true,
            Effect::BreakWatches | Effect::HalfOpen => {}
        }
    }
}
