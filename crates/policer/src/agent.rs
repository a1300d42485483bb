//! The agent of a node, put together: it watches policies and what they are about, has the rules put into the kernels of its Pods,
//! and tells what becomes of them.
//!
//! ```text
//!   served kinds ──> Source (what, how much) ──> Seen ──> Knowledge: Engine, roster of Pods, coverage, records of policies
//!                      ^                                     │
//!                      └── Order (more of these Pods) ───────┤
//!                                                            │
//!        Lease (who of all agents writes) ──> review ────────┤ Statement: conditions, Events
//!                                               │            │
//!                        Scribe ── merge patch ─┘            └──> Report ──> metrics · /ready · /debug/state.json
//! ```
//!
//! One agent writes the status of policies, those of all nodes see it. What puts rules into kernels has a picture of its own, in
//! `enforcement.rs`.

mod coverage;
mod denial_log;
mod depth;
mod enforcement;
mod feed;
mod inspect;
mod keeper;
mod knowledge;
mod metrics;
mod needs;
mod node_addresses;
mod open_files;
mod openings;
mod packet_counters;
mod pod_scope;
mod programmed;
pub mod rehearsal;
mod report;
mod review;
mod roster;
mod scribe;
mod source;
mod status_writer;
mod store;
mod told;

use std::{
    collections::BTreeSet,
    net::IpAddr,
    pin::pin,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::bail;
use futures::StreamExt;
use jiff::Timestamp;
use kube::Client;
use operator_runtime::{
    EventPublisher, LeaseConfig, LeaseState, LeaseTimings, ShutdownSignal, connect, identity, lead, serve,
    shutdown_signal,
};
use policy_engine::{NamespacedName, World};
use prometheus_client::registry::Registry;
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval},
};

use self::{
    denial_log::DenialLog,
    enforcement::{
        Enforcement, View, intent::Certainty, kernel::Linux, status::News, surroundings::Exceptions,
        worker::Worker,
    },
    feed::Order,
    inspect::Inspection,
    keeper::Keeper,
    knowledge::Knowledge,
    metrics::Metrics,
    node_addresses::node_addresses,
    report::{Findings, Report},
    review::{Statement, review},
    scribe::Scribe,
    status_writer::{StatusWriter, Written},
};
pub(crate) use self::{enforcement::expected, keeper::pods_of_this_node};
use crate::{
    cli::{AgentArgs, Cli, ExceptionArgs},
    subject::ObjectName,
};

/// The name under which Events are published, and that of the Lease.
const COMPONENT: &str = "danm-policer";

/// Where the Lease is: a busy server keeps seats for those of this namespace.
const LEASE_NAMESPACE: &str = "kube-system";

/// There is a candidate on each node, and each asks at every try: a thousand of them ask a hundred times a second. What is
/// led is not urgent.
const TIMINGS: LeaseTimings = LeaseTimings {
    lease: Duration::from_secs(40),
    renew_deadline: Duration::from_secs(30),
    retry: Duration::from_secs(10),
};

/// How soon what is shown follows what is known.
const INTERVAL: Duration = Duration::from_millis(500);

/// What is taken in at once, if so much waits.
const BATCH: usize = 1024;

/// How long the last Events may hold up the end.
const LAST_EVENTS: Duration = Duration::from_millis(300);

/// Watches and tells until it is told to stop.
pub(crate) async fn run(cli: &Cli, args: &AgentArgs) -> anyhow::Result<()> {
    let stop = shutdown_signal()?;
    let client = connect(&cli.connect).await?;
    let (news, told) = mpsc::unbounded_channel();
    let keeper = Keeper::new(&args.state.folder);
    let mut knowledge = Knowledge::default();
    if args.exceptions.pod_annotation {
        knowledge.heed_pods();
    }
    let enforcement = if args.dry_run {
        tracing::info!("dry run on node {}: no rules are put into Pods", args.node_name);
        None
    } else {
        let (certainty, remembered) = keeper.recall();
        knowledge.restore(remembered);
        Some(enforce(args, certainty, news)?)
    };
    let identity = identity();
    let leadership = lead(client.clone(), lease(identity.clone()));
    let mut registry = Registry::default();
    let mut agent = Agent {
        knowledge,
        scribe: Scribe::new(StatusWriter::new(client.clone())),
        lease: leadership.state(),
        metrics: Metrics::register(&mut registry),
        inspection: Arc::new(Inspection::new(args.node_name.clone(), args.dry_run, leadership.state())),
        events: EventPublisher::new(client.clone(), COMPONENT, identity),
        findings: (0, Arc::new(Findings::of(&World::default()))),
        is_shown: false,
        nodes: node_addresses(client.clone(), args.exceptions.allow_node),
        enforcement,
        keeper,
        told,
        denials: DenialLog::new(Instant::now()),
    };
    let inspection = Arc::clone(&agent.inspection);
    let _admin = serve(args.admin_listen, inspection, Arc::new(registry)).await?;
    let end = agent.watch(client, args.node_name.clone(), stop).await;
    leadership.release().await;
    agent.events.flush(LAST_EVENTS).await;
    tracing::info!("stopped; the rules of Pods stay");
    end
}

