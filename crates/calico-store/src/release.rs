//! Gives addresses back: block after block what is proved to be the claimant's, and the handles with their blocks or after
//! them. Whatever was changed by others meanwhile is read and proved anew.

mod blocks;
mod handles;
mod retry;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use calico_ipam::{Change, Claim, HandleId, Location, Terms, Write};
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

use self::{blocks::Progress, handles::Untold};
use crate::{
    CalicoDatastore, Failure, StoreError,
    datastore::{Datastore, Named, Staged},
    reader,
};

/// Blocks and handles that are written at the same time.
const IN_FLIGHT: usize = 8;

/// For how many milliseconds it is believed that a datastore is not locked.
const UNLOCKED_FOR: u64 = 1_000;

/// Whether anything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Write,
    /// It is only found out what would be.
    DryRun,
}

/// What became of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was given back, or would be.
    Released {
        /// Why it was the claimant's.
        reason: String,
        /// What was written for that, such as `PUT IPAMBlock 10-0-0-0-26`. Others of the same block may share it.
        writes: Vec<String>,
    },
    /// There was nothing to give back.
    AlreadyFree(String),
    /// It is somebody else's, or that cannot be excluded.
    Refused(String),
    /// It could not be done, and is to be tried again.
    Failed(StoreError),
}

/// What was written, by the place of it.
type Written = BTreeMap<Location, Vec<String>>;

/// A release that is under way.
struct Round<'a, D> {
    store: &'a D,
    mode: Mode,
    /// For how long a returned address is kept.
    cooldown: SignedDuration,
    begun: Instant,
    /// When it was seen last that the datastore is not locked, in milliseconds since the begin.
    unlocked_at: AtomicU64,
}

/// Gives back all addresses that are proved to be the claimants'. Gives what became of each claim, in their order.
///
/// # Errors
/// If the datastore as a whole cannot be used now: it is locked, or does not answer. Nothing was done then.
pub async fn release(
    store: &CalicoDatastore,
    claims: &[Claim],
    mode: Mode,
) -> Result<Vec<Outcome>, StoreError> {
    match store {
        CalicoDatastore::Kubernetes(store) => release_in(store, claims, mode).await,
        CalicoDatastore::Etcd(store) => release_in(store, claims, mode).await,
    }
}

async fn release_in<D: Datastore>(
    store: &D,
    claims: &[Claim],
    mode: Mode,
) -> Result<Vec<Outcome>, StoreError> {
    refuse_if_locked(store).await?;
    let cooldown = reader::config(store).await?.cooldown;
    let (pools, problems) = reader::pools(store).await?;
    problems.iter().for_each(|problem| tracing::warn!("a pool is left out: {problem}"));
    let round = Round { store, mode, cooldown, begun: Instant::now(), unlocked_at: AtomicU64::new(0) };
    let mut progress = Progress::default();
    progress.release_all(&round, claims, |address| pools.block_of(address)).await;
    let mut untold = Untold::default();
    round.tell(progress.take_owed(), &mut progress.written, &mut untold).await;
    // Free already: by whom, and has the handle been told? An earlier release may have been cut short after its blocks.
    round.recount(&progress.already_free(claims), &mut untold).await;
    Ok(progress.outcomes(claims, &untold))
}

/// Nothing is changed in a datastore that is locked: somebody copies what is in it.
async fn refuse_if_locked<D: Datastore>(store: &D) -> Result<(), StoreError> {
    if reader::is_locked(store).await? {
        return Err(StoreError::new(D::name(&Named::ClusterInformation), Failure::Locked));
    }
    Ok(())
}

impl<D: Datastore> Round<'_, D> {
    /// A round may last minutes, and somebody may lock the datastore meanwhile.
    async fn refuse_if_locked(&self) -> Result<(), StoreError> {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now.saturating_sub(self.unlocked_at.load(Ordering::Relaxed)) >= UNLOCKED_FOR {
            refuse_if_locked(self.store).await?;
            self.unlocked_at.store(now, Ordering::Relaxed);
        }
        Ok(())
    }

    /// How addresses are given back at this moment: a round may last minutes.
    fn terms(&self) -> Terms {
        Terms { now: Timestamp::now(), cooldown: self.cooldown }
    }

    /// Writes, unless that is only to be found out. Gives what it was, by its places.
    async fn write(&self, staged: Vec<Staged<D::Origin>>) -> Result<Written, StoreError> {
        if self.mode == Mode::Write && !staged.is_empty() {
            self.store.write(&staged).await?;
        }
        let written = staged.into_iter().map(|Staged { write, .. }| {
            let requests = D::requests(&write);
            (write.location, requests)
        });
        Ok(written.collect())
    }
}

/// The smallest block that an address is in.
fn block_of(cidrs: &[IpNet], address: IpAddr) -> Option<IpNet> {
    cidrs.iter().copied().filter(|cidr| cidr.contains(&address)).max_by_key(IpNet::prefix_len)
}

fn staged<O>(origin: O, location: Location, change: Change) -> Staged<O> {
    Staged { origin, write: Write { location, change } }
}

fn at_handle(id: &HandleId) -> Location {
    Location::Handle(id.clone())
}
