//! What passes in a table as it was read, whatever policies say, and how it knows connections: an agent makes that of its flags and of
//! addresses that only it knows. Whoever wants to know whether the rest is right takes these as they are, and says so.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use danm_api::Protocol;
use policy_engine::{
    program::{DNS, Dns, Family, Flows, Forward, JUDGED, NODES},
    set::Members,
};

use crate::{Snapshot, expression::protocol_number, snapshot::Member};

/// What passes whatever policies say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excepted {
    /// Addresses of nodes; none if no nodes pass.
    pub nodes: Option<Arc<Members>>,
    /// Where names may be asked for, if that is at addresses.
    pub dns: Option<Arc<Members>>,
    /// How connections are known that were allowed.
    pub flows: Flows,
}

// === impl Snapshot ===

impl Snapshot {
    /// What passes in this table whatever policies say.
    pub fn excepted(&self) -> Excepted {
        Excepted { nodes: self.both(NODES, addresses), dns: self.both(DNS, ports), flows: self.flows() }
    }

    /// The members of both families of a set, if one of these is there.
    fn both(&self, set: &str, members: fn(&[&Member]) -> Members) -> Option<Arc<Members>> {
        let there = Family::ALL.map(|family| self.sets().get(&family.set(set)));
        let keys: Vec<&Member> = there.iter().flatten().flat_map(|set| &set.members).collect();
        there.iter().any(Option::is_some).then(|| Arc::new(members(&keys)))
    }

    fn flows(&self) -> Flows {
        let judged = self.chains().get(JUDGED).map(|chain| chain.rules.len());
        match (self.generation(), judged) {
            (Some(generation), _) => Flows::Labelled(generation),
            (None, Some(0)) => Flows::Unknown,
            (None, Some(_)) => Flows::Kept,
            (None, None) => Flows::default(),
        }
    }
}

// === impl Excepted ===

impl Excepted {
    /// Every way to ask for names, and to pass packets on, that there may be beside these: no table tells them in one place.
    pub fn ways(&self) -> Vec<(Dns, Forward)> {
        let dns = match &self.dns {
            Some(servers) => vec![Dns::Servers(Arc::clone(servers))],
            None => vec![Dns::Closed, Dns::Any],
        };
        let with =
            |dns: Dns| [Forward::Judge, Forward::Open, Forward::Closed].map(|forward| (dns.clone(), forward));
        dns.into_iter().flat_map(with).collect()
    }
}

/// What is no address of the family is left out: then the set is not what it should be, and that is told.
fn addresses(members: &[&Member]) -> Members {
    let all = members.iter().filter_map(|member| address(&member.key));
    let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = all.partition(IpAddr::is_ipv4);
    Members::Addresses(v4.into_iter().filter_map(as_v4).collect(), v6.into_iter().filter_map(as_v6).collect())
}

fn ports(members: &[&Member]) -> Members {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for (address, protocol, port) in members.iter().filter_map(|member| address_and_port(&member.key)) {
        match address {
            IpAddr::V4(address) => v4.push((address, protocol, port)),
            IpAddr::V6(address) => v6.push((address, protocol, port)),
        }
    }
    v4.sort_unstable();
    v6.sort_unstable();
    Members::Ports(v4, v6)
}

/// The address that is a key.
pub fn address(key: &[u8]) -> Option<IpAddr> {
    let v4 = || Some(IpAddr::from(<[u8; 4]>::try_from(key).ok()?));
    let v6 = || Some(IpAddr::from(<[u8; 16]>::try_from(key).ok()?));
    v4().or_else(v6)
}

/// The address, protocol and port that are a key. Each part begins at a multiple of four bytes.
pub fn address_and_port(key: &[u8]) -> Option<(IpAddr, Protocol, u16)> {
    let (rest, port) = key.split_at_checked(key.len().checked_sub(4)?)?;
    let (rest, protocol) = rest.split_at_checked(rest.len().checked_sub(4)?)?;
    let number = *protocol.first()?;
    let protocol = Protocol::ALL.into_iter().find(|protocol| protocol_number(*protocol) == number)?;
    Some((address(rest)?, protocol, u16::from_be_bytes(port.get(..2)?.try_into().ok()?)))
}

const fn as_v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

const fn as_v6(address: IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    }
}
