//! Requests to the API server and to Calico's datastore: what can be asked, what may be answered, and the two instants each of them has. A
//! request takes effect at the first, and whoever asked learns of it at the second; between them, and instead of
//! either, anything may happen.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use calico_ipam::{Block, Handle, HandleId};
use danm_api::ApiGroup;
use leak_judge::NetworkWrite;

use crate::{
    agenda::Millis,
    calico::{DatastoreRequest, Stored},
    sim::Sim,
    store::{Condition, Endpoint, EndpointKey, Network, NetworkKey, Node, NodeKey, Phase, Pod, PodKey},
    tasks::Task,
    truth::Sandbox,
};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// A kubelet or a CNI plugin on a machine.
    Machine(NodeKey, Task),
    /// Somebody with a good connection.
    Controller(Task),
    /// A Cleaner.
    Cleaner(usize),
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum Request {
    /// Of a Cleaner: the endpoints of a group.
    Endpoints(ApiGroup),
    /// Of a Cleaner: the Pods of a namespace.
    Pods(usize),
    /// Of a Cleaner: a Pod by name.
    Pod(usize, String),
    /// Of a Cleaner: a Node, if the name is that of one.
    Node(Option<NodeKey>),
    /// Of a Cleaner: the Nodes.
    Nodes,
    /// A network.
    Network(NetworkKey),
    /// Of a Cleaner: an endpoint.
    Endpoint(EndpointKey),
    /// Of a Cleaner: the Lease of a kubelet.
    Lease(NodeKey),
    /// Of a Cleaner: what is stored about boots.
    Boots,
    /// Of a Cleaner: what is to be stored about boots, as of a version.
    StoreBoots(Option<u64>, BTreeMap<String, String>),
    /// Of a Cleaner: a conditional write.
    Release(NetworkKey, NetworkWrite),
    /// Of a Cleaner: a conditional delete, for a version.
    DeleteAsSeen(EndpointKey, u64),
    /// Of a CNI plugin: the whole network, as of a version, with a sandbox it is written for.
    Replace(Box<Network>, Option<Sandbox>),
    /// Of a CNI plugin: the endpoints of a sandbox.
    EndpointsOfSandbox(Sandbox),
    /// Of a CNI plugin: the endpoints of a Pod, by name and uid.
    EndpointsOfPod(PodKey),
    /// Of a CNI plugin.
    CreateEndpoint(Box<Endpoint>),
    /// Of a CNI plugin: an endpoint as of a version, with what another plugin has given it.
    UpdateEndpoint(Box<Endpoint>),
    /// Of a CNI plugin: whatever is there.
    DeleteEndpoint(EndpointKey),
    /// A new Pod.
    CreatePod(Pod),
    /// A Pod is to end in order.
    DeletePod(PodKey),
    /// A Pod is to be forgotten at once: of an operator, or of a kubelet that has stopped it.
    RemovePod(PodKey),
    /// How a Pod fares.
    SetPhase(PodKey, Phase),
    /// Of a kubelet: how its Node fares.
    Report(NodeKey, Condition),
    /// Of the node controller: a Node has not been heard of.
    Silent(NodeKey),
    /// Of an operator: a machine is shut down, or at work again.
    OutOfService(NodeKey, bool),
    /// A Node object goes.
    RemoveNode(NodeKey),
    /// To Calico's datastore.
    Calico(DatastoreRequest),
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It was done.
    Done,
    /// It will be done when somebody's finalizer is gone.
    Marked,
    /// Pods.
    Pods(Vec<Pod>),
    /// Nodes.
    Nodes(Vec<Node>),
    /// A network, if it is there.
    Network(Option<Box<Network>>),
    /// Endpoints.
    Endpoints(Vec<Endpoint>),
    /// The endpoint that was created.
    Created(Box<Endpoint>),
    /// The version of a Lease.
    Lease(u64),
    /// What is stored about boots.
    Boots(Option<(u64, BTreeMap<String, String>)>),
    /// Calico's datastore is locked.
    Locked,
    /// A block of Calico's.
    CalicoBlock(Box<Stored<Block>>),
    /// A handle of Calico's, if it is there.
    CalicoHandle(Option<Box<Stored<Handle>>>),
    /// The handles of a container.
    CalicoHandles(Vec<HandleId>),
    /// It was not done, or nobody knows.
    Failed(Failure),
}

/// How a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The object has changed, or is there already.
    Conflict,
    /// There is no such object.
    NotFound,
    /// The server will not have it.
    Refused,
    /// Nobody knows whether it was done.
    Unknown,
}

/// A request under way.
#[derive(Debug)]
pub struct Call {
    /// Who asks.
    pub party: Party,
    /// What; taken when it takes effect.
    pub request: Option<Request>,
    /// Where what is answered does not depend on what was done: when that is noticed.
    pub fails_at: Option<Millis>,
    /// When whoever asks gives up.
    pub patience_ends: Millis,
    /// What is answered.
    pub answer: Option<Answer>,
    has_arrived: bool,
    waker: Option<Waker>,
}

/// All requests of a schedule.
#[derive(Debug, Default)]
pub struct Calls {
    all: Vec<Call>,
}

/// The answer to a request, when it arrives.
pub struct Reply {
    sim: Sim,
    call: usize,
}

impl Calls {
    /// A new one.
    pub fn add(&mut self, party: Party, request: Request, patience_ends: Millis) -> usize {
        let request = Some(request);
        let (fails_at, answer, waker) = (None, None, None);
        self.all.push(Call { party, request, fails_at, patience_ends, answer, has_arrived: false, waker });
        self.all.len() - 1
    }

    /// One of them.
    pub fn get(&mut self, call: usize) -> &mut Call {
        &mut self.all[call]
    }

    /// The answer has arrived. Gives whose it is.
    pub fn arrives(&mut self, call: usize) -> Party {
        let call = &mut self.all[call];
        call.has_arrived = true;
        if let Some(waker) = call.waker.take() {
            waker.wake();
        }
        call.party
    }
}

impl Reply {
    /// The answer to a request that was sent.
    pub const fn new(sim: Sim, call: usize) -> Self {
        Self { sim, call }
    }
}

impl Future for Reply {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let mut world = self.sim.world();
        let call = world.calls.get(self.call);
        if call.has_arrived
            && let Some(answer) = call.answer.take()
        {
            return Poll::Ready(answer);
        }
        call.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
