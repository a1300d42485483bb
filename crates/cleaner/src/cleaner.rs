//! The loop: look, judge, wait as long as proofs need, look again, release, tell. It serves the single pass and
//! the controller alike.
//!
//! The loop here asks and waits; it decides nothing. Which endpoints are dead is `leak-judge`'s to say; which
//! step follows from that, and from what came of the steps before, is decided in `cleaner/state.rs`. Requests
//! are under way while it waits, so that none holds up the others.

mod boot_memory;
mod brake_state;
mod listening;
mod setbacks;
mod single_pass;
mod state;
mod status;
mod step;
mod under_way;
mod upkeep;

use std::{fmt, pin::pin, time::Duration};

use calico_store::Mode;
use futures::{
    FutureExt, Stream, StreamExt,
    future::{Either, select},
    stream::{self, LocalBoxStream, SelectAll},
};
use leak_judge::{MendingRules, Moment, NetworkPlan, Row, Rules, Source};
use thiserror::Error;

use self::{boot_memory::BootWork, state::State, step::Step};
pub use self::{
    brake_state::{BrakeRules, Passage},
    status::{AnomalyStatus, SourceStatus, Status, Trouble},
    upkeep::Inconsistency,
};
use crate::{
    ApiServer, Calico, Clock, Input,
    confirm::ask,
    mend::{Mend, mend},
    news::{News, Round},
    pulse::listen,
    recheck::recheck,
    release::release,
    returns::{ReturnCounts, give_back},
};

/// What the Cleaner goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanerRules {
    /// What the verdicts go by.
    pub judge: Rules,
    /// How the address books of networks are mended.
    pub mend: MendingRules,
    /// The brake on mass release.
    pub brake: BrakeRules,
    /// Whether nothing may be written.
    pub dry_run: bool,
    /// Once, or for ever.
    pub cadence: Cadence,
    /// Whether rows of all allocations are wanted.
    pub report: bool,
}

/// How often everything is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cadence {
    /// Once, until everything is released that time can prove; then it ends.
    Once,
    /// At least every so often, and for ever.
    Every(Duration),
}

/// Why nothing could be judged, or not any more.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CleanerError {
    /// A source without which no verdict is safe.
    #[error("cannot read {unread}, so nothing can be judged: {reason}")]
    Unreadable {
        /// The source.
        unread: Source,
        /// Why it cannot be read.
        reason: String,
    },
    /// The inputs ended before everything was seen once.
    #[error("the watches ended before everything was listed")]
    WatchesEnded,
}

/// What the loop has to tell.
#[derive(Debug)]
pub enum Told {
    /// The fate of an allocation.
    Row(Row),
    /// What was done about one network.
    Round(Round),
    /// What was given back to Calico.
    Returned(ReturnCounts),
    /// What was mended in the address book of a network.
    Mended(Mend),
    /// What does not agree in that of a network, or that all agrees again.
    Inconsistent(Inconsistency),
    /// Everything was looked at; these are the rows that were not told since the last time, if they are wanted.
    Audit(Vec<Row>),
    /// What the brake lets pass from now on, which is something else than before.
    Brake(Passage),
    /// How things stand.
    Status(Status),
}

/// Everything that the loop asks.
#[derive(Clone, Debug)]
pub struct Seams<A, K, C> {
    /// The API server.
    pub api: A,
    /// Calico's datastore.
    pub calico: K,
    /// The clock.
    pub clock: C,
}

/// The Cleaner at work.
pub struct Cleaner<A, K, C, S> {
    seams: Seams<A, K, C>,
    inputs: S,
    state: State,
    work: SelectAll<LocalBoxStream<'static, News>>,
}

/// Inputs taken in before it is looked at what they mean.
const INPUTS_AT_ONCE: usize = 1024;

/// How many times as long as a look takes until the next: a fifth of a processor at most.
const REST: u32 = 4;

/// The longest rest.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// How long what is under way is waited for when it is time to stop. The next leader waits for that, too, and two
/// seconds after the word it is to be at work, also on a machine that is busy.
const FAREWELL: Duration = Duration::from_millis(500);

// === impl Cadence ===

impl fmt::Display for Cadence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Once => f.write_str("one pass"),
            Self::Every(interval) => write!(f, "controller, an audit every {interval:?}"),
        }
    }
}

