//! Sets of addresses: what defines one, what it is called, and who is in it. A name says what is meant, never who that is at
//! the moment: a new peer is one element more, not another set.

use std::{
    collections::BTreeSet,
    fmt::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use danm_api::{IpBlock, LabelSelector, NetworkName, NetworkRef, PolicyRule, Protocol};
use sha2::{Digest, Sha256};

use crate::{
    Attachment,
    ranges::{self, Range},
};

/// Of which namespaces Pods are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamespaceScope {
    /// Of this.
    One(Arc<str>),
    /// Of those whose labels are so.
    Selected(Arc<LabelSelector>),
    /// Of any, even if its Namespace is not known.
    Any,
}

/// Pods that somebody selects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerGroup {
    /// Of which namespaces.
    pub namespaces: NamespaceScope,
    /// With which labels.
    pub pods: Arc<LabelSelector>,
}

/// Interfaces of such Pods, as they are met at one interface of the Pod that is judged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerView {
    /// Whose interfaces.
    pub group: PeerGroup,
    /// On which networks; on any, and on none, if it does not say.
    pub networks: Option<BTreeSet<NetworkName>>,
    /// The network on which they are met. Whoever holds an address there holds it, whoever holds it elsewhere.
    pub met_on: Option<NetworkRef>,
    /// Networks on which the judged Pod has another interface: who is to come by one of these may not come by this.
    pub hidden: BTreeSet<NetworkRef>,
}

/// What defines a set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetDefinition {
    /// Addresses of Pods.
    Pods(PeerView),
    /// Addresses of Pods, each with the ports to which that Pod gives one of these names.
    PodPorts(PeerView, BTreeSet<(Protocol, Box<str>)>),
    /// Addresses, whoever has them.
    Blocks(BTreeSet<IpBlock>),
    /// Addresses and ports of Services all of whose endpoints one of these rules allows.
    Services(ServiceView),
}

/// The rules by which Services are reached from one interface of Pods.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceView {
    /// The namespace of the policy.
    pub namespace: Arc<str>,
    /// Its rules.
    pub rules: Arc<[Option<PolicyRule>]>,
    /// The network of the interface.
    pub attachment: Attachment,
    /// All networks of the judged Pod.
    pub own: Arc<BTreeSet<NetworkRef>>,
}

/// What a set is called, in every Pod the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetName(Arc<str>);

/// Who is in a set, in order, by family.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Members {
    /// Addresses.
    Addresses(Vec<Ipv4Addr>, Vec<Ipv6Addr>),
    /// Ranges of addresses that do not touch.
    Ranges(Vec<Range<Ipv4Addr>>, Vec<Range<Ipv6Addr>>),
    /// Ports at addresses.
    Ports(Vec<(Ipv4Addr, Protocol, u16)>, Vec<(Ipv6Addr, Protocol, u16)>),
    /// Flows that were denied: a kernel knows them, and nobody else.
    Denied,
}

/// Half of what SHA-256 gives: tenants choose what is hashed, and two definitions must never get one name.
const NAME_BYTES: usize = 16;

// === impl SetDefinition ===

impl SetDefinition {
    /// Its name.
    pub fn name(&self) -> SetName {
        let prefix = match self {
            Self::Pods(_) => "pods",
            Self::PodPorts(..) => "ports",
            Self::Blocks(_) => "blocks",
            Self::Services(_) => "services",
        };
        let mut text = Hashed(Sha256::new());
        // Texts are quoted in it, so no two definitions are written alike; to write into a hash does not fail.
        let written = write!(text, "{self:?}");
        debug_assert!(written.is_ok());
        let digest = text.0.finalize();
        let mut name = format!("{prefix}_");
        for byte in digest.iter().take(NAME_BYTES) {
            let _ = write!(name, "{byte:02x}");
        }
        SetName(name.into())
    }

    /// Nobody, in the shape of such a set.
    pub fn nobody(&self) -> Members {
        match self {
            Self::Pods(_) => Members::Addresses(Vec::new(), Vec::new()),
            Self::PodPorts(..) | Self::Services(_) => Members::Ports(Vec::new(), Vec::new()),
            Self::Blocks(blocks) => {
                let (v4, v6) = ranges::addresses(&blocks.iter().cloned().collect::<Vec<_>>());
                Members::Ranges(v4, v6)
            }
        }
    }

    /// The peers that it is about.
    pub const fn view(&self) -> Option<&PeerView> {
        match self {
            Self::Pods(view) | Self::PodPorts(view, ..) => Some(view),
            Self::Blocks(_) | Self::Services(_) => None,
        }
    }
}

/// In words.
impl fmt::Display for SetDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pods(view) => write!(f, "addresses of {view}"),
            Self::PodPorts(view, names) => {
                let names: Vec<String> =
                    names.iter().map(|(protocol, name)| format!("{} {name}", protocol.name())).collect();
                write!(f, "ports called {} of {view}", names.join(" or "))
            }
            Self::Blocks(blocks) => {
                let blocks: Vec<String> = blocks.iter().map(block_in_words).collect();
                write!(f, "addresses in {}", blocks.join(", "))
            }
            Self::Services(view) => {
                write!(f, "Services all of whose endpoints a rule in namespace {} allows", view.namespace)
            }
        }
    }
}

fn block_in_words(block: &IpBlock) -> String {
    let except: Vec<String> = block.except.iter().map(ToString::to_string).collect();
    match except.as_slice() {
        [] => block.cidr.to_string(),
        except => format!("{} except {}", block.cidr, except.join(" and ")),
    }
}

// === impl PeerView ===

