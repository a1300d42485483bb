//! The handles of a release: each is told once how many of its addresses were given back. Those of an earlier release that was
//! cut short are counted anew.

use std::collections::{BTreeMap, BTreeSet};

use calico_ipam::{Change, Claim, HandleChange, HandleId, Proof};
use futures::{StreamExt, stream};
use ipnet::IpNet;

use super::{IN_FLIGHT, Round, Written, at_handle, retry::again_if_changed, staged};
use crate::{
    StoreError,
    datastore::{Datastore, Entry, Kind, Staged},
    reader::{self, StoredHandle},
};

/// From so many handles on all of them are read in a few lists, instead of each by itself.
const WORTH_A_LIST: usize = 64;

/// How many addresses of which blocks handles have to be told.
pub type Owed = BTreeMap<HandleId, BTreeMap<IpNet, i64>>;

/// Why handles could not be told.
#[derive(Default)]
pub struct Untold {
    by_handle: BTreeMap<HandleId, StoreError>,
    by_container: BTreeMap<String, StoreError>,
    /// Nobody knows which handles there are.
    all: Option<StoreError>,
}

/// Of whom the handles are looked for.
struct Traces<'a> {
    containers: BTreeSet<&'a str>,
    handles: BTreeSet<&'a HandleId>,
}

// === impl Untold ===

impl Untold {
    /// Why this handle could not be told.
    pub fn of_handle(&self, id: &HandleId) -> Option<&StoreError> {
        self.by_handle.get(id)
    }

    /// Why a handle that may be this claimant's could not be told.
    pub fn of_claim(&self, claim: &Claim) -> Option<&StoreError> {
        match &claim.proof {
            Proof::Endpoint { container, .. } | Proof::Container(container) if container.is_empty() => None,
            Proof::Endpoint { container, .. } | Proof::Container(container) => {
                self.by_container.get(container).or(self.all.as_ref())
            }
            Proof::Handle(id) => self.by_handle.get(id).or(self.all.as_ref()),
            Proof::Pod { .. } => None,
        }
    }

    fn add(&mut self, id: HandleId, error: StoreError) {
        if let Some(container) = id.container() {
            self.by_container.insert(container.to_owned(), error.clone());
        }
        self.by_handle.insert(id, error);
    }
}

// === impl Traces ===

impl<'a> Traces<'a> {
    fn of(claims: &[&'a Claim]) -> Self {
        let mut traces = Self { containers: BTreeSet::new(), handles: BTreeSet::new() };
        for claim in claims {
            match &claim.proof {
                Proof::Endpoint { container, .. } | Proof::Container(container) if !container.is_empty() => {
                    traces.containers.insert(container);
                }
                Proof::Handle(id) if !id.is_empty() && id.kind_of_holder().is_none() => {
                    traces.handles.insert(id);
                }
                _ => {}
            }
        }
        traces
    }

    fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.handles.is_empty()
    }

    fn lead_to(&self, id: &HandleId) -> bool {
        self.handles.contains(id)
            || id.container().is_some_and(|container| self.containers.contains(container))
    }
}

// === impl Round ===

impl<D: Datastore> Round<'_, D> {
    /// Tells handles what was given back.
    pub async fn tell(&self, owed: Owed, written: &mut Written, untold: &mut Untold) {
        let mut read = self.read_ahead(&owed).await;
        let owed: Vec<_> = owed
            .into_iter()
            .map(|(id, counts)| {
                let first = read.remove(&id);
                (id, counts, first)
            })
            .collect();
        let mut told = stream::iter(owed)
            .map(|(id, counts, mut first)| async move {
                let told =
                    again_if_changed(async || self.tell_handle(&id, &counts, first.take()).await).await;
                (id, told)
            })
            .buffer_unordered(IN_FLIGHT);
        while let Some((id, told)) = told.next().await {
            match told {
                Ok(writes) => written.extend(writes),
                Err(error) => untold.add(id, error),
            }
        }
    }

    /// The handles, where it is many of them. One that is missing here is looked for by itself: between the pages of a list
    /// an object may come, and without it nothing is lost but time.
    async fn read_ahead(&self, owed: &Owed) -> BTreeMap<HandleId, Entry<D::Origin>> {
        let mut read = BTreeMap::new();
        if owed.len() < WORTH_A_LIST {
            return read;
        }
        let mut visit = |entry: Result<Entry<D::Origin>, StoreError>| {
            let Ok(entry) = entry else { return };
            let id = reader::handle_id(&entry);
            if owed.contains_key(&id) {
                read.insert(id, entry);
            }
        };
        if let Err(error) = self.store.each(Kind::Handles, &mut visit).await {
            tracing::debug!("handles are read one by one: {error}");
        }
        read
    }

    async fn tell_handle(
        &self,
        id: &HandleId,
        counts: &BTreeMap<IpNet, i64>,
        read: Option<Entry<D::Origin>>,
    ) -> Result<Written, StoreError> {
        let stored = match read {
            Some(entry) => reader::read_handle::<D>(Ok(Some(entry)), id)?,
            None => reader::handle(self.store, id).await?,
        };
        let Some(stored) = stored else { return Ok(Written::new()) };
        let change = stored.value.without(counts);
        self.write(handle_write::<D>(id, stored, change).into_iter().collect()).await
    }

    /// Tells the handles of these claimants, who are gone, how much they hold.
    pub async fn recount(&self, claims: &[&Claim], untold: &mut Untold) {
        let traces = Traces::of(claims);
        if traces.is_empty() {
            return;
        }
        let mut handles = Vec::new();
        let mut visit = |entry: Result<Entry<D::Origin>, StoreError>| {
            // One that cannot be understood is nobody's.
            let Ok(entry) = entry else { return };
            let id = reader::handle_id(&entry);
            if traces.lead_to(&id) {
                handles.push(id);
            }
        };
        if let Err(error) = self.store.each(Kind::Handles, &mut visit).await {
            untold.all = Some(error);
            return;
        }
        let mut counted = stream::iter(handles)
            .map(|id| async move {
                let counted = again_if_changed(async || self.recount_handle(&id).await).await;
                (id, counted)
            })
            .buffer_unordered(IN_FLIGHT);
        while let Some((id, counted)) = counted.next().await {
            if let Err(error) = counted {
                untold.add(id, error);
            }
        }
    }

    async fn recount_handle(&self, id: &HandleId) -> Result<(), StoreError> {
        let Some(stored) = reader::handle(self.store, id).await? else { return Ok(()) };
        let mut held = BTreeMap::new();
        for (cidr, _) in stored.value.blocks() {
            if let Some(block) = reader::block(self.store, cidr).await? {
                held.insert(cidr, block.value.count_of(id));
            }
        }
        let change = stored.value.recounted(&held);
        self.write(handle_write::<D>(id, stored, change).into_iter().collect()).await.map(|_| ())
    }
}

/// What is to be written of a handle. One that is marked as deleted goes, whatever it counts.
pub fn handle_write<D: Datastore>(
    id: &HandleId,
    stored: StoredHandle<D>,
    change: HandleChange,
) -> Option<Staged<D::Origin>> {
    let is_gone = D::DELETES_IN_TWO_STEPS && stored.value.is_deleted();
    let change = if is_gone { HandleChange::Delete(stored.value) } else { change };
    if let HandleChange::Leave(reason) = &change {
        tracing::debug!("handle {id} is left as it is: {reason}");
    }
    Some(staged(stored.origin, at_handle(id), Change::of_handle(&change)?))
}
