//! Gives addresses back: block after block what is proved to be the claimant's, and the handles after all blocks. Whatever
//! was changed by others meanwhile is read and proved anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    net::IpAddr,
    time::Duration,
};

use calico_ipam::{
    Block, BlockRelease, Change, Claim, Handle, HandleChange, HandleId, Location, Ownership, Pools, Terms,
    Wanted, ownership,
};
use futures::{StreamExt, stream};
use ipnet::IpNet;
use jiff::Timestamp;

use crate::{Failure, KubernetesDatastore, StoreError, Stored};

/// Blocks and handles that are written at the same time.
const IN_FLIGHT: usize = 8;

/// How often an object is read anew because somebody else has changed it.
const ATTEMPTS: u32 = 12;

/// How long the first wait after a conflict is; each further one is twice as long, up to the last.
const FIRST_WAIT: Duration = Duration::from_millis(5);

/// What became of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was given back; why it was the claimant's.
    Released {
        /// r
        reason: String,
        /// w
        writes: Vec<String>,
    },
    /// There was nothing to give back.
    AlreadyFree(String),
    /// It is somebody else's, or that cannot be excluded.
    Refused(String),
    /// It could not be done, and is to be tried again.
    Failed(StoreError),
}

/// Claims by their places among all.
type Claims<'a> = Vec<(usize, &'a Claim)>;

/// What was done so far.
#[derive(Default)]
struct Progress<'a> {
    outcomes: BTreeMap<usize, Outcome>,
    /// How many addresses of which blocks the handles have to be told.
    owed: BTreeMap<HandleId, BTreeMap<IpNet, i64>>,
    /// The claims to addresses whose block is not there.
    homeless: Claims<'a>,
}

/// What became of the claims to one block.
struct BlockOutcome {
    outcomes: Vec<(usize, Outcome)>,
    /// How many addresses of it each handle has to be told.
    counts: BTreeMap<HandleId, i64>,
}

/// Gives back all addresses that are proved to be the claimants'. Gives what became of each claim, in their order.
pub async fn release(
    store: &CalicoDatastore,
    claims: &[Claim],
    _mode: Mode,
) -> Result<Vec<Outcome>, StoreError> {
    let CalicoDatastore::Kubernetes(store) = store else { return Ok(Vec::new()) };
    Ok(release_k(store, claims).await)
}
/// stub
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// a
    Write,
    /// b
    DryRun,
}
/// stub
#[derive(Clone)]
pub enum CalicoDatastore {
    /// a
    Kubernetes(KubernetesDatastore),
    /// b
    Etcd(EtcdDatastore),
}
impl std::fmt::Display for CalicoDatastore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("x")
    }
}
/// stub
#[derive(Clone)]
pub struct EtcdDatastore;
impl EtcdDatastore {
    /// a
    pub async fn connect(_: EtcdSettings) -> Result<Self, StoreError> {
        Ok(Self)
    }
}
/// stub
#[derive(Clone)]
pub struct EtcdSettings;
/// stub
pub enum DatastoreSettings {
    /// a
    Kubernetes {
        /// a
        api_group: Option<String>,
    },
    /// b
    Etcd(EtcdSettings),
}
impl DatastoreSettings {
    /// s
    pub fn read(_: Option<&str>, _: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        Ok(None)
    }
}
async fn release_k(store: &KubernetesDatastore, claims: &[Claim]) -> Vec<Outcome> {
    let (terms, pools) = match prepare(store).await {
        Ok(prepared) => prepared,
        Err(error) => return claims.iter().map(|_| Outcome::Failed(error.clone())).collect(),
    };
    let mut progress = Progress::default();
    let by_block = progress.by_block(claims.iter().enumerate().collect(), |address| pools.block_of(address));
    progress.release_blocks(store, by_block, &terms).await;
    if !progress.homeless.is_empty() {
        progress.release_homeless(store, &terms).await;
    }
    let Progress { mut outcomes, owed, .. } = progress;
    let mut untold = tell_handles(store, owed).await;
    // Free already: by whom, and has the handle been told? An earlier release may have been cut short after its blocks.
    let free = claims
        .iter()
        .enumerate()
        .filter(|(place, _)| matches!(outcomes.get(place), Some(Outcome::AlreadyFree(_))));
    let containers: BTreeSet<&str> =
        free.map(|(_, claim)| claim.container.as_str()).filter(|container| !container.is_empty()).collect();
    untold.extend(recount(store, &containers).await);
    let outcome = |(place, claim): (usize, &Claim)| {
        let done = outcomes.remove(&place).unwrap_or_else(|| Outcome::Failed(untouched(claim)));
        // Whoever forgets a claim now forgets its handle for ever.
        match untold.get(&*claim.container) {
            Some(error) if !matches!(done, Outcome::Refused(_)) => Outcome::Failed(error.clone()),
            _ => done,
        }
    };
    claims.iter().enumerate().map(outcome).collect()
}

