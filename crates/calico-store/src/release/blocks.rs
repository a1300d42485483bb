//! The blocks of a release: each is read, the claims to it are proved, and it is written, where the datastore can do it with
//! the handles that it concerns. Blocks are independent of each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    net::IpAddr,
};

use calico_ipam::{
    Block, BlockRelease, Change, Claim, HandleChange, HandleId, Location, Ownership, Wanted, ownership,
};
use futures::{StreamExt, stream};
use ipnet::IpNet;

use super::{
    IN_FLIGHT, Outcome, Round, Written, at_handle, block_of,
    handles::{Owed, Untold, handle_write},
    retry::again_if_changed,
    staged,
};
use crate::{
    Failure, StoreError,
    datastore::{Datastore, Staged},
    reader::{self, StoredBlock},
};

/// Claims by their places among all.
type Claims<'a> = Vec<(usize, &'a Claim)>;

/// What was done so far.
#[derive(Default)]
pub struct Progress<'a> {
    /// What became of claims that are settled.
    ends: BTreeMap<usize, End>,
    /// How many addresses of which blocks the handles have to be told.
    owed: Owed,
    /// The claims to addresses whose block is not there.
    homeless: Claims<'a>,
    /// What was written.
    pub written: Written,
}

/// What became of a claim.
#[derive(Clone, Debug)]
enum End {
    /// The address was given back.
    GivenBack { reason: String, block: IpNet, handle: Option<HandleId> },
    /// Anything else.
    Not(Outcome),
}

/// What became of the claims to one block.
#[derive(Default)]
struct BlockOutcome {
    ends: Vec<(usize, End)>,
    /// How many addresses of it each handle has to be told yet.
    counts: BTreeMap<HandleId, i64>,
    written: Written,
}

/// The handles of a block: what becomes of those that can be changed with it, and how much the others have to be told.
struct OfHandles<O> {
    staged: Vec<Staged<O>>,
    owed: BTreeMap<HandleId, i64>,
}

// === impl Progress ===

impl<'a> Progress<'a> {
    /// Gives back what is proved, in all blocks.
    pub async fn release_all<D: Datastore>(
        &mut self,
        round: &Round<'_, D>,
        claims: &'a [Claim],
        block_of: impl Fn(IpAddr) -> Option<IpNet>,
    ) {
        let by_block = self.by_block(claims.iter().enumerate().collect(), block_of);
        self.release_blocks(round, by_block).await;
        if !self.homeless.is_empty() {
            self.release_homeless(round).await;
        }
        self.release_hidden(round, claims).await;
    }

    /// What handles have to be told.
    pub fn take_owed(&mut self) -> Owed {
        mem::take(&mut self.owed)
    }

