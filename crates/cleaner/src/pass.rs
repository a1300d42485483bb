//! One complete pass: look, judge, wait as long as proofs need, look again, release, report.
//!
//! The loop here asks and waits; it decides nothing. Which endpoints are dead is `leak-judge`'s to say; which
//! step follows from that, and from what came of the steps before, is decided in `pass/state.rs`.

mod state;
mod step;

use std::{pin::pin, time::Duration};

use futures::{
    FutureExt, Stream, StreamExt,
    future::{Either, select},
    stream,
};
use leak_judge::{Brake, Moment, NetworkPlan, Observation, Row, Rules, Source};
use thiserror::Error;

use self::{state::State, step::Step};
use crate::{
    ApiServer, Clock, Summary,
    confirm::{Questions, ask},
    release::release,
};

/// What a pass goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassRules {
    /// What the verdicts go by.
    pub judge: Rules,
    /// The brake on mass release; `None` where it is overridden.
    pub brake: Option<Brake>,
    /// Whether nothing may be written.
    pub dry_run: bool,
}

/// Why nothing could be judged, or not any more.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PassError {
    /// A source without which no verdict is safe.
    #[error("cannot read {unread}, so nothing can be judged: {reason}")]
    Unreadable {
        /// The source.
        unread: Source,
        /// Why it cannot be read.
        reason: String,
    },
    /// The observations ended before everything was seen once.
    #[error("the watches ended before everything was listed")]
    WatchesEnded,
}

/// What a pass came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// The rows of the report, counted.
    pub summary: Summary,
    /// What could not be read; the endpoints that depend on it are held.
    pub unread: Vec<(Source, String)>,
}

/// A pass under way.
pub struct Pass<A, C, S> {
    api: A,
    clock: C,
    observations: S,
    state: State,
}

/// Networks written at the same time.
const NETWORKS_IN_FLIGHT: usize = 4;

/// How long a server that does not answer is left alone.
const PAUSE: Duration = Duration::from_secs(1);

// === impl Pass ===

impl<A, C, S> Pass<A, C, S>
where
    A: ApiServer,
    C: Clock,
    S: Stream<Item = Observation> + Unpin,
{
    /// A pass over what these sources show.
    pub fn new(
        api: A,
        clock: C,
        observations: S,
        sources: impl IntoIterator<Item = Source>,
        rules: PassRules,
    ) -> Self {
        Self { api, clock, observations, state: State::new(sources, rules) }
    }

    /// Runs to the end. Every allocation is reported once.
    pub async fn run(mut self, mut report: impl FnMut(&Row)) -> Result<Finished, PassError> {
        let mut summary = Summary::default();
        let mut report = |row: Row| {
            summary.add(&row);
            report(&row);
        };
        self.sync().await?;
        loop {
            self.catch_up();
            match self.state.decide(self.clock.now())? {
                Step::Confirm(questions) => self.confirm(questions).await,
                Step::Release(networks) => self.release(networks, &mut report).await,
                Step::Wait { until, why } => {
                    tracing::info!("waiting up to {:.1?} for {why}", until.since(self.clock.now()));
                    self.wait(until).await;
                }
                Step::End(ending) => {
                    self.state.rows(&ending, self.clock.now()).into_iter().for_each(&mut report);
                    return Ok(Finished { summary, unread: self.state.unread() });
                }
            }
        }
    }

    /// Until every source was listed, or told to be out of reach.
    async fn sync(&mut self) -> Result<(), PassError> {
        while !self.state.is_settled()? {
            let observation = self.observations.next().await.ok_or(PassError::WatchesEnded)?;
            self.state.observe(observation, self.clock.now());
        }
        Ok(())
    }

    /// Takes in what has arrived.
    fn catch_up(&mut self) {
        while let Some(Some(observation)) = self.observations.next().now_or_never() {
            self.state.observe(observation, self.clock.now());
        }
    }

    /// Takes in what arrives until a moment, or until something arrives that is waited for.
    async fn wait(&mut self, until: Moment) {
        let Self { clock, observations, state, .. } = self;
        let mut sleep = pin!(clock.sleep_until(until));
        loop {
            match select(observations.next(), sleep.as_mut()).await {
                Either::Left((Some(observation), _)) => {
                    if state.observe(observation, clock.now()) {
                        return;
                    }
                }
                Either::Left((None, sleep)) => return sleep.await,
                Either::Right(_) => return,
            }
        }
    }

    async fn confirm(&mut self, questions: Questions) {
        let asked_at = self.clock.now();
        let answers = ask(&self.api, &questions).await;
        let now = self.clock.now();
        match answers {
            Ok(answers) => {
                for answer in answers {
                    self.state.observe(answer, now);
                }
                self.state.confirmed(questions, asked_at);
            }
            Err(error) => {
                self.state.unconfirmed(&error);
                self.wait(now + PAUSE).await;
            }
        }
    }

    async fn release(&mut self, networks: Vec<NetworkPlan>, report: &mut impl FnMut(Row)) {
        let Self { api, clock, state, .. } = self;
        if state.is_dry_run() {
            state.would_release(networks, clock.now()).into_iter().for_each(report);
            return;
        }
        let releases = networks.into_iter().map(|network| release(api, network));
        let mut outcomes = stream::iter(releases).buffer_unordered(NETWORKS_IN_FLIGHT);
        let mut is_unanswered = false;
        while let Some(outcome) = outcomes.next().await {
            is_unanswered |= outcome.is_unanswered();
            let rows = state.settle(outcome, clock.now());
            rows.into_iter().for_each(&mut *report);
        }
        drop(outcomes);
        if is_unanswered {
            self.wait(self.clock.now() + PAUSE).await;
        }
    }
}
