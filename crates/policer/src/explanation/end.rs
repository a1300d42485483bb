//! One end of a connection: which policies isolate, which of their rules decides, and what they would let pass.

use std::fmt;

use danm_api::{ApiGroup, PolicyRule};
use policy_engine::{
    Beside, Closest, Direction, Grant, Judgement, Lacks, NoTarget, Packet, Policy, PolicyKey, Verdict, Why,
    auditing, isolating, judge, nearest,
};
use serde::Serialize;

use super::{KernelRow, Question};
use crate::{opening::OpenedBy, parties::Party, words};

/// What becomes of a connection at one of its ends, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct End {
    /// Whether it passes.
    #[serde(rename = "verdict", serialize_with = "verdict")]
    pub is_allowed: bool,
    /// Why.
    pub reason: Reason,
    /// The policies that isolate.
    pub isolated_by: Vec<PolicyName>,
    /// The policies that are audited and would isolate, where none does.
    pub audited_by: Vec<PolicyName>,
    /// What allows it, if a rule does.
    pub decided_by: Option<Decision>,
    /// The rule that came nearest to allowing it, where none does.
    pub nearest: Option<Nearest>,
    /// Policies that would allow it if they were about the interface, where none does that is.
    pub beside: Vec<BesideRow>,
    /// What the policies that isolate let pass, where none of it fits.
    pub rules: Vec<RuleRow>,
    /// What the kernel of the Pod has, if that is asked for: one row for each of its network namespaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kernel: Vec<KernelRow>,
}

/// Why a packet passes or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    /// The Pod is part of its node.
    HostNetwork,
    /// The Pod has no endpoint.
    NoDanmEp,
    /// The annotation of its namespace opens it.
    Opened,
    /// No policy isolates the interface in this direction.
    NotIsolated,
    /// The same, and a rule of an audited policy allows it.
    AuditedAllowedByRule,
    /// The same, and no rule of an audited policy allows it.
    AuditedNoRule,
    /// A rule allows it.
    AllowedByRule,
    /// No rule allows it.
    NoRule,
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PolicyName {
    /// Its group.
    pub group: &'static str,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What allows a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Decision {
    /// The policy.
    pub policy: PolicyName,
    /// The rule, such as `spec.ingress[0]`.
    pub rule: String,
    /// The peer, such as `spec.ingress[0].from[1]`; none if the rule names none.
    pub peer: Option<String>,
    /// The port, such as `spec.ingress[0].ports[1]`; none if the rule names none.
    pub port: Option<String>,
    /// The Service for all whose endpoints the rule allows it, if it goes to one.
    pub service: Option<String>,
    /// The rule in words.
    pub words: String,
}

/// The rule that lacks the least.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Nearest {
    /// The policy.
    pub policy: PolicyName,
    /// The rule, such as `spec.ingress[0]`.
    pub rule: String,
    /// Its peer that comes nearest, such as `spec.ingress[0].from[1]`; none if it names none.
    pub peer: Option<String>,
    /// All that keeps it from allowing the packet, in words.
    pub missing: Vec<String>,
}

/// A policy that would allow it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct BesideRow {
    /// The policy.
    pub policy: PolicyName,
    /// The rule, such as `spec.ingress[0]`.
    pub rule: String,
    /// Why it is not about the interface, in words that go after `but it`.
    pub lacks: String,
}

/// A rule that does not allow it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RuleRow {
    /// The policy.
    pub policy: PolicyName,
    /// The rule, such as `spec.ingress[0]`; none if the policy has none of that direction.
    pub rule: Option<String>,
    /// The rule in words.
    pub words: String,
}

// === impl End ===

impl End {
    /// What becomes of a packet here, whose other end is there. None if this is no Pod.
    pub(crate) fn of(
        question: Question<'_>,
        direction: Direction,
        here: &Party,
        there: &Party,
    ) -> Option<Self> {
        let Some(place) = &here.place else {
            return here.pod.is_some().then(|| Self::passing(Reason::HostNetwork));
        };
        let packet = place.packet(direction, there.address, question.probe.traffic())?;
        Some(Self::at(question, &packet, here))
    }

    /// What becomes of a packet at a Pod.
    pub(crate) fn at(question: Question<'_>, packet: &Packet, here: &Party) -> Self {
        let Some(pod) = &here.pod else { return Self::passing(Reason::NotIsolated) };
        let kernel =
            question.kernels.map(|kernels| kernels.at(pod, packet, here.address)).unwrap_or_default();
        if question.inventory.opened_by(pod) == Some(OpenedBy::Namespace) {
            return Self { kernel, ..Self::passing(Reason::Opened) };
        }
        let Judgement { verdict, why } = judge(question.world(), pod, packet);
        let keys = isolating(question.world(), pod, packet);
        let audited = auditing(question.world(), pod, packet);
        let decided_by = match &why {
            Why::AllowedBy(grant) | Why::WouldBeAllowedBy(grant) => {
                Some(decision(question, packet.direction, grant))
            }
            _ => None,
        };
        let rules = match &why {
            Why::DeniedBy(keys) | Why::WouldBeDeniedBy(keys) => {
                keys.iter().flat_map(|key| rules(question, packet.direction, key)).collect()
            }
            _ => Vec::new(),
        };
        let missed = nearest(question.world(), pod, packet);
        let beside = missed.iter().flat_map(|missed| &missed.beside);
        let beside = beside.map(|one| BesideRow::of(one, packet.direction)).collect();
        let closest = missed.as_ref().and_then(|missed| missed.closest.as_ref());
        Self {
            nearest: closest.map(|closest| Nearest::of(closest, packet.direction)),
            beside,
            is_allowed: verdict == Verdict::Allow,
            reason: Reason::from(&why),
            isolated_by: keys.iter().map(PolicyName::from).collect(),
            audited_by: audited.iter().map(PolicyName::from).collect(),
            decided_by,
            rules,
            kernel,
        }
    }