impl<'a> Progress<'a> {
    /// Groups claims by their blocks, and notes those that are in none.
    fn by_block(
        &mut self,
        claims: Claims<'a>,
        block_of: impl Fn(IpAddr) -> Option<IpNet>,
    ) -> BTreeMap<IpNet, Claims<'a>> {
        let mut by_block: BTreeMap<IpNet, Claims<'a>> = BTreeMap::new();
        for (place, claim) in claims {
            match block_of(claim.address) {
                Some(cidr) => by_block.entry(cidr).or_default().push((place, claim)),
                None => self.homeless.push((place, claim)),
            }
        }
        by_block
    }

    async fn release_blocks(
        &mut self,
        store: &KubernetesDatastore,
        by_block: BTreeMap<IpNet, Claims<'a>>,
        terms: &Terms,
    ) {
        let mut blocks = stream::iter(by_block)
            .map(|(cidr, claims)| async move {
                let released = again_if_changed(async || try_block(store, cidr, &claims, terms).await).await;
                (cidr, claims, released)
            })
            .buffer_unordered(IN_FLIGHT);
        while let Some((cidr, claims, released)) = blocks.next().await {
            match released {
                Ok(Some(BlockOutcome { outcomes, counts })) => {
                    self.outcomes.extend(outcomes);
                    for (handle, count) in counts {
                        self.owed.entry(handle).or_default().insert(cidr, count);
                    }
                }
                Ok(None) => self.homeless.extend(claims),
                Err(error) => self.end_all(&claims, &Outcome::Failed(error)),
            }
        }
    }

    /// A pool may be gone, or may have been made anew with blocks of another size, while blocks of before are there.
    async fn release_homeless(&mut self, store: &KubernetesDatastore, terms: &Terms) {
        let homeless = mem::take(&mut self.homeless);
        let (cidrs, hidden) = match store.cidrs().await {
            Ok(found) => found,
            Err(error) => return self.end_all(&homeless, &Outcome::Failed(error)),
        };
        let by_block = self.by_block(homeless, |address| block_of(&cidrs, address));
        self.release_blocks(store, by_block, terms).await;
        let nowhere = mem::take(&mut self.homeless);
        let nobodys = || Outcome::AlreadyFree("no block has it".to_owned());
        self.end_all(&nowhere, &hidden.map_or_else(nobodys, Outcome::Failed));
    }

    fn end_all(&mut self, claims: &Claims<'_>, outcome: &Outcome) {
        self.outcomes.extend(claims.iter().map(|(place, _)| (*place, outcome.clone())));
    }
}

/// Every claim is looked at; if one was not, it is tried again.
fn untouched(claim: &Claim) -> StoreError {
    StoreError::new(claim.address.to_string(), Failure::Failed("it was not looked at".to_owned()))
}

/// Tells handles what was given back. Gives the containers whose handle could not be told, and why.
async fn tell_handles(
    store: &KubernetesDatastore,
    owed: BTreeMap<HandleId, BTreeMap<IpNet, i64>>,
) -> BTreeMap<String, StoreError> {
    let told = stream::iter(owed)
        .map(|(id, counts)| async move {
            let told = again_if_changed(async || tell_handle(store, &id, &counts).await).await;
            Some((id.container().unwrap_or_default().to_owned(), told.err()?))
        })
        .buffer_unordered(IN_FLIGHT);
    told.filter_map(async |untold| untold).collect().await
}

/// How addresses are given back, and in which blocks they have to be. Nothing is changed in a datastore that is locked.
async fn prepare(store: &KubernetesDatastore) -> Result<(Terms, Pools), StoreError> {
    if store.is_locked().await? {
        return Err(StoreError::new("ClusterInformation default", Failure::Locked));
    }
    let terms = Terms { now: Timestamp::now(), cooldown: store.config().await?.cooldown };
    Ok((terms, store.pools().await?))
}

/// The smallest block that an address is in.
fn block_of(cidrs: &[IpNet], address: IpAddr) -> Option<IpNet> {
    cidrs.iter().copied().filter(|cidr| cidr.contains(&address)).max_by_key(IpNet::prefix_len)
}

