//! The metrics of the controller. Their names and labels are what alerts and dashboards are written against.

use std::sync::atomic::AtomicU64;

use leak_judge::{Action, AnomalyKind, Row};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::silence::Silence;
use crate::{Mend, Passage, ReturnCounts, Round, Status};

/// All of them.
pub(super) struct Metrics {
    released: Family<ReasonLabel, Counter>,
    failed: Counter,
    freed: Counter,
    rounds: Family<ResultLabel, Counter>,
    returns: Family<ResultLabel, Counter>,
    audits: Counter,
    anomalies: Family<KindLabel, Gauge>,
    restored: Counter,
    cleared: Counter,
    doubtful: Family<FindingLabels, Gauge>,
    objects: Family<KindLabel, Gauge>,
    synced: Family<SourceLabel, Gauge>,
    leading: Gauge,
    paused: Gauge,
    brake: Gauge,
    held_by_brake: Gauge,
    parked: Gauge,
    troubles: Gauge,
    dropped_events: Gauge<u64, AtomicU64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    verdict: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabel {
    source: String,
}

impl Metrics {
    /// Makes them, all at zero.
    pub(super) fn register(registry: &mut Registry, silence: Silence) -> Self {
        let registry = registry.sub_registry_with_prefix("danm_cleaner");
        registry.register_collector(Box::new(silence));
        macro_rules! metric {
            ($name:literal, $help:literal) => {{
                let metric = Default::default();
                registry.register($name, $help, Clone::clone(&metric));
                metric
            }};
        }
        Self {
            released: metric!("released_endpoints", "Endpoints released, by the proof of their death"),
            failed: metric!("failed_endpoints", "Endpoints that the API server refused to release"),
            freed: metric!("freed_addresses", "Addresses given back to their networks"),
            rounds: metric!("network_rounds", "Releases tried, a network and round each, by result"),
            returns: metric!("calico_addresses", "Addresses given back to Calico, or not, by result"),
            audits: metric!("audits", "Complete looks at everything"),
            anomalies: metric!("anomalies", "Addresses that do not agree with their networks, by kind"),
            restored: metric!("restored_bits", "Bits set again that living endpoints missed"),
            cleared: metric!("released_orphan_bits", "Bits cleared that no endpoint claimed"),
            doubtful: metric!("doubtful_endpoints", "Endpoints not found alive, by verdict and reason"),
            objects: metric!("objects", "Objects in the index, by kind"),
            synced: metric!("source_synced", "Whether a source was listed and is being watched"),
            leading: metric!("leading", "Whether this replica may act"),
            paused: metric!("paused", "Whether nothing can be judged because something cannot be read"),
            brake: metric!("brake", "0 open, 1 holding, 2 releasing what is proved one by one"),
            held_by_brake: metric!(
                "brake_held_endpoints",
                "Endpoints that are proved dead and held by the brake"
            ),
            parked: metric!("parked_objects", "Objects that cannot be used"),
            troubles: metric!("troubles", "Objects left alone for a while because a request failed"),
            dropped_events: metric!("dropped_events", "Events not published because too many waited"),
        }
    }

    /// Bits without endpoints are counted with what was mended.
    pub(super) fn count_row(&self, row: &Row) {
        if row.uid.is_empty() {
            return;
        }
        match row.action {
            Action::Released => {
                self.released.get_or_create(&ReasonLabel { reason: row.reason.code() }).inc();
            }
            Action::Failed => {
                self.failed.inc();
            }
            Action::WouldRelease | Action::Held | Action::Kept => {}
        }
    }

    pub(super) fn count_round(&self, round: &Round) {
        self.freed.inc_by(round.freed.try_into().unwrap_or(u64::MAX));
        let result = if round.error.is_some() { "error" } else { "done" };
        self.rounds.get_or_create(&ResultLabel { result }).inc();
    }

    /// Refused is what was somebody else's: Calico gave it again, or never to this endpoint.
    pub(super) fn count_returns(&self, counts: &ReturnCounts) {
        let ReturnCounts { returned, already_free, refused, failed } = *counts;
        let results = [
            ("released", returned),
            ("already_free", already_free),
            ("refused", refused),
            ("failed", failed),
        ];
        for (result, count) in results {
            let counter = self.returns.get_or_create(&ResultLabel { result });
            counter.inc_by(count.try_into().unwrap_or(u64::MAX));
        }
    }

    pub(super) fn count_mend(&self, mend: &Mend) {
        self.restored.inc_by(mend.restored.try_into().unwrap_or(u64::MAX));
        self.cleared.inc_by(mend.freed.try_into().unwrap_or(u64::MAX));
    }

    pub(super) fn count_audit(&self) {
        self.audits.inc();
    }

    /// Shows how things stand.
    pub(super) fn show(&self, status: &Status, dropped_events: u64) {
        self.doubtful.clear();
        for ((verdict, reason), count) in &status.doubtful {
            let labels =
                FindingLabels { verdict: format!("{verdict:?}").to_lowercase(), reason: reason.code() };
            set(&self.doubtful.get_or_create(&labels), *count);
        }
        for kind in AnomalyKind::ALL {
            let count = status.anomalies.get(&kind).map_or(0, |anomalies| anomalies.count);
            set(&self.anomalies.get_or_create(&KindLabel { kind: kind.code() }), count);
        }
        let objects = [
            ("pods", status.pods),
            ("nodes", status.nodes),
            ("endpoints", status.endpoints),
            ("networks", status.networks),
        ];
        for (kind, count) in objects {
            set(&self.objects.get_or_create(&KindLabel { kind }), count);
        }
        self.synced.clear();
        for (source, state) in &status.sources {
            let synced = self.synced.get_or_create(&SourceLabel { source: source.clone() });
            synced.set(state.is_synced.into());
        }
        self.leading.set(status.is_leading.into());
        self.paused.set((!status.can_judge).into());
        self.brake.set(match status.brake {
            Passage::Free => 0,
            Passage::Closed { .. } => 1,
            Passage::OneByOne => 2,
        });
        set(&self.held_by_brake, status.held_by_brake);
        set(&self.parked, status.parked.len());
        set(&self.troubles, status.troubles.len());
        self.dropped_events.set(dropped_events);
    }
}

fn set(gauge: &Gauge, count: usize) {
    gauge.set(count.try_into().unwrap_or(i64::MAX));
}
