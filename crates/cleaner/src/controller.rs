//! The controller, put together: it watches whatever is served, takes part in the election, tells how it is in
//! probes, metrics, Events and a report, and ends in order. What is released when is the Cleaner's to say.

mod brake_annotation;
mod brake_note;
mod events;
mod inspect;
mod metrics;
mod silence;

use std::{sync::Arc, time::Duration};

use cluster_feed::CORE;
use futures::{Stream, StreamExt, stream};
use jiff::Timestamp;
use kube::Client;
use leak_judge::{Action, Row};
use operator_runtime::{
    EventKind, EventPublisher, Leadership, LeaseConfig, LeaseState, LeaseTimings, Role, identity, lead,
    serve, shutdown_signal,
};
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use self::{
    brake_note::{BrakeNote, LeaseName},
    events::{note_of, note_of_inconsistency, note_of_mend},
    inspect::Inspection,
    metrics::Metrics,
    silence::Silence,
};
use crate::{
    Clock, Config, Input, Lead, Passage, Seams, SystemClock, Told, calico::CalicoAccess, cleaner::Cleaner,
    config::ReportTarget, discovery::discovered, kube_api_server::KubeApiServer, report::Report,
};

/// The name under which Events are published.
const COMPONENT: &str = "danm-cleaner";

/// How long the last Events may hold up the end.
const LAST_EVENTS: Duration = Duration::from_millis(300);

/// Cleans until it is told to stop.
pub(crate) async fn control(config: &Config, client: Client) -> anyhow::Result<()> {
    let stop = shutdown_signal()?;
    let clock = SystemClock::new();
    let identity = identity();
    let leadership = config.controller.lease.as_ref().map(|(namespace, name)| {
        let (namespace, name) = (namespace.clone(), name.clone());
        let timings = LeaseTimings::default();
        lead(client.clone(), LeaseConfig { namespace, name, identity: identity.clone(), timings })
    });
    let lease = leadership.as_ref().map_or_else(alone, Leadership::state);
    let silence = Silence::new(clock);
    let mut registry = Registry::default();
    let mut teller = Teller {
        config,
        clock,
        lease: lease.clone(),
        metrics: Metrics::register(&mut registry, silence.clone()),
        inspection: Arc::new(Inspection::new(lease.clone(), silence.clone(), clock)),
        events: EventPublisher::new(client.clone(), COMPONENT, identity),
        rows: Vec::new(),
    };
    let inspection = Arc::clone(&teller.inspection);
    let _admin = serve(config.controller.admin_listen, inspection, Arc::new(registry)).await?;
    let inputs = stream::select(
        discovered(client.clone()).inspect(move |seen| silence.hear(seen)).map(Input::Seen),
        stream::select(lead_inputs(lease, clock), stream::once(Box::pin(stop)).map(|_| Input::Stop)),
    );
    let calico = CalicoAccess::new(client.clone(), config.calico);
    let api = KubeApiServer::new(client, &config.namespace);
    let cleaner = Cleaner::new(Seams { api, calico, clock }, inputs, CORE, config.rules);
    let ended = cleaner.run(|told| teller.tell(told)).await;
    if let Some(leadership) = leadership {
        leadership.release().await;
    }
    teller.events.flush(LAST_EVENTS).await;
    tracing::info!("stopped");
    ended.map(drop).map_err(anyhow::Error::from)
}

/// Nobody else is at work: we lead, and no one says anything.
fn alone() -> watch::Receiver<LeaseState> {
    watch::channel(LeaseState::new(Role::Leading)).1
}

/// What the election says, now and whenever it changes. Where there is none it says one thing.
fn lead_inputs(lease: watch::Receiver<LeaseState>, clock: SystemClock) -> impl Stream<Item = Input> + Unpin {
    let states = stream::unfold((lease, true), |(mut lease, is_first)| async move {
        if !is_first && lease.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        let state = lease.borrow_and_update().clone();
        Some((state, (lease, false)))
    });
    let mut was = None;
    let leads = states.filter_map(move |state| {
        let remaining = brake_annotation::open_for(&state.annotations, Timestamp::now());
        let lead = Lead {
            is_leading: state.is_leading(),
            brake_open_until: remaining.map(|remaining| clock.now() + remaining),
        };
        if was.as_ref() != Some(&state.role) {
            tracing::info!("{}", state.role);
            was = Some(state.role);
        }
        futures::future::ready(Some(Input::Lead(lead)))
    });
    Box::pin(leads)
}

/// Passes on what the Cleaner tells.
struct Teller<'a> {
    config: &'a Config,
    clock: SystemClock,
    lease: watch::Receiver<LeaseState>,
    metrics: Metrics,
    inspection: Arc<Inspection>,
    events: EventPublisher,
    /// Rows told since the last report.
    rows: Vec<Row>,
}

impl Teller<'_> {
    fn tell(&mut self, told: Told) {
        match told {
            Told::Row(row) => {
                self.metrics.count_row(&row);
                if self.config.report.is_some() && row.action != Action::Failed {
                    self.rows.push(row);
                }
            }
            Told::Round(round) => {
                self.metrics.count_round(&round);
                note_of(&round).into_iter().for_each(|note| self.events.publish(note));
            }
            Told::Returned(counts) => self.metrics.count_returns(&counts),
            Told::Mended(mend) => {
                self.metrics.count_mend(&mend);
                note_of_mend(&mend).into_iter().for_each(|note| self.events.publish(note));
            }
            Told::Inconsistent(news) => self.events.publish(note_of_inconsistency(&news)),
            Told::Audit(rows) => {
                self.metrics.count_audit();
                self.report(&rows);
            }
            Told::Brake(passage) => self.brake(&passage),
            Told::Status(status) => {
                self.metrics.show(&status, self.events.dropped());
                self.inspection.show(status);
            }
        }
    }

    fn brake(&self, passage: &Passage) {
        let left = match passage {
            Passage::Closed { until, .. } => until.map(|until| until.since(self.clock.now())),
            Passage::Free | Passage::OneByOne => None,
        };
        let lease = self.config.controller.lease.as_ref();
        let lease =
            lease.map(|(namespace, name)| LeaseName { namespace: namespace.clone(), name: name.clone() });
        let note = BrakeNote::of(passage, left, lease.as_ref(), Timestamp::now());
        match note.kind {
            EventKind::Warning => tracing::warn!("the brake holds: {}", note.message),
            EventKind::Normal => tracing::info!("{}", note.message),
        }
        if let Some(lease) = lease {
            self.events.publish(note.into_event(&lease, self.lease.borrow().uid.clone()));
        }
    }

    /// Replaces the report. One that cannot be written is no reason to stop cleaning.
    fn report(&mut self, rows: &[Row]) {
        let target = self.config.report.as_ref();
        let told = std::mem::take(&mut self.rows);
        let written = Report::begin(target).and_then(|mut report| {
            told.iter().chain(rows).for_each(|row| report.write(row));
            report.finish()
        });
        if let (Err(error), Some(ReportTarget::File(path))) = (written, target) {
            tracing::error!("failed to replace the report {}: {error:#}", path.display());
        }
    }
}
