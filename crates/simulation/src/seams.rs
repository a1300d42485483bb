//! The Cleaner's seams, as the simulation fills them: an API server whose answers come when the world says, a clock of
//! virtual time, and the stream of what the watches see.

mod calico;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use cleaner::{ApiError, ApiServer, Clock, Deletion, EndpointsPage, Failure as Reason, Input, StoredBoots};
use danm_api::{ApiGroup, Decoded, EndpointView, Network, Node, Pod};
use futures::{
    Stream, StreamExt,
    stream::{self, LocalBoxStream},
};
use leak_judge::{EndpointId, Moment, NetworkId, NetworkWrite, Uid, Version};

pub use self::calico::Datastore;
use crate::{
    agenda::Millis,
    call::{Answer, Failure, Party, Request},
    replica::Inbox,
    sim::Sim,
    store::{self, EndpointKey, NAMESPACES, NetworkKey, NodeKey},
    world::Event,
};

/// How long the Cleaner waits for an answer.
const DEADLINE: Millis = 70_000;

/// The API server as one Cleaner reaches it.
#[derive(Clone)]
pub struct Connection {
    sim: Sim,
    replica: usize,
}

/// A Cleaner's clock, counted from when its process began.
#[derive(Clone)]
pub struct VirtualClock {
    sim: Sim,
    replica: usize,
    generation: u32,
    /// Virtual time at this clock's start, and what it showed then.
    start: Millis,
    shown: Duration,
}

/// What the watches see.
pub struct Inputs(Rc<RefCell<Inbox>>);

// === impl Connection ===

impl Connection {
    /// The connection of a Cleaner.
    pub const fn new(sim: Sim, replica: usize) -> Self {
        Self { sim, replica }
    }

    async fn ask(&self, what: &'static str, request: Request) -> Result<Answer, ApiError> {
        match self.sim.ask(Party::Cleaner(self.replica), request, DEADLINE).await {
            Answer::Failed(failure) => Err(ApiError { request: what.to_owned(), failure: reason(failure) }),
            answer => Ok(answer),
        }
    }

    async fn pods_of(&self, request: Request, only_metadata: bool) -> Result<Vec<Pod>, ApiError> {
        let answer = self.ask("read Pods", request).await?;
        let Answer::Pods(pods) = answer else { return Ok(Vec::new()) };
        Ok(pods.iter().map(|pod| pod.render(&pod.node.name(), only_metadata)).collect())
    }

    async fn nodes_of(&self, request: Request) -> Result<Vec<Node>, ApiError> {
        let answer = self.ask("read Nodes", request).await?;
        let Answer::Nodes(nodes) = answer else { return Ok(Vec::new()) };
        let world = self.sim.world();
        Ok(nodes.iter().map(|node| node.render(&world.machines[node.key.0].host)).collect())
    }

    fn key_of(&self, id: &NetworkId) -> Option<NetworkKey> {
        let world = self.sim.world();
        let is_it = |spec: &store::NetworkSpec| {
            spec.group == id.group
                && spec.kind == id.network.kind
                && spec.name == *id.network.name
                && spec.namespace().unwrap_or_default() == &*id.network.namespace
        };
        world.store.specs.iter().position(is_it).map(NetworkKey)
    }

    fn render(&self, network: &store::Network) -> Decoded<Network> {
        network.render(self.sim.world().store.spec(network.key))
    }
}

