//! Calico's account of addresses, as its datastore keeps it: blocks, handles and their versions, how it fares, and what a
//! Cleaner has settled there. Who asks, and whom a write hurts, is not its business.

mod assignment;
mod request;

use std::{collections::BTreeMap, net::IpAddr};

use calico_ipam::{Block, Handle, HandleId, Terms};
use danm_ipam::BitIndex;
use k8s_openapi::{
    jiff::{SignedDuration, Timestamp},
    serde_json::json,
};

pub use self::{
    assignment::{Assignee, assigned, counted},
    request::{DatastoreRequest, Stored},
};
use crate::{
    agenda::Millis,
    chance::Chance,
    store::{EPOCH, NetworkKey, NetworkSpec},
    truth::Sandbox,
};

/// How the datastore fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// It can be used.
    #[default]
    Ready,
    /// It can be read, and nothing is to be changed in it.
    Locked,
    /// Nobody finds it.
    Absent,
}

/// Calico's datastore.
#[derive(Debug)]
pub struct Calico {
    /// How it fares.
    pub condition: Condition,
    /// For how long nobody gets an address that was given back.
    cooldown: SignedDuration,
    blocks: [Stored<Block>; 2],
    handles: BTreeMap<HandleId, Stored<Handle>>,
    version: u64,
    /// What Cleaners have given back and nobody has got since, and by which handle it was held: it is not to count it in
    /// the end.
    given_back: Vec<(HandleId, usize, BitIndex)>,
    /// The handles of endpoints that Cleaners have deleted, and nobody else.
    pub settled: Vec<HandleId>,
}

/// The blocks of each family, small and larger. Few addresses are free in them, so that each is soon somebody else's.
const CIDRS: [[&str; 2]; 2] = [["192.168.7.0/30", "fd00:7::/126"], ["192.168.7.0/29", "fd00:7::/125"]];

/// Calico counts from the nanoseconds since 1970: more than a number with a fraction can tell apart.
const FIRST_NUMBER: u64 = 1_795_000_000_123_456_789;

/// The address at a place of the block of a family.
pub fn address(family: usize, bit: BitIndex) -> IpAddr {
    if family == 0 {
        IpAddr::from([192, 168, 7, u8::try_from(bit.0).unwrap_or(u8::MAX)])
    } else {
        IpAddr::from([0xfd00, 7, 0, 0, 0, 0, 0, u16::try_from(bit.0).unwrap_or(u16::MAX)])
    }
}

/// The handle of a sandbox on a network.
pub fn handle_of(network: NetworkKey, sandbox: Sandbox) -> HandleId {
    HandleId::new(&format!("{}.{}", NetworkSpec::name_of(network), sandbox.container()))
}

// === impl Calico ===

impl Calico {
    /// In some clusters there is one.
    pub fn chosen(chance: &mut Chance) -> Option<Self> {
        if !chance.happens(200) {
            return None;
        }
        let cidrs = CIDRS[usize::from(chance.pick(2))];
        let cooldown = SignedDuration::from_secs(if chance.happens(200) { 20 } else { 0 });
        let block = |family: usize| Some(Stored { version: 1, value: fresh(cidrs[family])? });
        Some(Self {
            condition: Condition::Ready,
            cooldown,
            blocks: [block(0)?, block(1)?],
            handles: BTreeMap::new(),
            version: 1,
            given_back: Vec::new(),
            settled: Vec::new(),
        })
    }

    /// How many addresses its blocks have.
    pub fn sizes(&self) -> [usize; 2] {
        [0, 1].map(|family| {
            let cidr = self.blocks[family].value.cidr();
            1 << (cidr.max_prefix_len() - cidr.prefix_len())
        })
    }

    /// Whether nothing can be done in it.
    pub fn is_out_of_use(&self) -> bool {
        self.condition != Condition::Ready
    }

    /// Under which terms addresses are given back.
    pub fn terms(&self, now: Millis) -> Terms {
        let seconds = EPOCH + i64::try_from(now / 1_000).unwrap_or_default();
        Terms { now: Timestamp::from_second(seconds).unwrap_or_default(), cooldown: self.cooldown }
    }

