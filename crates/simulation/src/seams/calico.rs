//! Calico's datastore as one Cleaner reaches it. Whose an address is and what a release writes is decided by the functions
//! by which `calico-store` decides; reading and writing are requests of their own, so that others come in between.

use std::collections::{BTreeMap, BTreeSet};

use calico_ipam::{
    Block, BlockChange, Claim, Handle, HandleChange, HandleId, Ownership, Proof, Terms, Wanted, ownership,
};
use calico_store::{Failure as StoreFailure, Mode, Outcome, StoreError};
use ipnet::IpNet;

use crate::{
    agenda::Millis,
    calico::{DatastoreRequest, Stored},
    call::{Answer, Failure, Party, Request},
    sim::Sim,
    tally::Dealing,
};

/// How long the Cleaner waits for one answer.
const DEADLINE: Millis = 30_000;

/// How often something is tried again because somebody else was faster.
const ATTEMPTS: usize = 12;

/// The way of a Cleaner to it.
#[derive(Clone)]
pub struct Datastore {
    sim: Sim,
    replica: usize,
}

/// What is to be told to the handles: how many addresses of which blocks were given back.
type Owed = BTreeMap<HandleId, BTreeMap<IpNet, i64>>;

/// What becomes of the claims to one block.
struct Settled {
    wanted: Vec<Wanted>,
    outcomes: Vec<Outcome>,
}

// === impl Datastore ===

impl Datastore {
    /// The way of a Cleaner.
    pub const fn new(sim: Sim, replica: usize) -> Self {
        Self { sim, replica }
    }

    async fn ask(&self, request: DatastoreRequest) -> Answer {
        self.sim.ask(Party::Cleaner(self.replica), Request::Calico(request), DEADLINE).await
    }

    async fn check_condition(&self) -> Result<(), StoreError> {
        let (dealing, failure) = match self.ask(DatastoreRequest::Condition).await {
            Answer::Locked => (Dealing::HeldLocked, StoreFailure::Locked),
            Answer::Failed(Failure::NotFound) => {
                (Dealing::HeldAbsent, StoreFailure::Absent("there is none".to_owned()))
            }
            Answer::Failed(failure) => (Dealing::Failed, store_failure(failure)),
            _ => return Ok(()),
        };
        self.sim.world().tally.deals(dealing);
        Err(StoreError::new("ClusterInformation default", failure))
    }

    /// Gives back what is proved in the block of a family, and notes what is owed to the handles. Each try begins with a
    /// read: whose something was says nothing about whose it is.
    async fn release_in_block(
        &self,
        family: usize,
        claims: &[&Claim],
        mode: Mode,
        owed: &mut Owed,
    ) -> Result<Vec<Outcome>, StoreError> {
        for _ in 0..ATTEMPTS {
            let Stored { version, value } = match self.ask(DatastoreRequest::Block(family)).await {
                Answer::CalicoBlock(block) => *block,
                answer => return Err(unanswered("a block", &answer)),
            };
            let (terms, proves_nothing) = self.terms()?;
            let Settled { wanted, outcomes } = settle(&value, claims, proves_nothing);
            if mode == Mode::DryRun {
                return Ok(outcomes);
            }
            let release = value
                .release(&wanted, &terms)
                .map_err(|refusal| StoreError::new("a block", StoreFailure::Unusable(refusal.to_string())))?;
            let BlockChange::Update(block) = release.change else { return Ok(outcomes) };
            let put = DatastoreRequest::PutBlock(family, Box::new(Stored { version, value: block }));
            match self.ask(put).await {
                Answer::Done => {
                    for (handle, count) in release.counts {
                        owed.entry(handle).or_default().insert(value.cidr(), count);
                    }
                    return Ok(outcomes);
                }
                Answer::Failed(Failure::Conflict) => {}
                answer => return Err(unanswered("a block", &answer)),
            }
        }
        Err(StoreError::new("a block", StoreFailure::Conflict))
    }

    /// Changes a handle, if it is to change.
    async fn change_handle(
        &self,
        id: &HandleId,
        change: impl AsyncFn(&Handle) -> Result<HandleChange, StoreError>,
    ) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS {
            let stored = match self.ask(DatastoreRequest::Handle(id.clone())).await {
                Answer::CalicoHandle(None) => return Ok(()),
                Answer::CalicoHandle(Some(stored)) => *stored,
                answer => return Err(unanswered("a handle", &answer)),
            };
            let left = match change(&stored.value).await? {
                HandleChange::Update(left) => Some(Box::new(left)),
                HandleChange::Delete(_) => None,
                HandleChange::Leave(_) => return Ok(()),
            };
            match self.ask(DatastoreRequest::PutHandle(id.clone(), Some(stored.version), left)).await {
                Answer::Done => return Ok(()),
                Answer::Failed(Failure::Conflict) => {}
                answer => return Err(unanswered("a handle", &answer)),
            }
        }
        Err(StoreError::new("a handle", StoreFailure::Conflict))
    }

    /// Tells handles what was given back. Gives the containers of those that could not be told, and why.
    async fn tell_handles(&self, owed: Owed) -> BTreeMap<String, StoreError> {
        let mut untold = BTreeMap::new();
        for (id, counts) in owed {
            let told = self.change_handle(&id, async |handle| Ok(handle.without(&counts))).await;
            untold.extend(told.err().map(|error| (id.container().unwrap_or_default().to_owned(), error)));
        }
        untold
    }

    /// Whoever gave addresses back before may not have got as far as their handles.
    async fn recount(&self, container: &str) -> Result<(), StoreError> {
        let ids = match self.ask(DatastoreRequest::HandlesOf(container.to_owned())).await {
            Answer::CalicoHandles(ids) => ids,
            answer => return Err(unanswered("handles", &answer)),
        };
        for id in ids {
            self.change_handle(&id, async |handle| {
                let mut held = BTreeMap::new();
                for family in 0..2 {
                    match self.ask(DatastoreRequest::Block(family)).await {
                        Answer::CalicoBlock(block) => {
                            held.insert(block.value.cidr(), block.value.count_of(&id));
                        }
                        answer => return Err(unanswered("a block", &answer)),
                    }
                }
                Ok(handle.recounted(&held))
            })
            .await?;
        }
        Ok(())
    }

    /// Under which terms something is given back, and whether a mutant believes in every claim.
    fn terms(&self) -> Result<(Terms, bool), StoreError> {
        let world = self.sim.world();
        let absent = || StoreError::new("Calico", StoreFailure::Absent("there is none".to_owned()));
        let calico = world.calico.as_ref().ok_or_else(absent)?;
        Ok((calico.terms(world.now), world.flaw.claims_are_believed))
    }

    fn count(&self, outcomes: &[Outcome]) {
        let mut world = self.sim.world();
        for outcome in outcomes {
            world.tally.deals(match outcome {
                Outcome::Released { .. } => Dealing::GivenBack,
                Outcome::AlreadyFree(_) => Dealing::AlreadyFree,
                Outcome::Refused(_) => Dealing::Refused,
                Outcome::Failed(_) => Dealing::Failed,
            });
        }
    }
}

