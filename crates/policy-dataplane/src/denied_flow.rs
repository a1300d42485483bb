//! Flows that rules have denied lately, as the kernel has written them down: read as they are, whoever owns the table. How rules write
//! them down is `expression.rs`'s, and when people are told of them, the agent's.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use danm_api::Enforcement;
use policy_engine::{
    Direction,
    program::{DeniedSet, Family},
};

use crate::{
    Socket,
    dump::{GET_SETS, elements_of, in_table},
    walk::{Attribute, attributes, messages},
};

/// A flow that was denied, or that passed because what denies it is audited.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeniedFlow {
    /// Whether it was denied.
    pub enforcement: Enforcement,
    /// Which way it was opened.
    pub direction: Direction,
    /// The interface by which it came, or would have left.
    pub interface: String,
    /// Who opened it.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// By which protocol of IP.
    pub protocol: u8,
    /// To which port; for ICMP, its type and code.
    pub port: u16,
}

/// An interface's name takes so many bytes.
const NAME_BYTES: usize = 16;

/// What a set of ours may take when it is listed, generously. Whoever may make one of its name may make it larger.
const LONGEST: usize = 64 << 10;

// === impl Socket ===

impl Socket {
    /// Flows that were denied lately, as many as were written down.
    ///
    /// # Errors
    /// If the kernel cannot be asked.
    pub fn denied_flows(&self) -> io::Result<Vec<DeniedFlow>> {
        let names = in_table(self, GET_SETS)?;
        let sets = messages(&names).filter_map(|set| DeniedSet::named(&set.text(2)));
        let mut flows = Vec::new();
        for set in sets {
            // Packets come while it is listed: one that is listed twice or not at all is no harm.
            let listed = elements_of(self, &set.name(), LONGEST)?;
            let lists = messages(&listed).filter_map(|message| message.attribute(3)).flat_map(attributes);
            flows.extend(lists.filter_map(|element| DeniedFlow::read(set, element.value)));
        }
        flows.sort_unstable();
        flows.dedup();
        Ok(flows)
    }
}

// === impl DeniedFlow ===

impl DeniedFlow {
    /// Whoever may make a table of our name may write anything into its sets: what has not the form is left out.
    fn read(set: DeniedSet, element: &[u8]) -> Option<Self> {
        let of = |bytes, wanted| {
            attributes(bytes).find(|Attribute { kind, .. }| *kind == wanted).map(|it| it.value)
        };
        let (name, rest) = of(of(element, 1)?, 1)?.split_at_checked(NAME_BYTES)?;
        let (source, rest) = address(set.family, rest)?;
        let (destination, rest) = address(set.family, rest)?;
        let [protocol, _, _, _, high, low, ..] = *rest else { return None };
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(NAME_BYTES);
        Some(Self {
            enforcement: set.enforcement,
            direction: set.direction,
            interface: String::from_utf8_lossy(name.get(..end)?).into_owned(),
            source,
            destination,
            protocol,
            port: u16::from_be_bytes([high, low]),
        })
    }

    /// The protocol as people call it, or its number.
    pub fn protocol_name(&self) -> String {
        match self.protocol {
            1 | 58 => "ICMP".to_owned(),
            6 => "TCP".to_owned(),
            17 => "UDP".to_owned(),
            132 => "SCTP".to_owned(),
            number => format!("protocol {number}"),
        }
    }
}

/// An address at the beginning of a key, and the rest.
fn address(family: Family, key: &[u8]) -> Option<(IpAddr, &[u8])> {
    match family {
        Family::V4 => {
            let (octets, rest) = key.split_first_chunk::<4>()?;
            Some((Ipv4Addr::from(*octets).into(), rest))
        }
        Family::V6 => {
            let (octets, rest) = key.split_first_chunk::<16>()?;
            Some((Ipv6Addr::from(*octets).into(), rest))
        }
    }
}