/// Begins to put rules into Pods. They are put there by a thread: that speaks to kernels, which may take their time.
fn enforce(
    args: &AgentArgs,
    certainty: Certainty,
    news: mpsc::UnboundedSender<News>,
) -> anyhow::Result<Enforcement> {
    open_files::raise_limit();
    let ExceptionArgs { allow_node, dns, dns_service, forward, .. } = &args.exceptions;
    let kernel = Linux::new(args)?;
    // Whoever is told has gone only if the agent ends.
    let worker = Worker::new(kernel, move |it| drop(news.send(it)));
    let worker = worker.removing_reference(args.remove_reference_rules);
    let (rounds, ordered) = std::sync::mpsc::channel();
    thread::Builder::new().name("enforcement".to_owned()).spawn(move || worker.run(&ordered))?;
    let service = |name: &ObjectName| NamespacedName::new(&name.namespace, &name.name);
    let exceptions = Exceptions {
        allow_node: *allow_node,
        dns: *dns,
        dns_services: dns_service.iter().map(service).collect(),
        forward: (*forward).into(),
    };
    Ok(Enforcement::new(exceptions, certainty, rounds))
}

/// Orders the rules that are necessary by now. Tells whether there were any.
fn order(knowledge: &mut Knowledge, enforcement: &mut Enforcement, nodes: &BTreeSet<IpAddr>) -> bool {
    let changed = knowledge.take_changed();
    let is_complete = knowledge.coverage().is_complete();
    enforcement.order(
        knowledge.engine(),
        &View {
            changed: &changed,
            local: knowledge.local_pods(),
            nodes,
            openings: knowledge.openings(),
            is_complete,
        },
    )
}

fn lease(identity: String) -> LeaseConfig {
    LeaseConfig {
        namespace: LEASE_NAMESPACE.to_owned(),
        name: COMPONENT.to_owned(),
        identity,
        timings: TIMINGS,
    }
}

/// An agent at work.
struct Agent {
    knowledge: Knowledge,
    scribe: Scribe,
    lease: watch::Receiver<LeaseState>,
    metrics: Metrics,
    inspection: Arc<Inspection>,
    events: EventPublisher,
    /// What was found out about policies, and what was known then.
    findings: (u64, Arc<Findings>),
    /// Whether what is shown is what is known.
    is_shown: bool,
    /// Addresses of nodes that reach Pods.
    nodes: watch::Receiver<BTreeSet<IpAddr>>,
    /// None in a dry run.
    enforcement: Option<Enforcement>,
    keeper: Keeper,
    /// How it went with Pods.
    told: mpsc::UnboundedReceiver<News>,
    denials: DenialLog,
}

impl Agent {
    /// Works until it is told to stop, or cannot put rules into Pods any more.
    async fn watch(
        &mut self,
        client: Client,
        node: String,
        stop: impl Future<Output = ShutdownSignal>,
    ) -> anyhow::Result<()> {
        let (orders, ordered) = mpsc::unbounded_channel();
        let mut seen = feed::feed(client, node, ordered).ready_chunks(BATCH);
        let mut stop = pin!(stop);
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut lease = self.lease.clone();
        // What was last known is enforced before anybody answers.
        self.enforce();
        loop {
            tokio::select! {
                _ = &mut stop => return Ok(()),
                Some(batch) = seen.next() => {
                    batch.into_iter().for_each(|seen| self.knowledge.take(seen));
                    self.enforce();
                    self.order(&orders);
                }
                news = self.told.recv(), if self.enforcement.is_some() => match news {
                    Some(news) => self.note(news),
                    None => bail!("what puts rules into Pods has ended, which is a defect of this program"),
                },
                (statement, written) = self.scribe.next() => self.settle(statement, written),
                Ok(()) = lease.changed() => {}
                _ = ticks.tick() => {
                    self.order(&orders);
                    self.enforce();
                    self.tell_overdue();
                    self.show();
                    if self.enforcement.is_some() {
                        self.keeper.keep(&self.knowledge);
                    }
                    // Nothing is new; but what failed may be tried again by now.
                    self.write();
                    continue;
                }
            }
            self.is_shown = false;
            self.write();
        }
    }

