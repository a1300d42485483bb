//! Gives addresses back: block after block what is proved to be the claimant's, and the handles after all blocks. Whatever
//! was changed by others meanwhile is read and proved anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use calico_ipam::{
    Block, BlockChange, BlockRelease, Change, Claim, Handle, HandleChange, HandleId, Location, Ownership,
    Terms, Wanted, ownership,
};
use futures::{StreamExt, stream};
use ipnet::IpNet;
use jiff::Timestamp;

use crate::{Debts, Failure, KubernetesDatastore, StoreError, Stored};

/// Blocks and handles that are written at the same time.
const IN_FLIGHT: usize = 8;

/// How often an object is read anew because somebody else has changed it.
const ATTEMPTS: u32 = 12;

/// How long the first wait after a conflict is; each further one is twice as long, up to the last.
const FIRST_WAIT: Duration = Duration::from_millis(5);

/// What came of a release.
#[derive(Debug, Default)]
pub struct Released {
    /// What became of each claim, in their order.
    pub outcomes: Vec<Outcome>,
    /// What is still owed to handles.
    pub debts: Debts,
}

/// What became of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was given back; why it was the claimant's.
    Released(String),
    /// There was nothing to give back.
    AlreadyFree(String),
    /// It is somebody else's, or that cannot be excluded.
    Refused(String),
    /// It could not be done, and is to be tried again.
    Failed(StoreError),
}

/// The claims to addresses of one block, by their places among all.
type Claims<'a> = Vec<(usize, &'a Claim)>;

/// What became of the claims to one block.
struct BlockOutcome {
    outcomes: Vec<(usize, Outcome)>,
    /// What the handles have to be told.
    counts: BTreeMap<HandleId, i64>,
}

/// Gives back all addresses that are proved to be the claimants'.
pub async fn release(store: &KubernetesDatastore, claims: &[Claim]) -> Released {
    let all_failed = |error: StoreError| Released {
        outcomes: claims.iter().map(|_| Outcome::Failed(error.clone())).collect(),
        debts: Debts::default(),
    };
    let mut released = match prepare(store, claims).await {
        Ok((terms, by_block, nowhere)) => release_prepared(store, &terms, by_block, nowhere).await,
        Err(error) => return all_failed(error),
    };
    // Free already: by whom, and has the handle been told?
    let containers: BTreeSet<&str> = claims
        .iter()
        .zip(&released.outcomes)
        .filter(|(claim, outcome)| matches!(outcome, Outcome::AlreadyFree(_)) && !claim.container.is_empty())
        .map(|(claim, _)| claim.container.as_str())
        .collect();
    if !containers.is_empty()
        && let Err(error) = recount(store, &containers).await
    {
        for outcome in &mut released.outcomes {
            if matches!(outcome, Outcome::AlreadyFree(_)) {
                *outcome = Outcome::Failed(error.clone());
            }
        }
    }
    released
}

/// Tells handles what was given back. Gives what is owed still.
pub async fn pay(store: &KubernetesDatastore, mut debts: Debts) -> Debts {
    let handles: Vec<_> = debts.handles().map(|(id, counts)| (id.clone(), counts.clone())).collect();
    let mut payments = stream::iter(handles)
        .map(|(id, counts)| async move {
            let paid = again_if_changed(async || pay_handle(store, &id, &counts).await).await;
            (id, paid)
        })
        .buffer_unordered(IN_FLIGHT);
    while let Some((id, paid)) = payments.next().await {
        match paid {
            Ok(()) => debts.paid(&id),
            Err(error) => tracing::warn!("{error}; it is tried again"),
        }
    }
    debts
}

