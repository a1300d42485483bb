//! For how long nothing was heard from each watch, as of the moment somebody asks. A watch that is broken without
//! knowing it is silent; so is one of objects that do not change. Which it is, is for people to say.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use danm_api::Change;
use leak_judge::{Moment, Observation, Source};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
};

use crate::{Clock, SystemClock};

/// The name of the metric, and what it means.
const NAME: &str = "source_silent_seconds";
const HELP: &str = "Seconds since anything was heard from the watch of a source. A source whose objects do not change \
    is silent, too: bookmarks do not count. Pods and Nodes of a living cluster are rarely silent for minutes";

/// When something was last heard from each watch. Clones share it.
#[derive(Clone)]
pub(super) struct Silence {
    clock: SystemClock,
    heard: Arc<Mutex<BTreeMap<Source, Moment>>>,
}

// === impl Silence ===

impl Silence {
    /// Nothing was heard yet.
    pub(super) fn new(clock: SystemClock) -> Self {
        Self { clock, heard: Arc::default() }
    }

    /// Takes in that a watch told something.
    pub(super) fn hear(&self, observation: &Observation) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Observation::Unserved(source) = observation {
            heard.remove(source);
        } else if let Some(source) = told_by(observation) {
            heard.insert(source, self.clock.now());
        }
    }

    /// For how long each source that was ever heard has been silent, by its name.
    pub(super) fn lengths(&self) -> BTreeMap<String, Duration> {
        let now = self.clock.now();
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().map(|(source, at)| (source.to_string(), now.since(*at))).collect()
    }
}

impl fmt::Debug for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.lengths()).finish()
    }
}

impl Collector for Silence {
    /// Asked at each scrape: a number that was true when something last happened would never rise.
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut metric = encoder.encode_descriptor(NAME, HELP, None, MetricType::Gauge)?;
        for (source, silent) in self.lengths() {
            let labels = [("source", source)];
            ConstGauge::new(silent.as_secs_f64()).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// The source that tells an observation, if one does. That a list begins is told by ourselves.
fn told_by(observation: &Observation) -> Option<Source> {
    const fn is_heard<T>(change: &Change<T>) -> bool {
        !matches!(change, Change::ListBegins)
    }
    let (source, is_heard) = match observation {
        Observation::Pods(change) => (Source::Pods, is_heard(change)),
        Observation::Nodes(change) => (Source::Nodes, is_heard(change)),
        Observation::Namespaces(change) => (Source::Namespaces, is_heard(change)),
        Observation::Endpoints(group, change) => (Source::endpoints(*group), is_heard(change)),
        Observation::Networks(group, kind, change) => (Source::networks(*group, *kind), is_heard(change)),
        Observation::Reservations(change) => (Source::reservations(), is_heard(change)),
        Observation::BootsStored(_)
        | Observation::PodAbsent(_)
        | Observation::Pulse(..)
        | Observation::BitsRestored(..)
        | Observation::CalicoAnswered(..)
        | Observation::EndpointsRead(..)
        | Observation::EndpointDeleted(..)
        | Observation::Served(_)
        | Observation::Unserved(_)
        | Observation::Unavailable(..) => return None,
    };
    is_heard.then_some(source)
}

#[cfg(test)]
mod tests {
    use danm_api::ApiGroup;

    use super::*;

    #[test]
    fn only_what_a_server_says_ends_a_silence() {
        let silence = Silence::new(SystemClock::new());
        let names = || silence.lengths().into_keys().collect::<Vec<String>>();
        silence.hear(&Observation::Pods(Change::ListBegins));
        silence.hear(&Observation::Unavailable(Source::Pods, "forbidden".to_owned()));
        silence.hear(&Observation::Served(Source::Nodes));
        assert!(names().is_empty());

        silence.hear(&Observation::Pods(Change::ListEnds));
        silence.hear(&Observation::Endpoints(ApiGroup::DanmIo, Change::ListEnds));
        assert_eq!(names(), ["danmeps.danm.io", "pods"]);

        silence.hear(&Observation::Unserved(Source::endpoints(ApiGroup::DanmIo)));
        assert_eq!(names(), ["pods"], "of what is not served nothing is expected");
    }
}
