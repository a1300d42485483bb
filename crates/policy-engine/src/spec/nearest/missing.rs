//! What a rule wants and a packet has not, and how that is said. Not which of it is missing.

use std::{fmt, net::IpAddr};

use danm_api::{LabelSelector, NetworkName, NetworkRef, PolicyPort, PortNumbers, Protocol};
use ipnet::IpNet;

use crate::NamespacedName;

/// Something that a rule wants and the packet has not. Its text is what a sentence about the packet says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// None of the rule's peers is understood.
    NoPeerUnderstood,
    /// None of its ports is understood.
    NoPortUnderstood,
    /// The address is not in the block.
    Outside(IpNet),
    /// The block excepts it.
    Excepted(IpNet),
    /// No living Pod holds the address.
    NobodysAddress(IpAddr),
    /// Nobody knows on which network the packet's interface is.
    UnclearInterface,
    /// The holder is of another Namespace than the policy.
    OtherNamespace(NamespacedName),
    /// The holder's Namespace is not there, or has not such labels.
    NamespaceLabels(NamespacedName, LabelSelector),
    /// The holder has not such labels.
    Labels(NamespacedName, LabelSelector),
    /// The holder's address is not on one of these networks, but on that one or on none.
    Network(NamespacedName, Option<NetworkRef>, Vec<NetworkName>),
    /// The judged Pod is on the peer's network itself, and the packet takes another interface.
    OtherInterface(NamespacedName, NetworkRef),
    /// So many hold the address on the interface's network, and not all of them are peers.
    Shared(usize),
    /// The packet has no ports, and the rule names some.
    Portless,
    /// The rule names ports of other protocols only.
    Protocol(Protocol, Vec<OpenPort>),
    /// It names other ports.
    Port(u16, Vec<OpenPort>),
    /// It names ports by what the peer calls them, and the peer does not call the packet's so.
    PortName(u16),
    /// One who answers for the Service is not allowed.
    Answering(NamespacedName, IpAddr, u16),
    /// Nobody answers for the Service.
    NobodyAnswers(NamespacedName),
}

/// A port that a rule opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenPort {
    /// The port as the rule names it.
    pub port: PolicyPort,
    /// The numbers that its name means, if it has one and it is known at which Pod.
    pub means: Option<Vec<u16>>,
}

// === impl Missing ===

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPeerUnderstood => f.write_str("no peer of the rule is understood"),
            Self::NoPortUnderstood => f.write_str("no port of the rule is understood"),
            Self::Outside(block) => write!(f, "the address is not in {block}"),
            Self::Excepted(block) => write!(f, "the address is in {block}, which is excepted"),
            Self::NobodysAddress(address) => write!(f, "no Pod holds {address}"),
            Self::UnclearInterface => f.write_str("nobody knows on which network the interface is"),
            Self::OtherNamespace(pod) => write!(f, "{pod} is not of the policy's namespace"),
            Self::NamespaceLabels(pod, selector) => {
                write!(f, "the namespace {} is not {selector}", pod.namespace)
            }
            Self::Labels(pod, selector) => write!(f, "{pod} is not {selector}"),
            Self::Network(pod, on, wanted) => {
                write!(
                    f,
                    "{pod} has the address on {}, not on {}",
                    Place(on.as_ref()),
                    listed(wanted, network)
                )
            }
            Self::OtherInterface(pod, network) => {
                write!(f, "{pod} is a peer by {network}, and this is another interface")
            }
            Self::Shared(holders) => write!(f, "{holders} hold the address, and not all of them are peers"),
            Self::Portless => f.write_str("it has no port"),
            Self::Protocol(protocol, ports) => {
                write!(f, "it is {}, and the rule opens {}", protocol.name(), listed(ports, port))
            }
            Self::Port(number, ports) => {
                write!(f, "it goes to {number}, and the rule opens {}", listed(ports, port))
            }
            Self::PortName(number) => write!(f, "the peer does not call {number} by that name"),
            Self::Answering(service, address, number) => {
                write!(f, "{address} answers on {number} for the Service {service} and is not allowed")
            }
            Self::NobodyAnswers(service) => write!(f, "nobody answers for the Service {service}"),
        }
    }
}

/// A network, or none.
struct Place<'a>(Option<&'a NetworkRef>);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(network) => network.fmt(f),
            None => f.write_str("no network"),
        }
    }
}

fn listed<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    items.iter().map(show).collect::<Vec<_>>().join(" or ")
}

fn network(name: &NetworkName) -> String {
    format!("{} {}", name.kind, name.name)
}

fn port(OpenPort { port, means }: &OpenPort) -> String {
    let protocol = port.protocol.name();
    match &port.numbers {
        PortNumbers::Named(name) if means.as_ref().is_some_and(Vec::is_empty) => {
            format!("{protocol} {name}, which the Pod calls no port")
        }
        PortNumbers::Named(name) if means.is_some() => {
            let numbers = listed(means.as_deref().unwrap_or_default(), ToString::to_string);
            format!("{protocol} {name}, which is {numbers} there")
        }
        PortNumbers::All => protocol.to_owned(),
        PortNumbers::Range(first, last) if first == last => format!("{protocol} {first}"),
        PortNumbers::Range(first, last) => format!("{protocol} {first}-{last}"),
        PortNumbers::Named(name) => format!("{protocol} {name}"),
    }
}