/// Tells the handles of these containers, which are gone, how much they hold. Gives the containers of which that could not be
/// done, and why.
async fn recount(store: &KubernetesDatastore, containers: &BTreeSet<&str>) -> BTreeMap<String, StoreError> {
    if containers.is_empty() {
        return BTreeMap::new();
    }
    let handles = match store.handles_of(containers).await {
        Ok(handles) => handles,
        Err(error) => {
            return containers.iter().map(|container| ((*container).to_owned(), error.clone())).collect();
        }
    };
    let counted = stream::iter(handles)
        .map(|id| async move {
            let counted = again_if_changed(async || recount_handle(store, &id).await).await;
            Some((id.container().unwrap_or_default().to_owned(), counted.err()?))
        })
        .buffer_unordered(IN_FLIGHT);
    counted.filter_map(async |uncounted| uncounted).collect().await
}

async fn recount_handle(store: &KubernetesDatastore, id: &HandleId) -> Result<(), StoreError> {
    let Some(stored) = store.handle(id).await? else { return Ok(()) };
    let mut held = BTreeMap::new();
    for (cidr, _) in stored.value.blocks() {
        if let Some(block) = store.block(cidr).await? {
            held.insert(cidr, block.value.count_of(id));
        }
    }
    let change = stored.value.recounted(&held);
    write_handle(store, id, &stored, change).await
}

/// Does something anew that was refused because an object is not what it was, until it works or has been tried often.
async fn again_if_changed<T>(work: impl AsyncFn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut wait = FIRST_WAIT;
    for _ in 1..ATTEMPTS {
        match work().await {
            // It may be gone, too: the next read shows what it is.
            Err(StoreError { failure: Failure::Conflict | Failure::NotFound, .. }) => {
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            done => return done,
        }
    }
    work().await
}

/// None if there is no such block.
async fn try_block(
    store: &KubernetesDatastore,
    cidr: IpNet,
    claims: &Claims<'_>,
    terms: &Terms,
) -> Result<Option<BlockOutcome>, StoreError> {
    let location = Location::Block(cidr);
    let Some(stored) = store.block(cidr).await? else { return Ok(None) };
    if stored.value.is_deleted() {
        // Somebody's deletion has stopped half-way: whoever sees that makes an end of it.
        store.write(&stored, &location, &Change::Delete(stored.value.to_json())).await?;
        return Ok(None);
    }
    let (wanted, outcomes) = settle(&stored.value, claims);
    if wanted.is_empty() {
        return Ok(Some(BlockOutcome { outcomes, counts: BTreeMap::new() }));
    }
    let release = stored.value.release(&wanted, terms);
    let BlockRelease { change, counts, .. } = release.map_err(|refusal| {
        StoreError::new(format!("block {cidr}"), Failure::Unusable(refusal.to_string()))
    })?;
    if let Some(change) = Change::of_block(&change) {
        store.write(&stored, &location, &change).await?;
    }
    Ok(Some(BlockOutcome { outcomes, counts }))
}

/// What may be given back, and what becomes of each claim if that is done.
fn settle(block: &Block, claims: &Claims<'_>) -> (Vec<Wanted>, Vec<(usize, Outcome)>) {
    let mut wanted = Vec::new();
    let outcomes = claims.iter().map(|(place, claim)| {
        let outcome = match ownership(block, claim) {
            Ownership::Claimants(its, reason) => {
                wanted.push(its);
                Outcome::Released { reason, writes: Vec::new() }
            }
            Ownership::Nobodys(reason) => Outcome::AlreadyFree(reason),
            Ownership::Others(reason) => Outcome::Refused(reason),
        };
        (*place, outcome)
    });
    let outcomes = outcomes.collect();
    (wanted, outcomes)
}

async fn tell_handle(
    store: &KubernetesDatastore,
    id: &HandleId,
    counts: &BTreeMap<IpNet, i64>,
) -> Result<(), StoreError> {
    let Some(stored) = store.handle(id).await? else { return Ok(()) };
    let change = stored.value.without(counts);
    write_handle(store, id, &stored, change).await
}

/// A handle that is marked as deleted goes, whatever it counts.
async fn write_handle(
    store: &KubernetesDatastore,
    id: &HandleId,
    stored: &Stored<Handle>,
    change: HandleChange,
) -> Result<(), StoreError> {
    let is_deleted = stored.value.is_deleted();
    let change = if is_deleted { HandleChange::Delete(stored.value.clone()) } else { change };
    if let HandleChange::Leave(reason) = &change {
        tracing::debug!("IPAMHandle {id} is left as it is: {reason}");
    }
    match Change::of_handle(&change) {
        Some(change) => store.write(stored, &Location::Handle(id.clone()), &change).await,
        None => Ok(()),
    }
}