    /// The claims to addresses that were free before.
    pub fn already_free(&self, claims: &'a [Claim]) -> Vec<&'a Claim> {
        let is_free = |place: &usize| matches!(self.ends.get(place), Some(End::Not(Outcome::AlreadyFree(_))));
        claims.iter().enumerate().filter(|(place, _)| is_free(place)).map(|(_, claim)| claim).collect()
    }

    /// What became of each claim. Whoever forgets a claim whose handle could not be told forgets that handle for ever.
    pub fn outcomes(mut self, claims: &[Claim], untold: &Untold) -> Vec<Outcome> {
        let outcomes = claims.iter().enumerate().map(|(place, claim)| match self.ends.remove(&place) {
            Some(End::GivenBack { reason, block, handle }) => {
                if let Some(error) = handle.as_ref().and_then(|handle| untold.of_handle(handle)) {
                    return Outcome::Failed(error.clone());
                }
                let places = [Some(Location::Block(block)), handle.map(Location::Handle)];
                let writes = places.iter().flatten().filter_map(|place| self.written.get(place));
                Outcome::Released { reason, writes: writes.flatten().cloned().collect() }
            }
            Some(End::Not(Outcome::AlreadyFree(reason))) => untold
                .of_claim(claim)
                .map_or(Outcome::AlreadyFree(reason), |error| Outcome::Failed(error.clone())),
            Some(End::Not(outcome)) => outcome,
            None => Outcome::Failed(untouched(claim)),
        });
        outcomes.collect()
    }

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

    async fn release_blocks<D: Datastore>(
        &mut self,
        round: &Round<'_, D>,
        by_block: BTreeMap<IpNet, Claims<'a>>,
    ) {
        let mut blocks = stream::iter(by_block)
            .map(|(cidr, claims)| async move {
                let released = again_if_changed(async || round.try_block(cidr, &claims).await).await;
                (cidr, claims, released)
            })
            .buffer_unordered(IN_FLIGHT);
        while let Some((cidr, claims, released)) = blocks.next().await {
            match released {
                Ok(Some(BlockOutcome { ends, counts, written })) => {
                    self.ends.extend(ends);
                    self.written.extend(written);
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
    async fn release_homeless<D: Datastore>(&mut self, round: &Round<'_, D>) {
        let homeless = mem::take(&mut self.homeless);
        let cidrs = match reader::cidrs(round.store).await {
            Ok(cidrs) => cidrs,
            Err(error) => return self.end_all(&homeless, &Outcome::Failed(error)),
        };
        let by_block = self.by_block(homeless, |address| block_of(&cidrs.known, address));
        self.release_blocks(round, by_block).await;
        let nowhere = mem::take(&mut self.homeless);
        let outcome = match cidrs.hidden {
            Some(error) => Outcome::Failed(error),
            None if cidrs.known.is_empty() => Outcome::Failed(without_blocks()),
            None => Outcome::AlreadyFree("no block has it".to_owned()),
        };
        self.end_all(&nowhere, &outcome);
    }

    /// Where a pool was made anew with blocks of another size, those of before may overlap the new ones: what is free in one may
    /// be held in another.
    async fn release_hidden<D: Datastore>(&mut self, round: &Round<'_, D>, claims: &'a [Claim]) {
        let is_free = |place: &usize| matches!(self.ends.get(place), Some(End::Not(Outcome::AlreadyFree(_))));
        let free: Claims<'a> = claims.iter().enumerate().filter(|(place, _)| is_free(place)).collect();
        if free.is_empty() {
            return;
        }
        let cidrs = match reader::cidrs(round.store).await {
            Ok(cidrs) => cidrs.known,
            Err(error) => return self.end_all(&free, &Outcome::Failed(error)),
        };
        let mut by_block: BTreeMap<IpNet, Claims<'a>> = BTreeMap::new();
        for (place, claim) in free {
            let around = cidrs.iter().filter(|cidr| cidr.contains(&claim.address));
            if let Some(largest) = around.clone().min_by_key(|cidr| cidr.prefix_len())
                && around.count() > 1
            {
                by_block.entry(*largest).or_default().push((place, claim));
            }
        }
        self.release_blocks(round, by_block).await;
    }

    fn end_all(&mut self, claims: &Claims<'_>, outcome: &Outcome) {
        self.ends.extend(claims.iter().map(|(place, _)| (*place, End::Not(outcome.clone()))));
    }
}

/// Every claim is looked at; if one was not, it is tried again.
fn untouched(claim: &Claim) -> StoreError {
    StoreError::new(claim.address.to_string(), Failure::Failed("it was not looked at".to_owned()))
}

/// The wrong datastore has no block either.
fn without_blocks() -> StoreError {
    let reason = "there is not a single one: is this the datastore of this cluster's Calico?".to_owned();
    StoreError::new("blocks", Failure::Unusable(reason))
}

// === impl Round ===

impl<D: Datastore> Round<'_, D> {
    /// None if there is no such block.
    async fn try_block(&self, cidr: IpNet, claims: &Claims<'_>) -> Result<Option<BlockOutcome>, StoreError> {
        let Some(stored) = reader::block(self.store, cidr).await? else { return Ok(None) };
        let location = Location::Block(cidr);
        if D::DELETES_IN_TWO_STEPS && stored.value.is_deleted() {
            // Somebody's deletion has stopped half-way: whoever sees that makes an end of it.
            let end = Change::Delete(stored.value.to_json());
            self.write(vec![staged(stored.origin, location, end)]).await?;
            return Ok(None);
        }
        let (wanted, ends) = settle(&stored.value, claims);
        if wanted.is_empty() {
            return Ok(Some(BlockOutcome { ends, ..BlockOutcome::default() }));
        }
        self.refuse_if_locked().await?;
        let (counts, written) = self.give_back(stored, &wanted).await?;
        Ok(Some(BlockOutcome { ends, counts, written }))
    }

    /// Gives what the handles have to be told yet, and what was written.
    async fn give_back(
        &self,
        stored: StoredBlock<D>,
        wanted: &[Wanted],
    ) -> Result<(BTreeMap<HandleId, i64>, Written), StoreError> {
        let cidr = stored.value.cidr();
        let release = stored.value.release(wanted, &self.terms());
        let BlockRelease { change, counts, .. } = release.map_err(|refusal| {
            StoreError::new(format!("block {cidr}"), Failure::Unusable(refusal.to_string()))
        })?;
        let OfHandles { staged: mut writes, owed } = self.stage_handles(cidr, counts).await?;
        if let Some(change) = Change::of_block(&change) {
            writes.insert(0, staged(stored.origin, Location::Block(cidr), change));
        }
        Ok((owed, self.write(writes).await?))
    }

    /// What becomes of the handles that can be changed together with their block.
    async fn stage_handles(
        &self,
        cidr: IpNet,
        counts: BTreeMap<HandleId, i64>,
    ) -> Result<OfHandles<D::Origin>, StoreError> {
        let mut of_handles = OfHandles { staged: Vec::new(), owed: counts };
        let together: BTreeSet<HandleId> =
            of_handles.owed.keys().take(D::HANDLES_WITH_BLOCK).cloned().collect();
        if together.is_empty() {
            return Ok(of_handles);
        }
        let locations: Vec<Location> = together.iter().map(at_handle).collect();
        let answers = self.store.get_all(&locations).await?;
        for (id, answer) in together.into_iter().zip(answers) {
            // What is wrong with one handle is told to its claimants when it is told by itself.
            let Ok(stored) = reader::read_handle::<D>(answer, &id) else { continue };
            let Some(count) = of_handles.owed.remove(&id) else { continue };
            let Some(stored) = stored else { continue };
            let change: HandleChange = stored.value.without(&BTreeMap::from([(cidr, count)]));
            of_handles.staged.extend(handle_write::<D>(&id, stored, change));
        }
        Ok(of_handles)
    }
}

/// What may be given back, and what becomes of each claim if that is done.
fn settle(block: &Block, claims: &Claims<'_>) -> (Vec<Wanted>, Vec<(usize, End)>) {
    let mut wanted = Vec::new();
    let ends = claims.iter().map(|(place, claim)| {
        let end = match ownership(block, claim) {
            Ownership::Claimants(its, reason) => {
                let handle = its.handle.clone();
                wanted.push(its);
                End::GivenBack { reason, block: block.cidr(), handle }
            }
            Ownership::Nobodys(reason) => End::Not(Outcome::AlreadyFree(reason)),
            Ownership::Others(reason) => End::Not(Outcome::Refused(reason)),
        };
        (*place, end)
    });
    let ends = ends.collect();
    (wanted, ends)
}
