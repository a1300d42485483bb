//! What is in the texts of a datastore, as values. What cannot be understood is an error that names the object.

use calico_ipam::{Block, Handle, HandleId, IpamConfig, Location, Members, Pool, Pools};
use ipnet::IpNet;

use crate::{
    Failure, StoreError,
    datastore::{Answer, Datastore, Entry, Kind, Named, Stored},
};

/// A block of a datastore.
pub type StoredBlock<D> = Stored<Block, <D as Datastore>::Origin>;

/// A handle of a datastore.
pub type StoredHandle<D> = Stored<Handle, <D as Datastore>::Origin>;

/// What all blocks cover.
pub struct Cidrs {
    /// Of each block that says it.
    pub known: Vec<IpNet>,
    /// What is wrong with one that does not: it may be the one that is looked for.
    pub hidden: Option<StoreError>,
}

/// Whether Calico asks to leave everything as it is.
pub async fn is_locked<D: Datastore>(store: &D) -> Result<bool, StoreError> {
    let Some(entry) = store.get(&Named::ClusterInformation).await? else { return Ok(false) };
    let is_ready = Members::read(entry.text.get()).and_then(|spec| Ok(spec.get::<bool>("datastoreReady")?));
    Ok(is_ready.map_err(|error| unusable(&entry.called, &error))? == Some(false))
}

/// How addresses are given back.
pub async fn config<D: Datastore>(store: &D) -> Result<IpamConfig, StoreError> {
    let Some(entry) = store.get(&Named::Config).await? else { return Ok(IpamConfig::default()) };
    IpamConfig::read(entry.text.get()).map_err(|error| unusable(&entry.called, &error))
}

/// All pools, and what is wrong with those that cannot be understood: the blocks of their addresses are looked for.
pub async fn pools<D: Datastore>(store: &D) -> Result<(Pools, Vec<StoreError>), StoreError> {
    let (mut pools, mut problems) = (Vec::new(), Vec::new());
    let mut visit = |entry: Result<Entry<D::Origin>, StoreError>| {
        let pool = entry.and_then(|entry| {
            Pool::read(&entry.name, entry.text.get()).map_err(|error| unusable(&entry.called, &error))
        });
        match pool {
            Ok(pool) => pools.push(pool),
            Err(problem) => problems.push(problem),
        }
    };
    store.each(Kind::Pools, &mut visit).await?;
    Ok((Pools::new(pools), problems))
}

/// What all blocks cover.
pub async fn cidrs<D: Datastore>(store: &D) -> Result<Cidrs, StoreError> {
    let mut cidrs = Cidrs { known: Vec::new(), hidden: None };
    let mut visit = |entry: Result<Entry<D::Origin>, StoreError>| {
        let cidr = entry.and_then(|entry| {
            let cidr = Members::read(entry.text.get()).and_then(|spec| Ok(spec.require::<IpNet>("cidr")?));
            cidr.map_err(|error| unusable(&entry.called, &error))
        });
        match cidr {
            Ok(cidr) => cidrs.known.push(cidr),
            Err(error) => cidrs.hidden = Some(error),
        }
    };
    store.each(Kind::Blocks, &mut visit).await?;
    Ok(cidrs)
}

/// A block.
pub async fn block<D: Datastore>(store: &D, cidr: IpNet) -> Result<Option<StoredBlock<D>>, StoreError> {
    let Some(entry) = store.get(&Named::At(&Location::Block(cidr))).await? else { return Ok(None) };
    let value = read_block(&entry)?;
    if value.cidr() != cidr {
        let reason = format!("it says that it is {}", value.cidr());
        return Err(StoreError::new(entry.called, Failure::Unusable(reason)));
    }
    Ok(Some(Stored { value, origin: entry.origin }))
}

/// A handle.
pub async fn handle<D: Datastore>(store: &D, id: &HandleId) -> Result<Option<StoredHandle<D>>, StoreError> {
    read_handle::<D>(store.get(&Named::At(&Location::Handle(id.clone()))).await, id)
}

/// The block in an object.
pub fn read_block<O>(entry: &Entry<O>) -> Result<Block, StoreError> {
    Block::read(entry.text.get()).map_err(|error| unusable(&entry.called, &error))
}

/// The handle in an object that was asked for by the handle's id. Ids that differ in the case of a letter alone have one name
/// in the Kubernetes API: then it is another's.
pub fn read_handle<D: Datastore>(
    answer: Answer<D::Origin>,
    id: &HandleId,
) -> Result<Option<StoredHandle<D>>, StoreError> {
    let Some(entry) = answer? else { return Ok(None) };
    let problem = |error: &dyn ToString| unusable(&entry.called, &error.to_string());
    let spec = Members::read(entry.text.get()).map_err(|error| problem(&error))?;
    let stored: Option<String> = spec.get("handleID").map_err(|error| problem(&error))?;
    if stored.is_some_and(|stored| HandleId::new(&stored) != *id) {
        return Ok(None);
    }
    let value = Handle::read(entry.text.get()).map_err(|error| problem(&error))?;
    Ok(Some(Stored { value, origin: entry.origin }))
}

/// Whose an object is, as far as that can be understood: of some only the name is known.
pub fn handle_id<O>(entry: &Entry<O>) -> HandleId {
    let spec = Members::read(entry.text.get()).ok();
    let id = spec.and_then(|spec| spec.get::<String>("handleID").ok().flatten());
    HandleId::new(id.as_deref().unwrap_or(&entry.name))
}

/// An object that cannot be worked with.
pub fn unusable(called: &str, error: &impl ToString) -> StoreError {
    StoreError::new(called, Failure::Unusable(error.to_string()))
}
