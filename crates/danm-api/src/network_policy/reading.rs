//! Reads the `spec` of a policy. What it does not understand it names, and takes for less than it may have meant: a rule, peer
//! or port that is not understood allows nothing. Fields that are not known may narrow what they stand in, so they count as
//! not understood.

use std::str::FromStr;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::{
    Enforcement, FieldProblem, IpBlock, NetworkName, PodPeer, PolicyPeer, PolicyPort, PolicyRule, PolicySpec,
    PolicySubject, PortNumbers, Protocol,
};
use crate::{LabelSelector, NetworkKind};

/// The longest name of a port (IANA service names).
pub(super) const LONGEST_PORT_NAME: usize = 15;

/// What was not understood so far.
#[derive(Default)]
struct Reading {
    problems: Vec<FieldProblem>,
}

/// What should be a list is none.
struct NoList;

/// The direction of a rule, and what its list of peers is called in it.
#[derive(Clone, Copy)]
struct Direction {
    rules: &'static str,
    peers: &'static str,
    policy_type: &'static str,
}

const INGRESS: Direction = Direction { rules: "ingress", peers: "from", policy_type: "Ingress" };
const EGRESS: Direction = Direction { rules: "egress", peers: "to", policy_type: "Egress" };

/// The members of a `spec`.
const MEMBERS: [&str; 6] =
    ["podSelector", "networkSelector", "policyTypes", "ingress", "egress", "enforcement"];

// === impl PolicySpec ===

impl PolicySpec {
    /// Reads a `spec`. Whatever it is, something is understood: at the least that there is a policy.
    pub fn read(spec: &Value) -> Self {
        let mut reading = Reading::default();
        let Some(members) = spec.as_object() else {
            reading.note("spec", "is no object");
            return Self { problems: reading.problems, ..Self::default() };
        };
        let is_strange = reading.note_unknown(members);
        let subject = reading.subject(members);
        let types = reading.policy_types(members);
        let ingress = reading.direction(members, INGRESS, types.as_deref());
        let egress = reading.direction(members, EGRESS, types.as_deref());
        let enforcement = reading.enforcement(members);
        let problems = reading.problems;
        if is_strange {
            let (ingress, egress, enforcement) = (Some(Vec::new()), Some(Vec::new()), Enforcement::Enforce);
            return Self { subject, ingress, egress, enforcement, problems };
        }
        Self { subject, ingress, egress, enforcement, problems }
    }
}

// === impl Reading ===

impl Reading {
    fn note(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.problems.push(FieldProblem { field: field.into(), problem: problem.into() });
    }

    /// Notes the members of a `spec` that nobody knows. They may narrow everything that it says, or close more than it says
    /// otherwise; so it isolates, and allows nothing.
    fn note_unknown(&mut self, spec: &Map<String, Value>) -> bool {
        let members =
            spec.iter().filter(|(name, value)| !value.is_null() && !MEMBERS.contains(&name.as_str()));
        let unknown: Vec<&String> = members.map(|(name, _)| name).collect();
        for name in &unknown {
            self.note(
                format!("spec.{name}"),
                "is not known, and may mean anything: the policy allows nothing",
            );
        }
        !unknown.is_empty()
    }

