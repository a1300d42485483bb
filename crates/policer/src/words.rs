//! What policies say, in words: peers, ports and rules as people would tell them to each other, and the fields they stand in.

use danm_api::{LabelSelector, NetworkName, PolicyPeer, PolicyPort, PolicyRule, PortNumbers};
use policy_engine::Direction;

/// The field that a rule stands in, such as `spec.ingress[0]`.
pub(crate) fn rule_field(direction: Direction, rule: usize) -> String {
    format!("spec.{direction}[{rule}]")
}

/// The list of a rule's peers.
pub(crate) const fn peers_field(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    }
}

/// What a rule allows.
pub(crate) fn rule(rule: Option<&PolicyRule>, direction: Direction) -> String {
    let Some(rule) = rule else { return "is not understood, and allows nothing".to_owned() };
    let peers = match &rule.peers {
        None => "anybody".to_owned(),
        Some(peers) => alternatives(peers, peer),
    };
    let ports = match &rule.ports {
        None => "any port".to_owned(),
        Some(ports) => alternatives(ports, port),
    };
    format!("{} {peers}; port {ports}", peers_field(direction)).replace("port any port", "any port")
}

fn alternatives<T>(list: &[Option<T>], words: impl Fn(&T) -> String) -> String {
    let told = list.iter().map(|entry| entry.as_ref().map_or_else(|| "(not understood)".to_owned(), &words));
    told.collect::<Vec<_>>().join(", or ")
}

/// Whom a peer means.
pub(crate) fn peer(peer: &PolicyPeer) -> String {
    let pods = match peer {
        PolicyPeer::Block(block) if block.except.is_empty() => return block.cidr.to_string(),
        PolicyPeer::Block(block) => {
            let except: Vec<String> = block.except.iter().map(ToString::to_string).collect();
            return format!("{} except {}", block.cidr, except.join(", "));
        }
        PolicyPeer::Pods(pods) => pods,
    };
    let labels = match &pods.pods {
        Some(selector) if !is_all(selector) => format!("Pods {selector}"),
        _ => "all Pods".to_owned(),
    };
    let namespaces = match &pods.namespaces {
        None => " of the policy's namespace".to_owned(),
        Some(selector) if is_all(selector) => " of all namespaces".to_owned(),
        Some(selector) => format!(" of namespaces {selector}"),
    };
    let networks = pods.networks.as_deref().map(|networks| format!(" on {}", self::networks(networks)));
    labels + &namespaces + &networks.unwrap_or_default()
}

/// Networks as a policy names them.
pub(crate) fn networks(networks: &[NetworkName]) -> String {
    if networks.is_empty() {
        return "no network".to_owned();
    }
    networks.iter().map(network).collect::<Vec<_>>().join(" or ")
}

/// A network as a policy names it.
pub(crate) fn network(network: &NetworkName) -> String {
    format!("{} {}", network.kind, network.name)
}

/// Which ports are meant.
pub(crate) fn port(port: &PolicyPort) -> String {
    let protocol = port.protocol.name();
    match &port.numbers {
        PortNumbers::All => format!("{protocol}/any"),
        PortNumbers::Range(first, last) if first == last => format!("{protocol}/{first}"),
        PortNumbers::Range(first, last) => format!("{protocol}/{first}-{last}"),
        PortNumbers::Named(name) => format!("{protocol}/{name}"),
    }
}

fn is_all(selector: &LabelSelector) -> bool {
    *selector == LabelSelector::default()
}

#[cfg(test)]
mod tests {
    use danm_api::PolicySpec;

    use super::*;

    fn told(ingress: &serde_json::Value) -> String {
        let spec = PolicySpec::read(&serde_json::json!({"ingress": [ingress]}));
        let rules = spec.ingress.expect("it is about what comes in");
        rule(rules[0].as_ref(), Direction::Ingress)
    }

    #[test]
    fn rules_are_told_as_people_would() {
        let cases = [
            (serde_json::json!({}), "from anybody; any port"),
            (
                serde_json::json!({"from": [{"podSelector": {}}]}),
                "from all Pods of the policy's namespace; any port",
            ),
            (
                serde_json::json!({"from": [{"podSelector": {"matchLabels": {"a": "b"}}, "namespaceSelector": {}}],
                    "ports": [{"port": 80, "endPort": 90}, {"protocol": "UDP"}]}),
                "from Pods a=b of all namespaces; port TCP/80-90, or UDP/any",
            ),
            (
                serde_json::json!({"from": [{"networkSelector": [{"name": "n"}]}, {"ipBlock": {"cidr": "10.0.0.0/8",
                    "except": ["10.1.0.0/16"]}}, {"what": 1}], "ports": [{"port": "http"}]}),
                "from all Pods of the policy's namespace on DanmNet n, or 10.0.0.0/8 except 10.1.0.0/16, or (not \
                 understood); port TCP/http",
            ),
            (serde_json::json!(7), "is not understood, and allows nothing"),
        ];
        for (rule, words) in cases {
            assert_eq!(told(&rule), words);
        }
    }
}
