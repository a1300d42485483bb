//! The metrics of the agent. Their names and labels are what alerts and dashboards are written against.

use std::{collections::BTreeMap, sync::atomic::AtomicU64, time::Duration};

use policy_dataplane::DeniedFlow;
use policy_engine::Counter as Rule;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use super::{
    enforcement::status::State, packet_counters::PacketCounters, report::Report, status_writer::Written,
};

/// All of them.
pub(super) struct Metrics {
    policies: Family<StateLabel, Gauge>,
    audited: Gauge,
    problems: Family<ProblemLabels, Gauge>,
    problems_not_shown: Gauge,
    uncovered: Family<NamespaceLabel, Gauge>,
    unreadable: Family<KindLabel, Gauge>,
    synced: Family<SourceLabel, Gauge>,
    leading: Gauge,
    writes: Family<ResultLabel, Counter>,
    troubles: Gauge,
    dropped_events: Gauge<u64, AtomicU64>,
    pods: Family<StateLabel, Gauge>,
    opened: Family<NamespaceLabel, Gauge>,
    refused_paths: Gauge,
    absent_interfaces: Gauge,
    reference: Family<CertaintyLabel, Gauge>,
    programmed: Counter,
    latency: Histogram,
    gap: Histogram,
    packets: PacketCounters,
    denied_flows: Family<FlowLabels, Counter>,
    denied_flows_not_logged: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FlowLabels {
    namespace: String,
    direction: &'static str,
    enforcement: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CertaintyLabel {
    certainty: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProblemLabels {
    namespace: String,
    policy: String,
    field: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NamespaceLabel {
    namespace: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabel {
    source: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

/// Series of problems: authors of policies decide how many there are.
const PROBLEMS: usize = 1_000;

impl Metrics {
    /// Makes them, all at zero.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let registry = registry.sub_registry_with_prefix("danm_policer");
        macro_rules! metric {
            ($name:literal, $help:literal) => {{
                let metric = Default::default();
                registry.register($name, $help, Clone::clone(&metric));
                metric
            }};
        }
        Self {
            policies: metric!("policies", "Policies, by what is understood of them"),
            audited: metric!("audited_policies", "Policies that are audited: they deny nothing"),
            problems: metric!("policy_problems", "Fields of policies that are not understood"),
            problems_not_shown: metric!(
                "policy_problems_not_shown",
                "Such fields beyond those that are shown"
            ),
            uncovered: metric!(
                "uncovered_pods",
                "Living Pods of namespaces with a policy that is not understood at all: it covers none of them"
            ),
            unreadable: metric!("unreadable_objects", "Objects that cannot be read, by kind"),
            synced: metric!("source_synced", "Whether a source was listed and is being watched"),
            leading: metric!("leading", "Whether this agent writes the status of policies"),
            writes: metric!("status_writes", "Writes of the status of a policy, by result"),
            troubles: metric!(
                "troubles",
                "Policies left alone for a while because a write of their status failed"
            ),
            dropped_events: metric!("dropped_events", "Events not published because too many waited"),
            pods: metric!("pods", "Pods of this node that are to have rules, by what became of that"),
            opened: metric!(
                "opened_namespaces",
                "Namespaces that an annotation opens, whatever policies say"
            ),
            absent_interfaces: metric!(
                "absent_interfaces",
                "Isolated interfaces of this node's Pods that the kernel does not have: no rule sees what goes by them"
            ),
            reference: metric!(
                "pods_with_reference_rules",
                "Pods of this node in whose network namespaces rules of the reference Policer were found, or are suspected"
            ),
            programmed: metric!("programmed_pods", "Orders about the rules of a Pod that were done"),
            latency: seconds(
                registry,
                "programming_seconds",
                "Seconds from taking in a change to the last of the rules that it makes others",
            ),
            gap: seconds(
                registry,
                "isolation_gap_seconds",
                "Seconds that a Pod had run when it got its first rules, if policies never left it open",
            ),
            packets: PacketCounters::register(registry),
            denied_flows: metric!(
                "denied_flows",
                "Flows of Pods that were denied, or would have been if that were not audited, as far as they are seen"
            ),
            denied_flows_not_logged: metric!(
                "denied_flows_not_logged",
                "Such flows that the log leaves out: it has a few lines a second"
            ),
            refused_paths: metric!(
                "refused_netns_paths",
                "Network namespaces that endpoints of this node's Pods name and that are not believed"
            ),
        }
    }

    /// Counts orders about so many Pods, done so long after they became necessary.
    pub(super) fn count_round(&self, pods: usize, took: Duration) {
        self.programmed.inc_by(pods.try_into().unwrap_or(u64::MAX));
        self.latency.observe(took.as_secs_f64());
    }

    /// Counts a Pod that had run for so long without the rules that it was to have from its beginning.
    pub(super) fn count_isolation(&self, age: Duration) {
        self.gap.observe(age.as_secs_f64());
    }

    /// Counts packets of Pods of a namespace.
    pub(super) fn count_packets(&mut self, namespace: &str, counted: Vec<(Rule, u64)>) {
        self.packets.count(namespace, counted);
    }

    /// Counts flows of Pods of a namespace, and how many of them the log left out.
    pub(super) fn count_denied_flows(&self, namespace: &str, flows: &[DeniedFlow], left_out: usize) {
        for flow in flows {
            let labels = FlowLabels {
                namespace: namespace.to_owned(),
                direction: flow.direction.name(),
                enforcement: flow.enforcement.name(),
            };
            self.denied_flows.get_or_create(&labels).inc();
        }
        self.denied_flows_not_logged.inc_by(left_out.try_into().unwrap_or(u64::MAX));
    }

    pub(super) fn count_write(&self, written: &Written) {
        let result = match written {
            Written::Done(_) => "done",
            Written::Conflict => "conflict",
            Written::Gone => "gone",
            Written::Refused(_) => "refused",
            Written::Unknown(_) => "unknown",
        };
        self.writes.get_or_create(&ResultLabel { result }).inc();
    }

    /// Shows how things stand.
    pub(super) fn show(&self, report: &Report, is_leading: bool, dropped_events: u64) {
        for (state, count) in &report.findings.states {
            set(&self.policies.get_or_create(&StateLabel { state: state.code() }), *count);
        }
        set(&self.audited, report.findings.audited);
        self.show_problems(report);
        self.uncovered.clear();
        for (namespace, count) in &report.uncovered {
            set(&self.uncovered.get_or_create(&NamespaceLabel { namespace: namespace.to_string() }), *count);
        }
        self.unreadable.clear();
        let mut unreadable: BTreeMap<&'static str, usize> = BTreeMap::new();
        report.unreadable.iter().for_each(|object| *unreadable.entry(object.kind).or_default() += 1);
        for (kind, count) in unreadable {
            set(&self.unreadable.get_or_create(&KindLabel { kind }), count);
        }
        self.synced.clear();
        for (source, (_, is_synced)) in &report.sources {
            let synced = self.synced.get_or_create(&SourceLabel { source: source.clone() });
            synced.set((*is_synced).into());
        }
        self.leading.set(is_leading.into());
        set(&self.troubles, report.troubles.len());
        self.dropped_events.set(dropped_events);
        self.pods.clear();
        // One that is to have none is told of for what else was found in it.
        for (status, _) in report.pods.iter().filter(|(status, _)| status.state != State::Open) {
            self.pods.get_or_create(&StateLabel { state: status.state.code() }).inc();
        }
        self.opened.clear();
        for namespace in &report.opened {
            self.opened.get_or_create(&NamespaceLabel { namespace: namespace.to_string() }).set(1);
        }
        self.show_reference(report);
        set(&self.absent_interfaces, report.pods.iter().map(|(status, _)| status.absent.len()).sum());
        set(&self.refused_paths, report.pods.iter().map(|(status, _)| status.refused.len()).sum());
    }

    fn show_reference(&self, report: &Report) {
        let remains = || report.pods.iter().map(|(status, _)| &status.reference);
        let found = remains().filter(|it| !it.found.is_empty()).count();
        let suspected = remains().filter(|it| it.found.is_empty() && !it.suspected.is_empty()).count();
        for (certainty, count) in [("found", found), ("suspected", suspected)] {
            set(&self.reference.get_or_create(&CertaintyLabel { certainty }), count);
        }
    }

    fn show_problems(&self, report: &Report) {
        let (problems, more) = report.findings.problems(PROBLEMS);
        self.problems.clear();
        for problem in problems {
            let labels =
                ProblemLabels { namespace: problem.namespace, policy: problem.policy, field: problem.field };
            self.problems.get_or_create(&labels).set(1);
        }
        set(&self.problems_not_shown, more);
    }
}

/// From a tenth of a millisecond to a few seconds.
fn seconds(registry: &mut Registry, name: &str, help: &str) -> Histogram {
    let histogram = Histogram::new(exponential_buckets(0.0001, 2.0, 16));
    registry.register(name, help, histogram.clone());
    histogram
}

fn set(gauge: &Gauge, count: usize) {
    gauge.set(count.try_into().unwrap_or(i64::MAX));
}