impl fmt::Display for PeerView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pods {} in ", self.group.pods)?;
        match &self.group.namespaces {
            NamespaceScope::One(name) => write!(f, "namespace {name}")?,
            NamespaceScope::Selected(selector) => write!(f, "namespaces {selector}")?,
            NamespaceScope::Any => f.write_str("any namespace")?,
        }
        if let Some(networks) = &self.networks {
            let names: Vec<String> = networks.iter().map(|it| format!("{} {}", it.kind, it.name)).collect();
            write!(f, " on {}", names.join(" or "))?;
        }
        match &self.met_on {
            Some(network) => write!(f, ", met on {network}")?,
            None => f.write_str(", met on no network")?,
        }
        let hidden: Vec<String> = self.hidden.iter().map(ToString::to_string).collect();
        if !hidden.is_empty() {
            write!(f, ", but not who is on {}", hidden.join(" or "))?;
        }
        Ok(())
    }
}

/// Text that is hashed while it is written.
struct Hashed(Sha256);

impl Write for Hashed {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

// === impl SetName ===

impl SetName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Members ===

impl Members {
    /// Whether an address is in it, with whatever port.
    pub fn has_address(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::Addresses(v4, _), IpAddr::V4(address)) => v4.binary_search(&address).is_ok(),
            (Self::Addresses(_, v6), IpAddr::V6(address)) => v6.binary_search(&address).is_ok(),
            (Self::Ranges(v4, _), IpAddr::V4(address)) => ranges::contains(v4, address),
            (Self::Ranges(_, v6), IpAddr::V6(address)) => ranges::contains(v6, address),
            (Self::Ports(..) | Self::Denied, _) => false,
        }
    }

    /// Whether a port at an address is in it.
    pub fn has_port(&self, address: IpAddr, protocol: Protocol, port: u16) -> bool {
        match (self, address) {
            (Self::Ports(v4, _), IpAddr::V4(address)) => v4.binary_search(&(address, protocol, port)).is_ok(),
            (Self::Ports(_, v6), IpAddr::V6(address)) => v6.binary_search(&(address, protocol, port)).is_ok(),
            _ => false,
        }
    }

    /// How many there are: addresses, ranges or ports.
    pub fn len(&self) -> usize {
        match self {
            Self::Addresses(v4, v6) => v4.len() + v6.len(),
            Self::Ranges(v4, v6) => v4.len() + v6.len(),
            Self::Ports(v4, v6) => v4.len() + v6.len(),
            Self::Denied => 0,
        }
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them at once, in any order.
    pub(crate) fn fill(&mut self, addresses: impl IntoIterator<Item = IpAddr>) {
        let Self::Addresses(v4, v6) = self else { return };
        for address in addresses {
            match address {
                IpAddr::V4(address) => v4.push(address),
                IpAddr::V6(address) => v6.push(address),
            }
        }
        sort(v4);
        sort(v6);
    }

    /// Puts an address in or out; whether that changed anything.
    pub(crate) fn set_address(members: &mut Arc<Self>, address: IpAddr, is_member: bool) -> bool {
        if members.has_address(address) == is_member {
            return false;
        }
        match (Arc::make_mut(members), address) {
            (Self::Addresses(v4, _), IpAddr::V4(address)) => set(v4, address, is_member),
            (Self::Addresses(_, v6), IpAddr::V6(address)) => set(v6, address, is_member),
            (Self::Ranges(..) | Self::Ports(..) | Self::Denied, _) => {}
        }
        true
    }

    /// Puts the ports of an address in, in place of those that are there; whether that changed anything.
    pub(crate) fn set_ports(members: &mut Arc<Self>, address: IpAddr, ports: &[(Protocol, u16)]) -> bool {
        if ports_at(members, address) == ports {
            return false;
        }
        match (Arc::make_mut(members), address) {
            (Self::Ports(v4, _), IpAddr::V4(address)) => replace(v4, address, ports),
            (Self::Ports(_, v6), IpAddr::V6(address)) => replace(v6, address, ports),
            (Self::Addresses(..) | Self::Ranges(..) | Self::Denied, _) => {}
        }
        true
    }
}

fn sort<T: Ord>(members: &mut Vec<T>) {
    members.sort_unstable();
    members.dedup();
    members.shrink_to_fit();
}

fn set<T: Ord>(members: &mut Vec<T>, member: T, is_member: bool) {
    match members.binary_search(&member) {
        Err(place) if is_member => members.insert(place, member),
        Ok(place) if !is_member => drop(members.remove(place)),
        _ => {}
    }
}

fn ports_at(members: &Members, address: IpAddr) -> Vec<(Protocol, u16)> {
    match (members, address) {
        (Members::Ports(v4, _), IpAddr::V4(address)) => of_address(v4, address),
        (Members::Ports(_, v6), IpAddr::V6(address)) => of_address(v6, address),
        _ => Vec::new(),
    }
}

fn of_address<A: Ord + Copy>(members: &[(A, Protocol, u16)], address: A) -> Vec<(Protocol, u16)> {
    let first = members.partition_point(|(at, ..)| *at < address);
    let from_first = members.iter().skip(first).take_while(|(at, ..)| *at == address);
    from_first.map(|&(_, protocol, port)| (protocol, port)).collect()
}

fn replace<A: Ord + Copy>(members: &mut Vec<(A, Protocol, u16)>, address: A, ports: &[(Protocol, u16)]) {
    let first = members.partition_point(|(at, ..)| *at < address);
    let last = members.partition_point(|(at, ..)| *at <= address);
    members.splice(first..last, ports.iter().map(|&(protocol, port)| (address, protocol, port)));
}
