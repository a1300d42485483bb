//! Metrics of packets that rules have counted. Connections that go on pass before any rule of a policy: what is counted is what was
//! judged, the first packets of connections as a rule. Reading counters is the worker's.

use std::collections::HashSet;

use policy_engine::{Counted, Counter as Rule, Direction};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// The metrics.
pub(super) struct PacketCounters {
    allowed: Family<PolicyLabels, Counter>,
    denied: Family<DeniedLabels, Counter>,
    excepted: Family<ExceptionLabels, Counter>,
    audited: Family<AuditedLabels, Counter>,
    /// Series that there are: whoever writes policies and endpoints decides how many there would be.
    known: HashSet<PolicyLabels>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PolicyLabels {
    namespace: String,
    policy: String,
    direction: &'static str,
    interface: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeniedLabels {
    namespace: String,
    direction: &'static str,
    interface: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AuditedLabels {
    namespace: String,
    direction: &'static str,
    interface: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ExceptionLabels {
    exception: &'static str,
}

/// At most so many series of each kind; what is beyond is counted where names are left out.
const SERIES: usize = 2_000;

// === impl PacketCounters ===

impl PacketCounters {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let counters = Self {
            allowed: Family::default(),
            denied: Family::default(),
            excepted: Family::default(),
            audited: Family::default(),
            known: HashSet::new(),
        };
        registry.register(
            "allowed_packets",
            "Packets that rules of a policy allowed when their connections were judged, by interface of the Pod",
            counters.allowed.clone(),
        );
        registry.register(
            "denied_packets",
            "Packets that were denied, by namespace and interface of the Pod: by policies, or as part of no connection",
            counters.denied.clone(),
        );
        registry.register(
            "excepted_packets",
            "Packets of connections that are open whatever policies say, when they were judged",
            counters.excepted.clone(),
        );
        registry.register(
            "audited_packets",
            "Packets that passed because policies that deny them are audited, by namespace and interface of the Pod",
            counters.audited.clone(),
        );
        counters
    }

    /// Counts packets of Pods of a namespace.
    pub(super) fn count(&mut self, namespace: &str, counted: Vec<(Rule, u64)>) {
        for (rule, packets) in counted {
            self.count_one(namespace, &rule, packets);
        }
    }

    fn count_one(&mut self, namespace: &str, rule: &Rule, packets: u64) {
        let at = PolicyLabels { namespace: namespace.to_owned(), policy: String::new(), ..labels("", rule) };
        let reason = match &rule.counted {
            Counted::Policy(policy, _) => {
                let labels = self.capped(labels(policy, rule));
                self.allowed.get_or_create(&labels).inc_by(packets);
                return;
            }
            Counted::Exception(exception) => {
                self.excepted.get_or_create(&ExceptionLabels { exception }).inc_by(packets);
                return;
            }
            Counted::WouldBeDenied => {
                let PolicyLabels { namespace, direction, interface, .. } = self.capped(at);
                self.audited
                    .get_or_create(&AuditedLabels { namespace, direction, interface })
                    .inc_by(packets);
                return;
            }
            Counted::Denied => "policy",
            Counted::Invalid => "no-connection",
            Counted::Unopened => "not-opened",
        };
        let PolicyLabels { namespace, direction, interface, .. } = self.capped(at);
        self.denied.get_or_create(&DeniedLabels { namespace, direction, interface, reason }).inc_by(packets);
    }

    /// These, or such without names if there are too many.
    fn capped(&mut self, labels: PolicyLabels) -> PolicyLabels {
        if self.known.contains(&labels) {
            return labels;
        }
        if self.known.len() >= SERIES {
            let (namespace, policy, interface) = Default::default();
            return PolicyLabels { namespace, policy, interface, ..labels };
        }
        self.known.insert(labels.clone());
        labels
    }
}

/// What a rule of a policy is about.
fn labels(policy: &str, rule: &Rule) -> PolicyLabels {
    let (namespace, policy) = policy.split_once('/').unwrap_or_default();
    PolicyLabels {
        namespace: namespace.to_owned(),
        policy: policy.to_owned(),
        direction: rule.direction.map(Direction::name).unwrap_or_default(),
        interface: rule.interface.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    fn text(registry: &Registry) -> String {
        let mut text = String::new();
        encode(&mut text, registry).expect("a text takes it");
        text
    }

    #[test]
    fn packets_are_told_by_policy_direction_and_interface() {
        let mut registry = Registry::default();
        let mut counters = PacketCounters::register(&mut registry);
        let read = |chain, comment| Rule::read(chain, comment).expect("ours");
        counters.count(
            "shop",
            vec![
                (read("ingress_eth0", "shop/db ingress[0]"), 2),
                (read("ingress_eth0", "shop/db ingress[1]"), 3),
                (read("others_egress", "denied"), 4),
                (read("opening", "of no connection"), 1),
                (read("judge_egress", "names"), 7),
                (read("egress_eth0", "would be denied"), 6),
            ],
        );
        let text = text(&registry);
        for line in [
            "allowed_packets_total{namespace=\"shop\",policy=\"db\",direction=\"ingress\",interface=\"eth0\"} 5",
            "denied_packets_total{namespace=\"shop\",direction=\"egress\",interface=\"*\",reason=\"policy\"} 4",
            "denied_packets_total{namespace=\"shop\",direction=\"\",interface=\"\",reason=\"no-connection\"} 1",
            "excepted_packets_total{exception=\"names\"} 7",
            "audited_packets_total{namespace=\"shop\",direction=\"egress\",interface=\"eth0\"} 6",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }

    #[test]
    fn what_is_beyond_the_series_that_there_may_be_is_counted_without_names() {
        let mut registry = Registry::default();
        let mut counters = PacketCounters::register(&mut registry);
        for number in 0..SERIES + 10 {
            let rule = Rule::read("ingress_eth0", &format!("shop/p{number} ingress[0]")).expect("ours");
            counters.count("shop", vec![(rule, 1)]);
        }
        let text = text(&registry);
        assert_eq!(text.lines().filter(|line| line.starts_with("allowed_packets_total")).count(), SERIES + 1);
        let rest =
            "allowed_packets_total{namespace=\"\",policy=\"\",direction=\"ingress\",interface=\"\"} 10";
        assert!(text.contains(rest), "{rest}");
    }
}
