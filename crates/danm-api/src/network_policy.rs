//! `DanmNetworkPolicy`: who may talk to the Pods that it selects, on which of their interfaces. It is read entry by entry, so
//! that one that cannot be understood allows nobody and hides no other. What the rules mean for a packet is not known here.

mod reading;
pub(crate) mod schema;

use ipnet::IpNet;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::{LabelSelector, NetworkKind, api_type::resource};

/// A policy, read only.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DanmNetworkPolicy {
    /// Its metadata, whole: the watch machinery needs it.
    pub metadata: ObjectMeta,
    /// What it says, as far as it is understood.
    pub spec: PolicySpec,
    /// Its `status.conditions` as they are, whoever wrote them: a list is only ever replaced as a whole, so who writes one of
    /// them has to write all. None if there is no list.
    pub conditions: Vec<Value>,
}

/// What a policy says. An entry that is not understood is `None` in its list: it allows nobody, and keeps the place that the
/// problem names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySpec {
    /// The Pods that it is about; none if that is not understood: then nothing is known about the policy.
    pub subject: Option<PolicySubject>,
    /// What may come in, if it says anything about that. No rule: nothing may.
    pub ingress: Option<Vec<Option<PolicyRule>>>,
    /// What may go out, likewise.
    pub egress: Option<Vec<Option<PolicyRule>>>,
    /// Whether anything is denied by it. What was written down before there was a choice is enforced.
    #[serde(default, skip_serializing_if = "Enforcement::is_enforced")]
    pub enforcement: Enforcement,
    /// What was not understood.
    pub problems: Vec<FieldProblem>,
}

/// What becomes of what a policy denies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Enforcement {
    /// It does not pass.
    #[default]
    Enforce,
    /// It passes, and is counted.
    Audit,
}

/// The Pods that a policy is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PolicySubject {
    /// Pods of its namespace.
    pub pods: LabelSelector,
    /// Only their interfaces on these networks; all of their interfaces if it names none.
    pub networks: Option<Vec<NetworkName>>,
}

/// Something in a policy that is not understood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FieldProblem {
    /// The field, such as `spec.ingress[0].from[1].ipBlock.cidr`.
    pub field: String,
    /// What is wrong with it, in words that go after its name.
    pub problem: String,
}

/// A rule: what comes from one of the peers, or goes to it, to one of the ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PolicyRule {
    /// The other side; whoever it is if nobody is named.
    pub peers: Option<Vec<Option<PolicyPeer>>>,
    /// The ports; everything if none is named, whatever its protocol.
    pub ports: Option<Vec<Option<PolicyPort>>>,
}

/// The other side of a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PolicyPeer {
    /// Interfaces of Pods.
    Pods(PodPeer),
    /// Addresses, whoever has them.
    Block(IpBlock),
}

/// Interfaces of Pods; everything that is named has to be so.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PodPeer {
    /// Of which namespaces; of the policy's own if it does not say.
    pub namespaces: Option<LabelSelector>,
    /// Of which Pods; of all if it does not say.
    pub pods: Option<LabelSelector>,
    /// On which networks; on any, and on none, if it does not say.
    pub networks: Option<Vec<NetworkName>>,
}

/// A network as a policy names it. One of a namespaced kind is that of the Pod's namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NetworkName {
    /// Its kind.
    pub kind: NetworkKind,
    /// Its name.
    pub name: Box<str>,
}

/// The addresses of a subnet, but for some of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IpBlock {
    /// The subnet, without host bits.
    pub cidr: IpNet,
    /// What does not belong to it.
    pub except: Vec<IpNet>,
}

/// Ports of a protocol.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PolicyPort {
    /// The protocol.
    pub protocol: Protocol,
    /// Which ports.
    pub numbers: PortNumbers,
}

/// Some ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PortNumbers {
    /// Every port.
    All,
    /// These, first and last.
    Range(u16, u16),
    /// Whatever the Pod that is spoken to calls so.
    Named(Box<str>),
}

/// A protocol that has ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

resource!(DanmNetworkPolicy, metadata);

// === impl DanmNetworkPolicy ===

/// Any object is a policy, though perhaps one of which nothing is understood.
impl<'de> Deserialize<'de> for DanmNetworkPolicy {
    fn deserialize<D: Deserializer<'de>>(object: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Shape {
            #[serde(default)]
            metadata: ObjectMeta,
            #[serde(default)]
            spec: Value,
            #[serde(default)]
            status: Value,
        }
        let Shape { metadata, spec, mut status } = Shape::deserialize(object)?;
        let conditions = match status.get_mut("conditions").map(Value::take) {
            Some(Value::Array(conditions)) => conditions,
            _ => Vec::new(),
        };
        Ok(Self { metadata, spec: PolicySpec::read(&spec), conditions })
    }
}

// === impl PolicySpec ===

impl PolicySpec {
    /// Whether nothing is denied by it, and only counted.
    pub const fn is_audited(&self) -> bool {
        !self.enforcement.is_enforced()
    }
}

// === impl Enforcement ===

impl Enforcement {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Enforce, Self::Audit];

    /// Whether it does not pass.
    pub const fn is_enforced(&self) -> bool {
        matches!(self, Self::Enforce)
    }

    /// As objects spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Audit => "audit",
        }
    }
}

// === impl Protocol ===

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Sctp];

    /// As objects spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        }
    }

    /// The protocol of this name, in capitals as objects spell it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }
}

#[cfg(test)]
mod tests;