    /// Has more or less of Pods watched, as it is needed by now.
    fn order(&mut self, orders: &mpsc::UnboundedSender<Order>) {
        for order in self.knowledge.deepen(Instant::now()) {
            self.is_shown = false;
            // Whoever takes them in has gone only if the agent ends.
            let _ = orders.send(order);
        }
    }

    /// Has rules put into Pods, as it is necessary by now.
    fn enforce(&mut self) {
        let nodes = self.nodes.borrow_and_update();
        match &mut self.enforcement {
            Some(enforcement) => order(&mut self.knowledge, enforcement, &nodes),
            None => !self.knowledge.take_changed().is_empty(),
        };
    }

    /// Takes note of how it went, and tells whom it concerns.
    fn note(&mut self, news: News) {
        let Some(enforcement) = &mut self.enforcement else { return };
        match news {
            News::Pod(status) => {
                let notes = enforcement.note(status, Timestamp::now());
                notes.into_iter().for_each(|note| self.events.publish(note));
            }
            News::Counted(namespace, counted) => self.metrics.count_packets(&namespace, counted),
            News::Denied(pod, flows) => {
                let left_out = self.denials.write(&pod, &flows, Instant::now());
                self.metrics.count_denied_flows(&pod.namespace, &flows, left_out);
            }
            News::Isolated(age) => self.metrics.count_isolation(age),
            News::Done { pods, took } => self.metrics.count_round(pods, took),
        }
    }

    /// Tells of Pods that have waited for long.
    fn tell_overdue(&mut self) {
        let overdue =
            self.enforcement.iter_mut().flat_map(|enforcement| enforcement.overdue(Timestamp::now()));
        overdue.for_each(|note| self.events.publish(note));
    }

    /// Begins to write what is not said yet, if everything is known and nobody else does.
    fn write(&mut self) {
        if !self.knowledge.coverage().is_complete() || !self.lease.borrow().is_leading() {
            return;
        }
        let now = Instant::now();
        loop {
            let scribe = &self.scribe;
            let keys =
                self.knowledge.take_stale(scribe.room(), |key, record| scribe.may_write(key, record, now));
            if keys.is_empty() {
                return;
            }
            let policies = keys.iter().filter_map(|key| self.knowledge.record(key));
            let statements = review(self.knowledge.world(), policies, Timestamp::now());
            statements.into_iter().for_each(|statement| self.scribe.begin(statement));
        }
    }

    fn settle(&mut self, statement: Statement, written: Written) {
        self.metrics.count_write(&written);
        self.scribe.settle(&statement, &written, Instant::now());
        match written {
            Written::Done(record) => {
                self.knowledge.written(&statement.key, &statement.version, record);
                statement.notes.into_iter().for_each(|note| self.events.publish(note));
            }
            Written::Refused(_) | Written::Unknown(_) => self.knowledge.mark(statement.key),
            Written::Conflict | Written::Gone => {}
        }
    }

    fn show(&mut self) {
        if self.is_shown {
            return;
        }
        self.is_shown = true;
        let knowledge = &self.knowledge;
        if self.findings.0 != knowledge.revision() {
            self.findings = (knowledge.revision(), Arc::new(Findings::of(knowledge.world())));
        }
        self.scribe.forget_all_but(|key| knowledge.record(key).is_some());
        let findings = Arc::clone(&self.findings.1);
        let report = Report::of(knowledge, findings, self.scribe.troubles(), self.enforcement.as_mut());
        self.metrics.show(&report, self.lease.borrow().is_leading(), self.events.dropped());
        self.inspection.show(report);
    }
}
