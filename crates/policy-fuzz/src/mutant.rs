//! Compilers with one mistake each, of the kind that others made: what they make of a policy is what a sound one makes of
//! another policy. The tests have to catch every one of them.

use std::collections::BTreeSet;

use danm_api::{LabelSelector, Requirement};
use serde_json::{Value, json};

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A peer with one of the labels is enough.
    LabelsOred,
    /// Only the first rule of each direction counts.
    OnlyTheFirstRule,
    /// A packet's source port is compared.
    SourcePorts,
    /// A rule whose peers select nobody is for everybody.
    EmptyPeersWidened,
    /// Both directions are isolated, whatever the policy is about.
    PolicyTypesIgnored,
    /// What one block excepts is excepted from all blocks of the rule.
    ExceptPooled,
    /// A peer may come by any network.
    NetworksIgnored,
    /// Namespaces make no difference.
    NamespacesIgnored,
    /// A port's name is a number that everybody knows.
    WellKnownNames,
    /// What nobody understands counts as not being there.
    UnreadableDropped,
    /// What is audited is enforced.
    AuditedEnforced,
}

// === impl Mutant ===

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::LabelsOred,
        Self::OnlyTheFirstRule,
        Self::SourcePorts,
        Self::EmptyPeersWidened,
        Self::PolicyTypesIgnored,
        Self::ExceptPooled,
        Self::NetworksIgnored,
        Self::NamespacesIgnored,
        Self::WellKnownNames,
        Self::UnreadableDropped,
        Self::AuditedEnforced,
    ];

    /// The world as the mistaken compiler sees it.
    pub fn mistake(self, objects: &[Value]) -> Vec<Value> {
        let labels: Vec<&Value> = objects.iter().map(|object| &object["metadata"]["labels"]).collect();
        let mut seen = objects.to_vec();
        for object in seen.iter_mut().filter(|object| object["kind"] == "DanmNetworkPolicy") {
            let spec = &mut object["spec"];
            if self == Self::PolicyTypesIgnored {
                spec["policyTypes"] = json!(["Ingress", "Egress"]);
            }
            if self == Self::AuditedEnforced {
                spec["enforcement"] = json!("enforce");
            }
            for (rules, peers) in [("ingress", "from"), ("egress", "to")] {
                if let Some(rules) = spec[rules].as_array_mut() {
                    self.mistake_rules(rules, peers, &labels);
                }
            }
        }
        seen
    }

    fn mistake_rules(self, rules: &mut Vec<Value>, peers: &str, labels: &[&Value]) {
        match self {
            Self::OnlyTheFirstRule => rules.truncate(1),
            Self::UnreadableDropped => rules.iter_mut().for_each(drop_unreadable),
            _ => {}
        }
        for rule in rules.iter_mut().filter(|rule| rule.is_object()) {
            if self == Self::WellKnownNames {
                let ports = rule["ports"].as_array_mut().into_iter().flatten();
                ports.filter(|port| port["port"].is_string()).for_each(|port| port["port"] = json!(80));
            }
            let Some(list) = rule[peers].as_array_mut() else { continue };
            self.mistake_peers(list);
            let selects_nobody = !list.is_empty() && list.iter().all(|peer| selects_nobody(peer, labels));
            if self == Self::EmptyPeersWidened && selects_nobody {
                rule[peers] = json!([]);
            }
        }
    }

    fn mistake_peers(self, peers: &mut Vec<Value>) {
        match self {
            Self::LabelsOred => {
                let split = peers.iter().flat_map(|peer| {
                    let labels = peer["podSelector"]["matchLabels"].as_object().cloned().unwrap_or_default();
                    let alone = labels.into_iter().map(|(key, value)| {
                        let mut peer = peer.clone();
                        peer["podSelector"]["matchLabels"] = json!({key: value});
                        peer
                    });
                    let alone: Vec<Value> = alone.collect();
                    if alone.is_empty() { vec![peer.clone()] } else { alone }
                });
                *peers = split.collect();
            }
            Self::ExceptPooled => {
                let all: Vec<Value> = peers
                    .iter()
                    .filter_map(|peer| peer["ipBlock"]["except"].as_array())
                    .flatten()
                    .cloned()
                    .collect();
                for peer in peers.iter_mut().filter(|peer| peer["ipBlock"].is_object()) {
                    peer["ipBlock"]["except"] = json!(all);
                }
            }
            Self::NetworksIgnored => without(peers, "networkSelector"),
            Self::NamespacesIgnored => {
                let selectors = peers.iter_mut().filter(|peer| peer["ipBlock"].is_null());
                selectors.for_each(|peer| peer["namespaceSelector"] = json!({}));
            }
            _ => {}
        }
    }
}

/// A peer that says nothing else then means every Pod of its namespace.
fn without(peers: &mut [Value], member: &str) {
    for peer in peers.iter_mut().filter(|peer| peer[member].is_array()) {
        let others = ["podSelector", "namespaceSelector"];
        let says_more = others.iter().any(|other| !peer[other].is_null());
        let Some(members) = peer.as_object_mut() else { continue };
        members.remove(member);
        if !says_more {
            members.insert("podSelector".to_owned(), json!({}));
        }
    }
}

fn drop_unreadable(rule: &mut Value) {
    let Some(ports) = rule.get_mut("ports").and_then(Value::as_array_mut) else { return };
    ports.retain(|port| port["protocol"] != "ICMP");
}

/// Whether no labels of anybody are such as a peer wants.
fn selects_nobody(peer: &Value, labels: &[&Value]) -> bool {
    let Ok(selector) = LabelSelector::read(&peer["podSelector"]) else { return false };
    let requirements: BTreeSet<&Requirement> = selector.requirements().collect();
    let wanted = requirements.iter().any(|requirement| matches!(requirement, Requirement::In(..)));
    let matches = |labels: &Value| {
        let pairs = labels.as_object().into_iter().flatten();
        let pairs =
            pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
        selector.matches(&pairs)
    };
    wanted && !labels.iter().any(|labels| matches(labels))
}
