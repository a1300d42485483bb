//! All that is in a datastore, for an audit. Nothing is judged here.

use std::collections::BTreeMap;

use calico_ipam::{Block, Handle, HandleId, IpamConfig, Pools};

use crate::{
    Failure, StoreError,
    datastore::{Datastore, Entry, Kind},
    reader,
};

/// What is in a datastore.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// All pools.
    pub pools: Pools,
    /// All blocks, in no order.
    pub blocks: Vec<Block>,
    /// All handles.
    pub handles: BTreeMap<HandleId, Handle>,
    /// Whether Calico asks to leave everything as it is.
    pub is_locked: bool,
    /// How addresses are given back.
    pub config: IpamConfig,
    /// Each object that cannot be understood, and why. It is in none of the others.
    pub problems: Vec<StoreError>,
}

/// Reads a datastore. Objects that are marked as deleted are gone where that is how objects are deleted.
pub async fn read<D: Datastore>(store: &D) -> Result<Inventory, StoreError> {
    let mut inventory = Inventory::default();
    let Inventory { pools, blocks, handles, is_locked, config, problems } = &mut inventory;
    *is_locked = reader::is_locked(store).await?;
    match reader::config(store).await {
        Ok(read) => *config = read,
        Err(problem) if matches!(problem.failure, Failure::Unusable(_)) => problems.push(problem),
        Err(error) => return Err(error),
    }
    let (all_pools, bad_pools) = reader::pools(store).await?;
    *pools = all_pools;
    problems.extend(bad_pools);
    let mut visit = |entry: Result<Entry<D::Origin>, StoreError>| {
        let read = entry.and_then(|entry| {
            let id = reader::handle_id(&entry);
            let handle = reader::read_handle::<D>(Ok(Some(entry)), &id)?;
            Ok(handle.map(|stored| (id, stored.value)))
        });
        match read {
            Ok(Some((_, handle))) if D::DELETES_IN_TWO_STEPS && handle.is_deleted() => {}
            Ok(handle) => handles.extend(handle),
            Err(problem) => problems.push(problem),
        }
    };
    store.each(Kind::Handles, &mut visit).await?;
    let mut visit = |entry: Result<Entry<D::Origin>, StoreError>| match entry
        .and_then(|entry| reader::read_block(&entry))
    {
        Ok(block) if D::DELETES_IN_TWO_STEPS && block.is_deleted() => {}
        Ok(block) => blocks.push(block),
        Err(problem) => problems.push(problem),
    };
    store.each(Kind::Blocks, &mut visit).await?;
    Ok(inventory)
}