async fn prepare<'a>(
    store: &KubernetesDatastore,
    claims: &'a [Claim],
) -> Result<(Terms, BTreeMap<IpNet, Claims<'a>>, Vec<usize>), StoreError> {
    if store.is_locked().await? {
        return Err(StoreError::new("ClusterInformation default", Failure::Locked));
    }
    let terms = Terms { now: Timestamp::now(), cooldown: store.config().await?.cooldown };
    let pools = store.pools().await?;
    let mut by_block: BTreeMap<IpNet, Claims<'_>> = BTreeMap::new();
    let mut homeless = Claims::new();
    for (place, claim) in claims.iter().enumerate() {
        match pools.block_of(claim.address) {
            Some(cidr) => by_block.entry(cidr).or_default().push((place, claim)),
            None => homeless.push((place, claim)),
        }
    }
    // A pool may be gone, or may have been made anew with blocks of another size, while blocks of before are there.
    let cidrs: Vec<IpNet> = by_block.keys().copied().collect();
    let mut reads = stream::iter(cidrs)
        .map(|cidr| async move { (cidr, store.block(cidr).await) })
        .buffer_unordered(IN_FLIGHT);
    while let Some((cidr, read)) = reads.next().await {
        if matches!(read, Ok(None)) {
            homeless.extend(by_block.remove(&cidr).unwrap_or_default());
        }
    }
    drop(reads);
    let mut nowhere = Vec::new();
    if !homeless.is_empty() {
        let all = store.cidrs().await?;
        for (place, claim) in homeless {
            match block_of(&all, claim.address) {
                Some(cidr) => by_block.entry(cidr).or_default().push((place, claim)),
                None => nowhere.push(place),
            }
        }
    }
    Ok((terms, by_block, nowhere))
}

/// The smallest block that an address is in.
fn block_of(cidrs: &[IpNet], address: IpAddr) -> Option<IpNet> {
    cidrs.iter().copied().filter(|cidr| cidr.contains(&address)).max_by_key(IpNet::prefix_len)
}

async fn release_prepared(
    store: &KubernetesDatastore,
    terms: &Terms,
    by_block: BTreeMap<IpNet, Claims<'_>>,
    nowhere: Vec<usize>,
) -> Released {
    let no_block = || Outcome::AlreadyFree("no block has it".to_owned());
    let mut outcomes: BTreeMap<usize, Outcome> =
        nowhere.into_iter().map(|place| (place, no_block())).collect();
    let mut debts = Debts::default();
    let mut blocks = stream::iter(by_block)
        .map(|(cidr, claims)| async move { (cidr, release_block(store, cidr, claims, terms).await) })
        .buffer_unordered(IN_FLIGHT);
    while let Some((cidr, block)) = blocks.next().await {
        debts.add(cidr, &block.counts);
        outcomes.extend(block.outcomes);
    }
    drop(blocks);
    let debts = pay(store, debts).await;
    Released { outcomes: outcomes.into_values().collect(), debts }
}

/// Tells the handles of these containers, which are gone, how much they hold. An earlier release may have been cut short after
/// its blocks: their addresses are free by then, and the handles count them still.
///
/// # Errors
/// If a handle or one of its blocks cannot be read or written.
pub async fn recount(store: &KubernetesDatastore, containers: &BTreeSet<&str>) -> Result<(), StoreError> {
    for id in store.handles_of(containers).await? {
        again_if_changed(async || recount_handle(store, &id).await).await?;
    }
    Ok(())
}

async fn recount_handle(store: &KubernetesDatastore, id: &HandleId) -> Result<(), StoreError> {
    let Some(stored) = store.handle(id).await? else { return Ok(()) };
    let mut held = BTreeMap::new();
    for (cidr, _) in stored.value.blocks() {
        if let Some(block) = store.block(cidr).await? {
            held.insert(cidr, block.value.count_of(id));
        }
    }
    let change = if stored.value.is_deleted() {
        HandleChange::Delete(stored.value.clone())
    } else {
        stored.value.recounted(&held)
    };
    write_handle(store, id, &stored, change).await
}

