//! A release over several blocks: the blocks first, each once, and after them the handles, each once. Whoever is
//! interrupted in between leaves a handle that counts too much, which can be seen and mended; never an address that is
//! free for two.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;

use crate::{
    Block, BlockChange, BlockRelease, Change, Handle, HandleChange, HandleId, Location, Pools, Refusal,
    Terms, Wanted,
};

/// What was read of a datastore.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// All pools.
    pub pools: Pools,
    /// The blocks that may matter.
    pub blocks: BTreeMap<IpNet, Block>,
    /// The handles that may matter.
    pub handles: BTreeMap<HandleId, Handle>,
    /// Whether objects are deleted in two steps there: those that are marked as deleted are gone then, and whoever sees one
    /// makes an end of it. So it is in the Kubernetes API; in etcd the mark means nothing.
    pub deletes_in_two_steps: bool,
}

/// What is to be done, in this order.
#[derive(Clone, Debug)]
pub struct ReleasePlan {
    /// The blocks.
    pub blocks: Vec<BlockPlan>,
    /// The handles. A handle may be written only when all blocks were that it counts in.
    pub handles: Vec<HandlePlan>,
    /// Addresses that are in no block.
    pub homeless: Vec<IpAddr>,
}

/// What becomes of a block.
#[derive(Clone, Debug)]
pub struct BlockPlan {
    /// The block.
    pub cidr: IpNet,
    /// What becomes of it, or why nothing does.
    pub release: Result<BlockRelease, Refusal>,
}

/// What becomes of a handle.
#[derive(Clone, Debug)]
pub struct HandlePlan {
    /// The handle.
    pub id: HandleId,
    /// What becomes of it; `None` if there is no such handle.
    pub change: Option<HandleChange>,
}

/// A change of one object.
#[derive(Clone, Debug)]
pub struct Write {
    /// The object.
    pub location: Location,
    /// What becomes of it.
    pub change: Change,
}

impl ReleasePlan {
    /// What has to be written, in this order.
    pub fn writes(&self) -> impl Iterator<Item = Write> {
        let blocks = self.blocks.iter().filter_map(|BlockPlan { cidr, release }| {
            let change = Change::of_block(&release.as_ref().ok()?.change)?;
            Some(Write { location: Location::Block(*cidr), change })
        });
        let handles = self.handles.iter().filter_map(|HandlePlan { id, change }| {
            let change = Change::of_handle(change.as_ref()?)?;
            Some(Write { location: Location::Handle(id.clone()), change })
        });
        blocks.chain(handles)
    }
}

impl Known {
    /// The block that an address is in. A pool that was made anew with blocks of another size does not hide old blocks.
    pub fn block_of(&self, address: IpAddr) -> Option<&Block> {
        let by_pool = self.pools.block_of(address).and_then(|cidr| self.blocks.get(&cidr));
        by_pool.or_else(|| self.blocks.values().find(|block| block.cidr().contains(&address)))
    }

    /// A block that nobody can have an address in any more.
    fn is_gone(&self, block: &Block) -> bool {
        self.deletes_in_two_steps && block.is_deleted()
    }

    fn handle_plans(&self, blocks: &[BlockPlan]) -> Vec<HandlePlan> {
        let mut given_back: BTreeMap<&HandleId, BTreeMap<IpNet, i64>> = BTreeMap::new();
        for BlockPlan { cidr, release } in blocks {
            for (handle, count) in release.iter().flat_map(|release| &release.counts) {
                given_back.entry(handle).or_default().insert(*cidr, *count);
            }
        }
        let plans = given_back.into_iter().map(|(id, given_back)| HandlePlan {
            id: id.clone(),
            change: self.handles.get(id).map(|handle| self.change_of(handle, &given_back)),
        });
        plans.collect()
    }

    fn change_of(&self, handle: &Handle, given_back: &BTreeMap<IpNet, i64>) -> HandleChange {
        if self.deletes_in_two_steps && handle.is_deleted() {
            return HandleChange::Delete(handle.clone());
        }
        handle.without(given_back)
    }
}

/// Plans to give addresses back, wherever they are.
pub fn plan_release(known: &Known, wanted: &[Wanted], terms: &Terms) -> ReleasePlan {
    let mut homeless = Vec::new();
    let mut by_block: BTreeMap<IpNet, Vec<Wanted>> = BTreeMap::new();
    for wanted in wanted {
        match known.block_of(wanted.address) {
            Some(block) => by_block.entry(block.cidr()).or_default().push(wanted.clone()),
            None => homeless.push(wanted.address),
        }
    }
    let plans = by_block.into_iter().filter_map(|(cidr, wanted)| {
        let block = known.blocks.get(&cidr)?;
        let release = if known.is_gone(block) {
            Ok(end_of(block, wanted.iter().map(|wanted| wanted.address).collect()))
        } else {
            block.release(&wanted, terms)
        };
        Some(BlockPlan { cidr, release })
    });
    let blocks: Vec<BlockPlan> = plans.collect();
    ReleasePlan { handles: known.handle_plans(&blocks), blocks, homeless }
}

/// Plans to give back everything that a handle holds.
pub fn plan_release_of_handle(known: &Known, handle: &HandleId, terms: &Terms) -> ReleasePlan {
    let counted = known.handles.get(handle).into_iter().flat_map(Handle::blocks);
    let plans = counted.filter_map(|(cidr, _)| {
        let block = known.blocks.get(&cidr)?;
        let release = if known.is_gone(block) {
            Ok(end_of(block, Vec::new()))
        } else {
            block.release_all_of(handle, terms)
        };
        Some(BlockPlan { cidr, release })
    });
    let blocks: Vec<BlockPlan> = plans.collect();
    ReleasePlan { handles: known.handle_plans(&blocks), blocks, homeless: Vec::new() }
}

/// The second step of a deletion that somebody has begun.
fn end_of(block: &Block, unallocated: Vec<IpAddr>) -> BlockRelease {
    let change = BlockChange::Delete(block.clone());
    BlockRelease { change, released: Vec::new(), counts: BTreeMap::new(), unallocated }
}