    /// The members of an object whose members are all known.
    fn members<'a>(
        &mut self,
        value: &'a Value,
        field: &str,
        known: &[&str],
    ) -> Option<&'a Map<String, Value>> {
        let Some(members) = value.as_object() else {
            self.note(field, "is no object");
            return None;
        };
        let unknown =
            members.iter().find(|(name, value)| !value.is_null() && !known.contains(&name.as_str()));
        if let Some((unknown, _)) = unknown {
            self.note(format!("{field}.{unknown}"), "is not known: what it stands in allows nothing");
            return None;
        }
        Some(members)
    }

    fn subject(&mut self, spec: &Map<String, Value>) -> Option<PolicySubject> {
        let pods = match present(spec, "podSelector") {
            Some(selector) => self.selector(selector, "spec.podSelector"),
            None => Some(LabelSelector::default()),
        };
        let networks = present(spec, "networkSelector").and_then(|networks| self.subject_networks(networks));
        Some(PolicySubject { pods: pods?, networks })
    }

    /// All of them have to be understood, and there has to be one: else nobody knows which interfaces are meant, and it
    /// may be any.
    fn subject_networks(&mut self, networks: &Value) -> Option<Vec<NetworkName>> {
        let names = self.networks(networks, "spec.networkSelector")?;
        if names.is_empty() {
            self.note(
                "spec.networkSelector",
                "is empty: leave it out, or name a network; all are meant until then",
            );
            return None;
        }
        names.into_iter().collect()
    }

    fn selector(&mut self, selector: &Value, field: &str) -> Option<LabelSelector> {
        match LabelSelector::read(selector) {
            Ok(selector) => Some(selector),
            Err(error) => {
                let separator = if error.member.is_empty() { "" } else { "." };
                self.note(format!("{field}{separator}{}", error.member), error.problem);
                None
            }
        }
    }

    /// What is not understood is enforced: to be audited opens.
    fn enforcement(&mut self, spec: &Map<String, Value>) -> Enforcement {
        let Some(value) = present(spec, "enforcement") else { return Enforcement::default() };
        let named = Enforcement::ALL.into_iter().find(|it| value.as_str() == Some(it.name()));
        named.unwrap_or_else(|| {
            self.note("spec.enforcement", "is neither enforce nor audit: the policy is enforced");
            Enforcement::Enforce
        })
    }

    /// Which directions are meant, if that is said; nothing if it is not understood: it may be both.
    fn policy_types<'a>(&mut self, spec: &'a Map<String, Value>) -> Option<Vec<&'a str>> {
        let Some(types) = present(spec, "policyTypes") else { return Some(Vec::new()) };
        let names: Option<Vec<&str>> =
            types.as_array().and_then(|types| types.iter().map(Value::as_str).collect());
        let names = names.filter(|names| names.iter().all(|name| ["Ingress", "Egress"].contains(name)));
        if names.is_none() {
            self.note("spec.policyTypes", "is no list of Ingress and Egress: both are isolated");
        }
        names
    }

    /// The rules of a direction, if the policy is about it. As Kubernetes fills it in: unless it is said otherwise, always
    /// about what comes in, and about what goes out if there are rules for that.
    fn direction(
        &mut self,
        spec: &Map<String, Value>,
        direction: Direction,
        types: Option<&[&str]>,
    ) -> Option<Vec<Option<PolicyRule>>> {
        let rules = present(spec, direction.rules);
        let is_meant = match types {
            Some([]) => {
                direction.rules == "ingress"
                    || rules.is_some_and(|rules| rules.as_array().is_none_or(|list| !list.is_empty()))
            }
            Some(types) => types.contains(&direction.policy_type),
            None => true,
        };
        if !is_meant {
            return None;
        }
        let Some(rules) = rules else { return Some(Vec::new()) };
        let field = format!("spec.{}", direction.rules);
        let Some(rules) = rules.as_array() else {
            self.note(field, "is no list: it allows nothing");
            return Some(Vec::new());
        };
        let read = |(index, rule)| self.rule(rule, &format!("{field}[{index}]"), direction.peers);
        Some(rules.iter().enumerate().map(read).collect())
    }

    fn rule(&mut self, rule: &Value, field: &str, peers: &str) -> Option<PolicyRule> {
        let members = self.members(rule, field, &[peers, "ports"])?;
        let peers = self.list(members, field, peers, Self::peer).ok()?;
        let ports = self.list(members, field, "ports", Self::port).ok()?;
        Some(PolicyRule { peers, ports })
    }

    /// The entries of a list that means everything if it is empty.
    fn list<T>(
        &mut self,
        members: &Map<String, Value>,
        field: &str,
        name: &str,
        read: impl Fn(&mut Self, &Value, &str) -> Option<T>,
    ) -> Result<Option<Vec<Option<T>>>, NoList> {
        let field = format!("{field}.{name}");
        let Some(list) = present(members, name) else { return Ok(None) };
        let Some(list) = list.as_array() else {
            self.note(field, "is no list: its rule allows nothing");
            return Err(NoList);
        };
        if list.is_empty() {
            return Ok(None);
        }
        let entries = list.iter().enumerate();
        Ok(Some(entries.map(|(index, entry)| read(self, entry, &format!("{field}[{index}]"))).collect()))
    }

    fn peer(&mut self, peer: &Value, field: &str) -> Option<PolicyPeer> {
        let known = ["podSelector", "namespaceSelector", "networkSelector", "ipBlock"];
        let members = self.members(peer, field, &known)?;
        let has_selector = known.iter().take(3).any(|name| present(members, name).is_some());
        match present(members, "ipBlock") {
            Some(_) if has_selector => {
                self.note(field, "has an ipBlock beside selectors: it allows nobody");
                None
            }
            Some(block) => self.block(block, &format!("{field}.ipBlock")).map(PolicyPeer::Block),
            None if has_selector => self.pod_peer(members, field).map(PolicyPeer::Pods),
            None => {
                self.note(field, "names nobody: it allows nobody");
                None
            }
        }
    }

    fn pod_peer(&mut self, members: &Map<String, Value>, field: &str) -> Option<PodPeer> {
        let mut selector = |name: &str| {
            let Some(selector) = present(members, name) else { return Some(None) };
            self.selector(selector, &format!("{field}.{name}")).map(Some)
        };
        let (pods, namespaces) = (selector("podSelector"), selector("namespaceSelector"));
        let networks = match present(members, "networkSelector") {
            // Those that are not understood select nothing; the others do.
            Some(networks) => {
                let names = self.networks(networks, &format!("{field}.networkSelector"));
                names.map(|names| Some(names.into_iter().flatten().collect()))
            }
            None => Some(None),
        };
        Some(PodPeer { namespaces: namespaces?, pods: pods?, networks: networks? })
    }

    /// The networks of a list, each if it is understood.
    fn networks(&mut self, networks: &Value, field: &str) -> Option<Vec<Option<NetworkName>>> {
        let Some(list) = networks.as_array() else {
            self.note(field, "is no list");
            return None;
        };
        let entries = list.iter().enumerate();
        Some(entries.map(|(index, network)| self.network(network, &format!("{field}[{index}]"))).collect())
    }

    fn network(&mut self, network: &Value, field: &str) -> Option<NetworkName> {
        let members = self.members(network, field, &["name", "type"])?;
        let name = match present(members, "name").and_then(Value::as_str) {
            Some(name) if !name.is_empty() => name,
            _ => {
                self.note(format!("{field}.name"), "names no network");
                return None;
            }
        };
        let kind = present(members, "type").map_or(Some(""), Value::as_str);
        match kind.map(NetworkKind::from_str) {
            Some(Ok(kind)) => Some(NetworkName { kind, name: name.into() }),
            Some(Err(error)) => {
                self.note(format!("{field}.type"), format!("is not understood: {error}"));
                None
            }
            None => {
                self.note(format!("{field}.type"), "is no text");
                None
            }
        }
    }

    fn block(&mut self, block: &Value, field: &str) -> Option<IpBlock> {
        let members = self.members(block, field, &["cidr", "except"])?;
        let cidr = self.subnet(present(members, "cidr"), &format!("{field}.cidr"))?;
        let Some(except) = present(members, "except") else {
            return Some(IpBlock { cidr, except: Vec::new() });
        };
        let field = format!("{field}.except");
        let Some(list) = except.as_array() else {
            self.note(field, "is no list: its block allows nobody");
            return None;
        };
        let entries = list.iter().enumerate();
        let except: Option<Vec<IpNet>> =
            entries.map(|(index, one)| self.subnet(Some(one), &format!("{field}[{index}]"))).collect();
        Some(IpBlock { cidr, except: except? })
    }

    /// A subnet, whose host bits do not count. An IPv4 subnet in the clothes of IPv6 is refused: no packet has such an address.
    fn subnet(&mut self, subnet: Option<&Value>, field: &str) -> Option<IpNet> {
        let text = subnet.and_then(Value::as_str).unwrap_or_default();
        let Some(cidr) = parse_subnet(text) else {
            self.note(field, format!("is no subnet: {text:?}"));
            return None;
        };
        if let IpNet::V6(v6) = cidr
            && v6.prefix_len() >= 96
            && v6.addr().to_ipv4_mapped().is_some()
        {
            self.note(field, format!("is an IPv4 subnet written as IPv6: {text:?}"));
            return None;
        }
        Some(cidr.trunc())
    }

    fn port(&mut self, port: &Value, field: &str) -> Option<PolicyPort> {
        let members = self.port_members(port, field)?;
        let name = members.protocol.map_or(Some("TCP"), Value::as_str);
        let Some(protocol) = name.and_then(Protocol::named) else {
            self.note(format!("{field}.protocol"), "is none of TCP, UDP and SCTP");
            return None;
        };
        let numbers = match (members.port, members.end_port) {
            (None, None) => Ok(PortNumbers::All),
            (None, Some(_)) => Err("has an endPort and no port"),
            (Some(port), end) => numbers(port, end),
        };
        match numbers {
            Ok(numbers) => Some(PolicyPort { protocol, numbers }),
            Err(problem) => {
                self.note(field, problem);
                None
            }
        }
    }

    /// The reference writes these names with a capital letter, and reads them however they are written.
    fn port_members<'a>(&mut self, port: &'a Value, field: &str) -> Option<PortMembers<'a>> {
        let Some(members) = port.as_object() else {
            self.note(field, "is no object");
            return None;
        };
        let mut known = PortMembers::default();
        for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            let member = match name.to_ascii_lowercase().as_str() {
                "protocol" => &mut known.protocol,
                "port" => &mut known.port,
                "endport" => &mut known.end_port,
                _ => {
                    self.note(format!("{field}.{name}"), "is not known: its port allows nothing");
                    return None;
                }
            };
            if member.replace(value).is_some() {
                self.note(format!("{field}.{name}"), "is there twice, in several spellings");
                return None;
            }
        }
        Some(known)
    }
}