// === impl Cleaner ===

impl<A, K, C, S> Cleaner<A, K, C, S>
where
    A: ApiServer + Clone + 'static,
    K: Calico + Clone + 'static,
    C: Clock,
    S: Stream<Item = Input> + Unpin,
{
    /// A Cleaner of what these sources show.
    pub fn new(
        seams: Seams<A, K, C>,
        inputs: S,
        sources: impl IntoIterator<Item = Source>,
        rules: CleanerRules,
    ) -> Self {
        let state = State::new(sources, rules, seams.clock.now());
        Self { seams, inputs, state, work: SelectAll::new() }
    }

    /// Runs to the end: of the pass, or of the inputs, or until it is told to stop. Gives what could not be read
    /// then.
    pub async fn run(mut self, mut tell: impl FnMut(Told)) -> Result<Vec<(Source, String)>, CleanerError> {
        let mut said = String::new();
        while self.is_going() {
            let begun = self.seams.clock.now();
            let step = self.state.decide(begun)?;
            self.state.brake_news(begun).into_iter().for_each(|passage| tell(Told::Brake(passage)));
            let rest = self.seams.clock.now().since(begun).saturating_mul(REST).min(LONGEST_REST);
            match step {
                Step::KeepBoots(work) => self.work.push(keep_boots(self.seams.api.clone(), work)),
                Step::Listen(nodes) => self.work.push(listen(self.seams.api.clone(), nodes, begun)),
                Step::Confirm(questions) => {
                    tracing::debug!("confirming that {} endpoints are dead", questions.endpoints.len());
                    self.work.push(ask(self.seams.api.clone(), questions, begun));
                }
                Step::GiveBack(returns) => {
                    let is_dry = self.state.rules().dry_run || returns.iter().any(|one| one.is_question);
                    let mode = if is_dry { Mode::DryRun } else { Mode::Write };
                    self.work.push(give_back(self.seams.calico.clone(), returns, mode));
                }
                Step::Release(networks) => self.release(networks, &mut tell),
                Step::Recheck(holders) => self.work.push(recheck(self.seams.api.clone(), holders, begun)),
                Step::Mend(plans) => {
                    plans.into_iter().for_each(|plan| self.work.push(mend(self.seams.api.clone(), plan)));
                }
                Step::Report(standing) => {
                    let is_wanted = self.state.rules().report;
                    tell(Told::Audit(if is_wanted { self.state.rows(&standing, begun) } else { Vec::new() }));
                    self.state.reported().into_iter().for_each(|news| tell(Told::Inconsistent(news)));
                }
                Step::Wait { until, why } => {
                    tell(Told::Status(self.state.status(begun)));
                    if !why.is_empty() && why != said {
                        tracing::info!("waiting for {why}");
                    }
                    said = why;
                    self.wait(until, &mut tell).await?;
                    self.rest(begun + rest, &mut tell).await?;
                }
                Step::WaitOn { until } => self.wait(until, &mut tell).await?,
                Step::End(standing) => {
                    let rows = self.state.rows(&standing, self.seams.clock.now());
                    rows.into_iter().for_each(|row| tell(Told::Row(row)));
                    break;
                }
            }
        }
        self.finish(&mut tell).await;
        Ok(self.state.unread())
    }

    fn is_going(&self) -> bool {
        !self.state.is_stopping()
    }

    fn release(&mut self, networks: Vec<NetworkPlan>, tell: &mut impl FnMut(Told)) {
        if self.state.rules().dry_run {
            let rows = self.state.would_release(networks, self.seams.clock.now());
            rows.into_iter().for_each(|row| tell(Told::Row(row)));
            return;
        }
        for network in networks {
            self.work.push(release(self.seams.api.clone(), network));
        }
    }

    /// Takes in what else arrives until a moment: looks cost time, and many events need one look.
    async fn rest(&mut self, until: Moment, tell: &mut impl FnMut(Told)) -> Result<(), CleanerError> {
        while self.is_going() && self.seams.clock.now() < until {
            self.wait(Some(until), tell).await?;
        }
        Ok(())
    }

    /// Takes in what arrives next, with everything that is there by then; or waits until a moment.
    async fn wait(&mut self, until: Option<Moment>, tell: &mut impl FnMut(Told)) -> Result<(), CleanerError> {
        enum Next {
            Input(Option<Input>),
            News(Option<News>),
        }
        let Self { seams: Seams { clock, .. }, inputs, work, .. } = self;
        let news = async {
            match work.next().await {
                Some(news) => Next::News(Some(news)),
                // Nothing is under way, and nothing will come of it.
                None => std::future::pending().await,
            }
        };
        let input = inputs.next().map(Next::Input);
        let sleep = async {
            match until {
                Some(until) => clock.sleep_until(until).await,
                None => std::future::pending().await,
            }
            Next::News(None)
        };
        let next = match select(select(pin!(input), pin!(news)), pin!(sleep)).await {
            Either::Left((Either::Left((next, _)) | Either::Right((next, _)), _))
            | Either::Right((next, _)) => next,
        };
        match next {
            Next::Input(Some(input)) => self.take(input),
            Next::Input(None) => return self.inputs_ended(),
            Next::News(Some(news)) => self.hear(news, tell),
            Next::News(None) => {}
        }
        self.catch_up(tell);
        Ok(())
    }

    /// Takes in what has arrived.
    fn catch_up(&mut self, tell: &mut impl FnMut(Told)) {
        for _ in 0..INPUTS_AT_ONCE {
            let Some(Some(input)) = self.inputs.next().now_or_never() else { break };
            self.take(input);
        }
        while let Some(Some(news)) = self.work.next().now_or_never() {
            self.hear(news, tell);
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Seen(observation) => self.state.observe(observation, self.seams.clock.now()),
            Input::Lead(lead) => self.state.lead(lead),
            Input::Stop => self.state.stop(),
        }
    }

    fn hear(&mut self, news: News, tell: &mut impl FnMut(Told)) {
        let now = self.seams.clock.now();
        match news {
            News::Endpoints(group, seen, began) => self.state.read_endpoints(group, *seen, began, now),
            News::Unread(group, error) => self.state.unread_endpoints(group, error, now),
            News::Answered(answers) => self.state.answered(answers, now),
            News::Written(written) => {
                self.state.written(written, now).into_iter().for_each(|row| tell(Told::Row(row)));
            }
            News::Deleted(endpoint, result) => {
                self.state.deleted(&endpoint, result, now).into_iter().for_each(|row| tell(Told::Row(row)));
            }
            News::Returned(returned) => {
                tell(Told::Returned(returned.counts()));
                self.state.returned(returned, now);
            }
            News::Heard(pulses, asked) => self.state.heard(pulses, asked, now),
            News::Boots(result) => self.state.boots(result, now),
            News::Rechecked(all, asked_at) => self.state.rechecked(all, asked_at, now),
            News::Mended(mended) => {
                let (told, rows) = self.state.mended(mended, now);
                rows.into_iter().for_each(|row| tell(Told::Row(row)));
                tell(Told::Mended(told));
            }
            News::Done(round) => {
                self.state.done();
                tell(Told::Round(round));
            }
        }
    }

    /// Nothing more will be seen.
    fn inputs_ended(&mut self) -> Result<(), CleanerError> {
        if !self.state.is_settled()? {
            return Err(CleanerError::WatchesEnded);
        }
        self.state.stop();
        Ok(())
    }

    /// Waits a little for what is under way: what is not finished is safe to be left, and taken up by whoever
    /// comes next.
    async fn finish(&mut self, tell: &mut impl FnMut(Told)) {
        let until = self.seams.clock.now() + FAREWELL;
        while self.state.is_working() {
            let Self { seams: Seams { clock, .. }, work, .. } = self;
            let news = match select(work.next(), pin!(clock.sleep_until(until))).await {
                Either::Left((news, _)) => news,
                Either::Right(_) => None,
            };
            match news {
                Some(news) => self.hear(news, tell),
                None => return,
            }
        }
    }
}

/// Reads or stores what is known of boots.
fn keep_boots<A: ApiServer + 'static>(api: A, work: BootWork) -> LocalBoxStream<'static, News> {
    let kept = async move {
        News::Boots(match work {
            BootWork::Read => api.boots().await,
            BootWork::Store(before, entries) => api.store_boots(&before, &entries).await,
        })
    };
    stream::once(kept).boxed_local()
}