impl cleaner::Calico for Datastore {
    async fn release(&self, claims: Vec<Claim>, mode: Mode) -> Result<Vec<Outcome>, StoreError> {
        self.check_condition().await?;
        let mut owed = Owed::new();
        let mut outcomes: Vec<Option<Outcome>> = vec![None; claims.len()];
        for family in 0..2 {
            let is_of_family = |claim: &Claim| usize::from(claim.address.is_ipv6()) == family;
            let places: Vec<usize> = (0..claims.len()).filter(|at| is_of_family(&claims[*at])).collect();
            if places.is_empty() {
                continue;
            }
            let of_family: Vec<&Claim> = places.iter().map(|at| &claims[*at]).collect();
            let done = match self.release_in_block(family, &of_family, mode, &mut owed).await {
                Ok(done) => done,
                Err(error) => vec![Outcome::Failed(error); places.len()],
            };
            places.into_iter().zip(done).for_each(|(at, outcome)| outcomes[at] = Some(outcome));
        }
        let mut untold = self.tell_handles(owed).await;
        let is_free = |at: &usize| {
            matches!(outcomes[*at], Some(Outcome::AlreadyFree(_))) && !container(&claims[*at]).is_empty()
        };
        let free: BTreeSet<&str> =
            (0..claims.len()).filter(is_free).map(|at| container(&claims[at])).collect();
        for id in free {
            let counted = self.recount(id).await;
            untold.extend(counted.err().map(|error| (id.to_owned(), error)));
        }
        let untouched = || Outcome::Failed(unanswered("an address", &Answer::Failed(Failure::Unknown)));
        let outcomes: Vec<Outcome> = outcomes
            .into_iter()
            .zip(&claims)
            .map(|(outcome, claim)| match (outcome, untold.get(container(claim))) {
                (Some(Outcome::Refused(reason)), _) => Outcome::Refused(reason),
                (_, Some(error)) => Outcome::Failed(error.clone()),
                (outcome, None) => outcome.unwrap_or_else(untouched),
            })
            .collect();
        if mode == Mode::Write {
            self.count(&outcomes);
        }
        Ok(outcomes)
    }
}

/// What may be given back in a block, and what becomes of each claim if that is done.
fn settle(block: &Block, claims: &[&Claim], proves_nothing: bool) -> Settled {
    let mut settled = Settled { wanted: Vec::new(), outcomes: Vec::new() };
    for claim in claims {
        let outcome = match ownership(block, claim) {
            Ownership::Claimants(wanted, reason) => {
                settled.wanted.push(wanted);
                Outcome::Released { reason, writes: Vec::new() }
            }
            Ownership::Others(reason) if proves_nothing => {
                let (handle, sequence_number) = (None, None);
                settled.wanted.push(Wanted { address: claim.address, handle, sequence_number });
                Outcome::Released { reason, writes: Vec::new() }
            }
            Ownership::Nobodys(reason) => Outcome::AlreadyFree(reason),
            Ownership::Others(reason) => Outcome::Refused(reason),
        };
        settled.outcomes.push(outcome);
    }
    settled
}

fn unanswered(object: &str, answer: &Answer) -> StoreError {
    let failure = match answer {
        Answer::Failed(failure) => store_failure(*failure),
        _ => StoreFailure::Failed("the answer is to another question".to_owned()),
    };
    StoreError::new(object, failure)
}

fn store_failure(failure: Failure) -> StoreFailure {
    match failure {
        Failure::Conflict => StoreFailure::Conflict,
        Failure::NotFound => StoreFailure::NotFound,
        Failure::Refused => StoreFailure::Failed("it was refused".to_owned()),
        Failure::Unknown => StoreFailure::Failed("no answer".to_owned()),
    }
}

/// The container that an endpoint says it had.
fn container(claim: &Claim) -> &str {
    match &claim.proof {
        Proof::Endpoint { container, .. } => container,
        Proof::Handle(_) | Proof::Container(_) | Proof::Pod { .. } => "",
    }
}
