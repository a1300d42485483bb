//! Calico's CNI plugin as DANM's calls it. ADD takes an address of each family under the handle of the sandbox, and DANM
//! writes them into the endpoint; DEL gives back what the handle holds. A handle is told before an address is taken and
//! after it was given back; that the latter has not worked is nobody's failure.

use calico_ipam::{Block, BlockChange, Handle, HandleChange, HandleId};
use danm_ipam::BitIndex;

use super::{Failed, Plugin, TIMEOUT};
use crate::{
    calico::{Assignee, DatastoreRequest, Stored, assigned, counted, handle_of},
    call::{Answer, Failure, Request},
    store::{Endpoint, NAMESPACES},
    tally::Dealing,
};

/// How often something is tried again because somebody else was faster.
const ATTEMPTS: usize = 10;

impl Plugin {
    pub(super) fn is_of_calico(&self) -> bool {
        self.calico.contains(&true)
    }

    /// Lets Calico give addresses to an endpoint.
    pub(super) async fn delegate(&self, mut endpoint: Endpoint) -> Result<(), Failed> {
        self.is_ready().await?;
        let to = self.assignee(&endpoint);
        for family in (0..2).filter(|family| self.calico[*family]) {
            endpoint.calico[family] = Some(self.assign(&to, family).await?);
        }
        match self.ask(Request::UpdateEndpoint(Box::new(endpoint)), TIMEOUT).await {
            Answer::Done => Ok(()),
            _ => Err(Failed),
        }
    }

    /// Gives back everything that the handle of an endpoint's sandbox holds.
    pub(super) async fn give_back(&self, endpoint: &Endpoint) -> Result<(), Failed> {
        self.is_ready().await?;
        let id = handle_of(endpoint.network, endpoint.sandbox);
        if self.handle(&id).await?.is_none() {
            return Ok(());
        }
        for family in 0..2 {
            self.give_back_all(&id, family).await?;
        }
        Ok(())
    }

    async fn assign(&self, to: &Assignee, family: usize) -> Result<BitIndex, Failed> {
        for _ in 0..ATTEMPTS {
            let Stored { version, value } = self.block(family).await?;
            let (block, bit) = {
                let world = self.sim.world();
                let calico = world.calico.as_ref().ok_or(Failed)?;
                assigned(&value, to, &calico.terms(world.now)).ok_or(Failed)?
            };
            self.count(&to.handle, &block).await?;
            match self.put_block(family, version, block).await {
                Answer::Done => {
                    self.sim.world().tally.deals(Dealing::Assigned);
                    return Ok(bit);
                }
                Answer::Failed(Failure::Conflict) => self.discount(&to.handle, &value, 1).await?,
                _ => return Err(Failed),
            }
        }
        Err(Failed)
    }

    async fn give_back_all(&self, id: &HandleId, family: usize) -> Result<(), Failed> {
        for _ in 0..ATTEMPTS {
            let Stored { version, value } = self.block(family).await?;
            let release = {
                let world = self.sim.world();
                let calico = world.calico.as_ref().ok_or(Failed)?;
                value.release_all_of(id, &calico.terms(world.now)).map_err(|_| Failed)?
            };
            let BlockChange::Update(block) = release.change else { return Ok(()) };
            match self.put_block(family, version, block).await {
                Answer::Done => {
                    let count = release.counts.get(id).copied().unwrap_or_default();
                    let _ = self.discount(id, &value, count).await;
                    return Ok(());
                }
                Answer::Failed(Failure::Conflict) => {}
                _ => return Err(Failed),
            }
        }
        Err(Failed)
    }

    /// One more address of a block in a handle.
    async fn count(&self, id: &HandleId, block: &Block) -> Result<(), Failed> {
        self.change_handle(id, |handle| counted(handle, id, block).map(Some)).await
    }

    /// So many addresses of a block less.
    async fn discount(&self, id: &HandleId, block: &Block, count: i64) -> Result<(), Failed> {
        let given_back = [(block.cidr(), count)].into();
        self.change_handle(id, |handle| match handle?.without(&given_back) {
            HandleChange::Update(handle) => Some(Some(handle)),
            HandleChange::Delete(_) => Some(None),
            HandleChange::Leave(_) => None,
        })
        .await
    }

    /// Writes what a handle is to be, if it is to change; none if it is to go.
    async fn change_handle(
        &self,
        id: &HandleId,
        change: impl Fn(Option<&Handle>) -> Option<Option<Handle>>,
    ) -> Result<(), Failed> {
        for _ in 0..ATTEMPTS {
            let stored = self.handle(id).await?;
            let version = stored.as_ref().map(|stored| stored.version);
            let Some(handle) = change(stored.as_ref().map(|stored| &stored.value)) else { return Ok(()) };
            match self
                .ask_calico(DatastoreRequest::PutHandle(id.clone(), version, handle.map(Box::new)))
                .await
            {
                Answer::Done => return Ok(()),
                Answer::Failed(Failure::Conflict) => {}
                _ => return Err(Failed),
            }
        }
        Err(Failed)
    }

    /// A datastore that is locked is left alone.
    async fn is_ready(&self) -> Result<(), Failed> {
        match self.ask_calico(DatastoreRequest::Condition).await {
            Answer::Done => Ok(()),
            _ => Err(Failed),
        }
    }

    async fn block(&self, family: usize) -> Result<Stored<Block>, Failed> {
        match self.ask_calico(DatastoreRequest::Block(family)).await {
            Answer::CalicoBlock(block) => Ok(*block),
            _ => Err(Failed),
        }
    }

    async fn put_block(&self, family: usize, version: u64, value: Block) -> Answer {
        self.ask_calico(DatastoreRequest::PutBlock(family, Box::new(Stored { version, value }))).await
    }

    async fn handle(&self, id: &HandleId) -> Result<Option<Stored<Handle>>, Failed> {
        match self.ask_calico(DatastoreRequest::Handle(id.clone())).await {
            Answer::CalicoHandle(handle) => Ok(handle.map(|handle| *handle)),
            _ => Err(Failed),
        }
    }

    async fn ask_calico(&self, request: DatastoreRequest) -> Answer {
        self.ask(Request::Calico(request), TIMEOUT).await
    }

    fn assignee(&self, endpoint: &Endpoint) -> Assignee {
        Assignee {
            handle: handle_of(endpoint.network, endpoint.sandbox),
            namespace: NAMESPACES[self.pod.namespace],
            pod: self.pod.name.to_string(),
            node: self.pod.node.name(),
        }
    }
}