    /// The block of a family.
    pub const fn block(&self, family: usize) -> &Stored<Block> {
        &self.blocks[family]
    }

    /// A handle, if it is there.
    pub fn handle(&self, id: &HandleId) -> Option<&Stored<Handle>> {
        self.handles.get(id)
    }

    /// The handles of a container.
    pub fn handles_of(&self, container: &str) -> Vec<HandleId> {
        self.handles.keys().filter(|id| id.container() == Some(container)).cloned().collect()
    }

    /// Writes a block. Gives what it was before.
    pub fn put_block(&mut self, family: usize, block: Block) -> Block {
        self.version += 1;
        let stored = Stored { version: self.version, value: block };
        std::mem::replace(&mut self.blocks[family], stored).value
    }

    /// Writes a handle, or removes it.
    pub fn put_handle(&mut self, id: HandleId, handle: Option<Handle>) {
        self.version += 1;
        match handle {
            Some(value) => drop(self.handles.insert(id, Stored { version: self.version, value })),
            None => drop(self.handles.remove(&id)),
        }
    }

    /// For which sandbox it keeps an address.
    pub fn holder(&self, family: usize, bit: BitIndex) -> Option<Sandbox> {
        holder(&self.blocks[family].value, family, bit)
    }

    /// Somebody has got an address that a Cleaner had given back.
    pub fn forget_given_back(&mut self, family: usize, bit: BitIndex) {
        self.given_back.retain(|(_, its_family, its_bit)| (*its_family, *its_bit) != (family, bit));
    }

    /// A Cleaner has given an address back. What Calico itself gives back, and forgets to tell a handle, is not counted here.
    pub fn note_given_back(&mut self, before: &Block, family: usize, bit: BitIndex) {
        if let Some(attribute) = before.holder(address(family, bit)) {
            self.given_back.push((attribute.handle.clone(), family, bit));
        }
    }

    /// A handle that counts more in a block than that says, though a Cleaner has given back what it held there and deleted
    /// its endpoint.
    pub fn miscounted(&self, is_over: impl Fn(Sandbox) -> bool) -> Option<&HandleId> {
        let is_miscounted = |(id, family, _): &&(HandleId, usize, BitIndex)| {
            let block = &self.blocks[*family].value;
            let counts = self.handles.get(id).into_iter().flat_map(|handle| handle.value.blocks());
            let mut counts = counts.filter(|(cidr, _)| *cidr == block.cidr());
            counts.any(|(_, count)| count > block.count_of(id))
        };
        let is_over = |id: &HandleId| id.container().and_then(Sandbox::of_container).is_some_and(&is_over);
        let miscounted = self.given_back.iter().filter(is_miscounted).map(|(id, ..)| id);
        miscounted.filter(|id| self.settled.contains(id)).find(|id| is_over(id))
    }
}

/// For which sandbox a block keeps an address.
pub fn holder(block: &Block, family: usize, bit: BitIndex) -> Option<Sandbox> {
    let attribute = block.holder(address(family, bit)).filter(|attribute| attribute.released_at.is_none())?;
    Sandbox::of_container(attribute.handle.container()?)
}

/// A block of a node, all of whose addresses are free.
fn fresh(cidr: &str) -> Option<Block> {
    let prefix: u8 = cidr.rsplit_once('/')?.1.parse().ok()?;
    let host_bits = if cidr.contains(':') { 128 - prefix } else { 32 - prefix };
    let size = 1_usize << host_bits;
    let block = json!({
        "cidr": cidr,
        "affinity": "host:node-0",
        "allocations": vec![None::<usize>; size],
        "unallocated": (0..size).collect::<Vec<usize>>(),
        "attributes": [],
        "sequenceNumber": FIRST_NUMBER,
        "sequenceNumberForAllocation": {},
        "strictAffinity": false,
        "laterMember": {"kept": true},
    });
    Block::read(&block.to_string()).ok()
}