/// The members of a port.
#[derive(Default)]
struct PortMembers<'a> {
    protocol: Option<&'a Value>,
    port: Option<&'a Value>,
    end_port: Option<&'a Value>,
}

fn numbers(port: &Value, end: Option<&Value>) -> Result<PortNumbers, &'static str> {
    if let Some(name) = port.as_str() {
        return match end {
            Some(_) => Err("has an endPort beside a port with a name"),
            None if is_port_name(name) => Ok(PortNumbers::Named(name.into())),
            None => Err("has a port that is neither a number nor the name of a port"),
        };
    }
    let first = number(port).ok_or("has a port that is not between 1 and 65535")?;
    let last = match end {
        None => first,
        Some(end) => number(end).ok_or("has an endPort that is not between 1 and 65535")?,
    };
    if last < first {
        return Err("has an endPort below its port");
    }
    Ok(PortNumbers::Range(first, last))
}

fn number(port: &Value) -> Option<u16> {
    port.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)
}

/// Numbers with leading zeros are refused: some take them for octal ones.
fn parse_subnet(text: &str) -> Option<IpNet> {
    let (address, length) = text.split_once('/')?;
    let is_plain = length == "0" || !length.starts_with(['0', '+']);
    IpNet::new(address.parse().ok()?, length.parse().ok().filter(|_| is_plain)?).ok()
}

/// What Kubernetes lets a container call a port: letters, digits and single hyphens between them, a letter among them.
fn is_port_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty()
        && name.len() <= LONGEST_PORT_NAME
        && name.chars().all(is_allowed)
        && name.chars().any(|c| c.is_ascii_lowercase())
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}

/// A member that is there; `null` is as good as absent.
fn present<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).filter(|value| !value.is_null())
}