async fn release_block(
    store: &KubernetesDatastore,
    cidr: IpNet,
    claims: Claims<'_>,
    terms: &Terms,
) -> BlockOutcome {
    let released = again_if_changed(async || try_block(store, cidr, &claims, terms).await).await;
    released.unwrap_or_else(|error| failed(&claims, &error))
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

fn failed(claims: &Claims<'_>, error: &StoreError) -> BlockOutcome {
    let outcomes = claims.iter().map(|(place, _)| (*place, Outcome::Failed(error.clone()))).collect();
    BlockOutcome { outcomes, counts: BTreeMap::new() }
}

async fn try_block(
    store: &KubernetesDatastore,
    cidr: IpNet,
    claims: &Claims<'_>,
    terms: &Terms,
) -> Result<BlockOutcome, StoreError> {
    let location = Location::Block(cidr);
    let gone = |why: &str| {
        let outcomes = claims.iter().map(|(place, _)| (*place, Outcome::AlreadyFree(why.to_owned())));
        BlockOutcome { outcomes: outcomes.collect(), counts: BTreeMap::new() }
    };
    let Some(stored) = store.block(cidr).await? else { return Ok(gone("its block is gone")) };
    if stored.value.is_deleted() {
        // Somebody's deletion has stopped half-way: whoever sees that makes an end of it.
        store.write(&stored, &location, &Change::Delete(stored.value.to_json())).await?;
        return Ok(gone("its block is gone"));
    }
    let (wanted, outcomes) = settle(&stored.value, claims);
    if wanted.is_empty() {
        return Ok(BlockOutcome { outcomes, counts: BTreeMap::new() });
    }
    let release = stored.value.release(&wanted, terms);
    let BlockRelease { change, counts, .. } = release.map_err(|refusal| {
        StoreError::new(format!("block {cidr}"), Failure::Unusable(refusal.to_string()))
    })?;
    match change {
        BlockChange::None => {}
        BlockChange::Update(block) => store.write(&stored, &location, &Change::Put(block.to_json())).await?,
        BlockChange::Delete(block) => {
            let change = Change::Delete(block.marked_deleted().to_json());
            store.write(&stored, &location, &change).await?;
        }
    }
    Ok(BlockOutcome { outcomes, counts })
}

/// What may be given back, and what becomes of each claim if that is done.
fn settle(block: &Block, claims: &Claims<'_>) -> (Vec<Wanted>, Vec<(usize, Outcome)>) {
    let mut wanted = Vec::new();
    let outcomes = claims.iter().map(|(place, claim)| {
        let outcome = match ownership(block, claim) {
            Ownership::Claimants(its, reason) => {
                wanted.push(its);
                Outcome::Released(reason)
            }
            Ownership::Nobodys(reason) => Outcome::AlreadyFree(reason),
            Ownership::Others(reason) => Outcome::Refused(reason),
        };
        (*place, outcome)
    });
    let outcomes = outcomes.collect();
    (wanted, outcomes)
}

async fn pay_handle(
    store: &KubernetesDatastore,
    id: &HandleId,
    counts: &BTreeMap<IpNet, i64>,
) -> Result<(), StoreError> {
    let Some(stored) = store.handle(id).await? else { return Ok(()) };
    let change = if stored.value.is_deleted() {
        HandleChange::Delete(stored.value.clone())
    } else {
        stored.value.without(counts)
    };
    write_handle(store, id, &stored, change).await
}

async fn write_handle(
    store: &KubernetesDatastore,
    id: &HandleId,
    stored: &Stored<Handle>,
    change: HandleChange,
) -> Result<(), StoreError> {
    let change = match change {
        HandleChange::Update(handle) => Change::Put(handle.to_json()),
        HandleChange::Delete(handle) => Change::Delete(handle.marked_deleted().to_json()),
        HandleChange::Leave(reason) => {
            tracing::debug!("IPAMHandle {id} is left as it is: {reason}");
            return Ok(());
        }
    };
    store.write(stored, &Location::Handle(id.clone()), &change).await
}
