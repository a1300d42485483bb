//! What of Calico's books does not agree: blocks with each other, with pools, with handles, and with those who use the
//! addresses. It tells and mends nothing. Nobody is told of who cannot be a leak: what is cooling down, the addresses of
//! tunnels and load balancers, of virtual machines, and of Windows.
//!
//! All that is audited was read object by object while others wrote: a caller who wants to be sure keeps what two audits find.

mod addresses;
mod blocks;
mod finding;
mod handles;
mod users;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    net::IpAddr,
};

use ipnet::IpNet;
use jiff::Timestamp;

pub use finding::{Finding, FindingKind};
pub use users::{Holding, PodName, PodState, Users, Witness};

use crate::{Block, Handle, HandleId, Location, Pools};

/// An object that was there and could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unreadable {
    /// What it is for.
    pub part: Part,
    /// What it is called: it ends in its name in the Kubernetes API, or is its key in etcd.
    pub name: String,
    /// What is wrong with it.
    pub problem: String,
}

/// What an object is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// It is a block.
    Block,
    /// It is a handle.
    Handle,
    /// It is a pool.
    Pool,
    /// It is something else.
    Other,
}

/// Everything that an audit looks at.
#[derive(Clone, Copy, Debug)]
pub struct Books<'a> {
    /// All pools.
    pub pools: &'a Pools,
    /// All blocks, in any order. Those whose deletion has begun where that is done in two steps are none.
    pub blocks: &'a [Block],
    /// All handles. The same holds for them.
    pub handles: &'a BTreeMap<HandleId, Handle>,
    /// What could not be read: nothing is concluded from its absence.
    pub unreadable: &'a BTreeSet<Unreadable>,
    /// Who uses addresses.
    pub users: &'a Users,
    /// The time by the wall clock.
    pub now: Timestamp,
}

/// What was read, in the order in which it is looked at.
struct Audit<'a> {
    blocks: BTreeMap<IpNet, &'a Block>,
    /// The prefix lengths of blocks, which are few.
    lengths: BTreeSet<u8>,
    handles: HashMap<&'a HandleId, &'a Handle>,
    /// The names and keys of blocks and handles that could not be read.
    hidden: HashSet<&'a str>,
    books: Books<'a>,
}

/// Audits everything, in the order of its kinds. Takes time in proportion to the addresses of the blocks and to their users.
pub fn audit(books: Books<'_>) -> BTreeSet<Finding> {
    let audit = Audit::new(books);
    let mut findings = BTreeSet::new();
    findings.extend(books.unreadable.iter().map(finding_of));
    findings.extend(audit.blocks());
    findings.extend(audit.handles());
    findings.extend(audit.allocations());
    findings.extend(audit.uses());
    findings
}

fn finding_of(unreadable: &Unreadable) -> Finding {
    let kind = match unreadable.part {
        Part::Block => FindingKind::InvalidBlock,
        Part::Handle | Part::Pool | Part::Other => FindingKind::Unreadable,
    };
    Finding::new(kind, format!("{}: {}", unreadable.name, unreadable.problem))
}

// === impl Unreadable ===

impl Unreadable {
    fn short_name(&self) -> &str {
        self.name.rsplit(' ').next().unwrap_or_default()
    }
}

// === impl Audit ===

impl<'a> Audit<'a> {
    fn new(books: Books<'a>) -> Self {
        Self {
            blocks: books.blocks.iter().map(|block| (block.cidr(), block)).collect(),
            lengths: books.blocks.iter().map(|block| block.cidr().prefix_len()).collect(),
            handles: books.handles.iter().collect(),
            hidden: books.unreadable.iter().map(Unreadable::short_name).collect(),
            books,
        }
    }

    /// Whether an object is there that could not be read.
    fn is_hidden(&self, location: &Location) -> bool {
        !self.hidden.is_empty()
            && (self.hidden.contains(&*location.object_name()) || self.hidden.contains(&*location.etcd_key()))
    }

    /// The blocks that an address is in: one, if all is well.
    fn blocks_of(&self, address: IpAddr) -> impl Iterator<Item = &'a Block> {
        let cidrs = self.lengths.iter().filter_map(move |length| IpNet::new(address, *length).ok());
        cidrs.filter_map(|cidr| self.blocks.get(&cidr.trunc()).copied())
    }

    /// Whether an address may be in a block that could not be read.
    fn may_be_hidden(&self, address: IpAddr) -> bool {
        !self.hidden.is_empty()
            && Block::cidrs_around(address).any(|cidr| self.is_hidden(&Location::Block(cidr)))
    }
}