impl ApiServer for Connection {
    fn endpoints(&self, group: ApiGroup) -> LocalBoxStream<'static, Result<EndpointsPage, ApiError>> {
        let this = self.clone();
        let page = async move {
            let answer = this.ask("list endpoints", Request::Endpoints(group)).await?;
            let Answer::Endpoints(all) = answer else {
                return Ok(EndpointsPage { endpoints: Vec::new(), is_last: true });
            };
            let world = this.sim.world();
            let endpoints = all.iter().map(|one| one.render(world.store.spec(one.network))).collect();
            Ok(EndpointsPage { endpoints, is_last: true })
        };
        stream::once(page).boxed_local()
    }

    async fn endpoint(&self, id: &EndpointId) -> Result<Option<Decoded<EndpointView>>, ApiError> {
        let Some(key) = store::number_of(&id.name.to_string()) else { return Ok(None) };
        let answer = self.ask("read an endpoint", Request::Endpoint(EndpointKey(key))).await?;
        let Answer::Endpoints(endpoints) = answer else { return Ok(None) };
        let world = self.sim.world();
        Ok(endpoints.first().map(|one| one.render(world.store.spec(one.network))))
    }

    async fn node_lease(&self, node: &str) -> Result<Option<Version>, ApiError> {
        let Some(node) = NodeKey::named(node) else { return Ok(None) };
        match self.ask("read a Lease", Request::Lease(node)).await? {
            Answer::Lease(version) => Ok(Some(Version(version))),
            _ => Ok(None),
        }
    }

    async fn boots(&self) -> Result<StoredBoots, ApiError> {
        Ok(stored(self.ask("read boots", Request::Boots).await?))
    }

    async fn store_boots(
        &self,
        before: &StoredBoots,
        entries: &BTreeMap<String, String>,
    ) -> Result<StoredBoots, ApiError> {
        let version = before.version.as_ref().and_then(|version| version.parse().ok());
        Ok(stored(self.ask("store boots", Request::StoreBoots(version, entries.clone())).await?))
    }

    async fn pods(&self, namespace: &str) -> Result<Vec<Pod>, ApiError> {
        match namespace_of(namespace) {
            Some(namespace) => self.pods_of(Request::Pods(namespace), true).await,
            None => Ok(Vec::new()),
        }
    }

    async fn pod(&self, namespace: &str, name: &str) -> Result<Option<Pod>, ApiError> {
        match namespace_of(namespace) {
            Some(namespace) => Ok(self.pods_of(Request::Pod(namespace, name.to_owned()), false).await?.pop()),
            None => Ok(None),
        }
    }

    async fn node(&self, name: &str) -> Result<Option<Node>, ApiError> {
        Ok(self.nodes_of(Request::Node(NodeKey::named(name))).await?.pop())
    }

    async fn nodes(&self) -> Result<Vec<Node>, ApiError> {
        self.nodes_of(Request::Nodes).await
    }

    async fn network(&self, id: &NetworkId) -> Result<Option<Decoded<Network>>, ApiError> {
        let Some(key) = self.key_of(id) else { return Ok(None) };
        let answer = self.ask("read a network", Request::Network(key)).await?;
        let Answer::Network(Some(network)) = answer else { return Ok(None) };
        Ok(Some(self.render(&network)))
    }

    async fn write_network(
        &self,
        id: &NetworkId,
        write: &NetworkWrite,
    ) -> Result<Decoded<Network>, ApiError> {
        let key = self.key_of(id).ok_or_else(|| not_found("write a network"))?;
        match self.ask("write a network", Request::Release(key, write.clone())).await? {
            Answer::Network(Some(network)) => Ok(self.render(&network)),
            _ => Err(not_found("write a network")),
        }
    }

    async fn delete_endpoint(
        &self,
        id: &EndpointId,
        _: &Uid,
        version: Version,
    ) -> Result<Deletion, ApiError> {
        // Names are made from the number of the object, as uids are: who has the name has the uid.
        let key = store::number_of(&id.name.to_string()).ok_or_else(|| not_found("delete an endpoint"))?;
        match self.ask("delete an endpoint", Request::DeleteAsSeen(EndpointKey(key), version.0)).await? {
            Answer::Marked => Ok(Deletion::Marked),
            _ => Ok(Deletion::Done),
        }
    }
}

fn stored(answer: Answer) -> StoredBoots {
    match answer {
        Answer::Boots(Some((version, entries))) => {
            StoredBoots { version: Some(version.to_string()), entries }
        }
        _ => StoredBoots::default(),
    }
}

fn namespace_of(name: &str) -> Option<usize> {
    NAMESPACES.iter().position(|namespace| *namespace == name)
}

fn not_found(what: &str) -> ApiError {
    ApiError { request: what.to_owned(), failure: Reason::NotFound }
}

fn reason(failure: Failure) -> Reason {
    match failure {
        Failure::Conflict => Reason::Conflict("the object has been modified".to_owned()),
        Failure::NotFound => Reason::NotFound,
        Failure::Refused => Reason::Refused("admission webhook denied the request".to_owned()),
        Failure::Unknown => Reason::Unknown("no answer".to_owned()),
    }
}

// === impl VirtualClock ===

impl VirtualClock {
    /// A clock that begins now, at whatever it shows.
    pub fn new(sim: Sim, replica: usize, shown: Duration) -> Self {
        let (start, generation) = {
            let world = sim.world();
            (world.now, world.replicas[replica].generation)
        };
        Self { sim, replica, generation, start, shown }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Moment {
        let passed = self.sim.world().now - self.start;
        Moment::START + self.shown + Duration::from_millis(passed)
    }

    fn sleep_until(&self, moment: Moment) -> impl Future<Output = ()> {
        let wait = moment.since(self.now()).as_micros().div_ceil(1_000);
        let mut world = self.sim.world();
        let at = world.now + Millis::try_from(wait).unwrap_or(Millis::MAX / 2);
        let (replica, generation) = (self.replica, self.generation);
        if world.replicas[replica].rings_at != at {
            world.replicas[replica].rings_at = at;
            world.agenda.add(at, Event::Rings(replica, generation));
        }
        drop(world);
        Rest { sim: self.sim.clone(), at }
    }
}

struct Rest {
    sim: Sim,
    at: Millis,
}

impl Future for Rest {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.sim.world().now >= self.at { Poll::Ready(()) } else { Poll::Pending }
    }
}

// === impl Inputs ===

impl Inputs {
    /// What reaches a Cleaner.
    pub const fn new(inbox: Rc<RefCell<Inbox>>) -> Self {
        Self(inbox)
    }
}

impl Stream for Inputs {
    type Item = Input;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Input>> {
        let mut inbox = self.0.borrow_mut();
        if let Some(input) = inbox.queue.pop_front() {
            return Poll::Ready(Some(input));
        }
        inbox.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