    const fn passing(reason: Reason) -> Self {
        Self {
            is_allowed: true,
            reason,
            isolated_by: Vec::new(),
            audited_by: Vec::new(),
            decided_by: None,
            nearest: None,
            beside: Vec::new(),
            rules: Vec::new(),
            kernel: Vec::new(),
        }
    }
}

// === impl Nearest ===

impl Nearest {
    fn of(closest: &Closest, direction: Direction) -> Self {
        let rule = words::rule_field(direction, closest.rule);
        let peers = words::peers_field(direction);
        Self {
            policy: PolicyName::from(&closest.policy),
            peer: closest.peer.map(|peer| format!("{rule}.{peers}[{peer}]")),
            missing: closest.missing.iter().map(ToString::to_string).collect(),
            rule,
        }
    }
}

// === impl BesideRow ===

impl BesideRow {
    fn of(beside: &Beside, direction: Direction) -> Self {
        let lacks = match &beside.lacks {
            Lacks::Labels(selector) => format!("is about Pods {selector}"),
            Lacks::Networks(networks) => format!("is about interfaces on {}", words::networks(networks)),
            Lacks::Enforcement => "is audited, and allows nothing".to_owned(),
        };
        Self {
            policy: PolicyName::from(&beside.grant.policy),
            rule: words::rule_field(direction, beside.grant.rule),
            lacks,
        }
    }
}

/// The rules of a policy, in words.
fn rules(question: Question<'_>, direction: Direction, key: &PolicyKey) -> Vec<RuleRow> {
    let rules = rules_of(question, direction, key);
    let row = |rule: Option<String>, words| RuleRow { policy: PolicyName::from(key), rule, words };
    if rules.is_empty() {
        let unknown = question.world().policy(key).and_then(unknown_member);
        let words = match unknown {
            Some(field) => format!("{field} is not known, so its rules do not count: nothing passes"),
            None => format!("no rule for {direction}: nothing passes"),
        };
        return vec![row(None, words)];
    }
    let rules = rules.iter().enumerate();
    let told = rules.map(|(index, rule)| {
        row(Some(words::rule_field(direction, index)), words::rule(rule.as_ref(), direction))
    });
    told.collect()
}

/// A member of `spec` that nobody knows: it takes all rules away.
fn unknown_member(policy: &Policy) -> Option<&str> {
    let fields = policy.spec.problems.iter().filter(|problem| problem.problem.starts_with("is not known"));
    fields.map(|problem| problem.field.as_str()).find(|field| field.matches('.').count() == 1)
}

fn rules_of<'a>(question: Question<'a>, direction: Direction, key: &PolicyKey) -> &'a [Option<PolicyRule>] {
    let Some(policy) = question.world().policy(key) else { return &[] };
    let rules = match direction {
        Direction::Ingress => policy.spec.ingress.as_deref(),
        Direction::Egress => policy.spec.egress.as_deref(),
    };
    rules.unwrap_or_default()
}

fn decision(question: Question<'_>, direction: Direction, grant: &Grant) -> Decision {
    let rule = rules_of(question, direction, &grant.policy).get(grant.rule).and_then(Option::as_ref);
    let field = words::rule_field(direction, grant.rule);
    let peers = words::peers_field(direction);
    Decision {
        policy: PolicyName::from(&grant.policy),
        peer: grant.peer.map(|peer| format!("{field}.{peers}[{peer}]")),
        port: grant.port.map(|port| format!("{field}.ports[{port}]")),
        service: grant.service.as_ref().map(ToString::to_string),
        words: told(rule, direction, grant),
        rule: field,
    }
}

/// The peer and the port that allow it, in words.
fn told(rule: Option<&PolicyRule>, direction: Direction, grant: &Grant) -> String {
    fn entry<T>(list: Option<&Vec<Option<T>>>, index: Option<usize>) -> Option<&T> {
        list?.get(index?)?.as_ref()
    }
    let Some(rule) = rule else { return String::new() };
    let peer = entry(rule.peers.as_ref(), grant.peer).map_or_else(|| "anybody".to_owned(), words::peer);
    let port = entry(rule.ports.as_ref(), grant.port).map_or_else(|| "any port".to_owned(), words::port);
    format!("{} {peer}; {port}", words::peers_field(direction))
}

impl From<&Why> for Reason {
    fn from(why: &Why) -> Self {
        match why {
            Why::NoTarget(NoTarget::OnHostNetwork) => Self::HostNetwork,
            Why::NoTarget(NoTarget::WithoutEndpoints | NoTarget::NotThere) => Self::NoDanmEp,
            Why::NotIsolated => Self::NotIsolated,
            Why::WouldBeAllowedBy(_) => Self::AuditedAllowedByRule,
            Why::WouldBeDeniedBy(_) => Self::AuditedNoRule,
            Why::AllowedBy(_) => Self::AllowedByRule,
            Why::DeniedBy(_) => Self::NoRule,
        }
    }
}

impl From<&PolicyKey> for PolicyName {
    fn from(key: &PolicyKey) -> Self {
        Self {
            group: key.group.name(),
            namespace: key.name.namespace.as_ref().to_owned(),
            name: key.name.name.as_ref().to_owned(),
        }
    }
}

/// As `PolicyKey` is shown.
impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)?;
        if self.group == ApiGroup::DanmIo.name() { write!(f, " ({})", self.group) } else { Ok(()) }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn verdict<S: serde::Serializer>(is_allowed: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(Verdict::from(*is_allowed).name())
}
