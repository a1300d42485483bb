//! DANM's CNI plugin, both dialects: ADD and DEL in the order in which it makes its requests, with its faults.
//!
//! ADD sets the bit by writing the whole network, again and again while others are faster, and creates the endpoint
//! afterwards; what goes wrong in between leaves a bit that nobody claims. DEL clears the bit, whoever's it is by then,
//! and deletes the endpoint afterwards, whatever has become of it; it never fails. An ADD first deletes what earlier
//! sandboxes of the same Pod have left. Where Calico gives addresses they are asked for once the endpoint is there, and
//! written into it.

mod calico;

use std::{
    cell::Cell,
    future::Future,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
};

use danm_api::ApiGroup;
use danm_ipam::BitIndex;
use futures::future::{Either, join_all, select};

use crate::{
    agenda::Millis,
    call::{Answer, Failure, Party, Request},
    sim::Sim,
    store::{Endpoint, Network, NetworkKey, NetworkSpec, Pod},
    tally::Fault,
    truth::{Address, Sandbox},
    world::Event,
};

/// How long the API server works on a request at most, and so how long a client waits.
const TIMEOUT: Millis = 59_000;

/// How long an ADD waits for its interfaces.
const LONGEST_ADD: Millis = 30_000;

/// What a Pod asks for on one network.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The network.
    pub network: NetworkKey,
    /// What it wants of each family.
    pub addresses: [Want; 2],
}

/// How Pods of a workload are set up.
#[derive(Clone, Debug)]
pub struct Template {
    /// What they ask for.
    pub wishes: Vec<Wish>,
    /// Whether the plugin writes uids of Pods into endpoints.
    pub writes_pod_uid: bool,
    /// The families of which Calico gives the addresses, instead of DANM.
    pub calico: [bool; 2],
    /// Whether the plugin deletes what earlier sandboxes have left: old versions of DANM did not.
    pub cleans_up: bool,
}

/// What is wanted of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// No address.
    Nothing,
    /// Any.
    Dynamic,
    /// This one.
    Static(BitIndex),
}

/// What a plugin is called for.
#[derive(Clone)]
pub struct Plugin {
    /// Its world.
    pub sim: Sim,
    /// The Pod.
    pub pod: Pod,
    /// The sandbox.
    pub sandbox: Sandbox,
    /// What its machine calls itself.
    pub host: Rc<str>,
    /// Whether it writes uids of Pods into endpoints.
    pub writes_pod_uid: bool,
    /// The families of which Calico gives the addresses.
    pub calico: [bool; 2],
    cleans_up: bool,
    doom: Rc<Cell<bool>>,
}

/// It did not work. What was done so far stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

impl Wish {
    /// The same, but for the families that somebody else cares for.
    fn without(&self, families: [bool; 2]) -> Self {
        let left = |family: usize| if families[family] { Want::Nothing } else { self.addresses[family] };
        Self { network: self.network, addresses: [left(0), left(1)] }
    }

    fn is_for_nothing(&self) -> bool {
        self.addresses == [Want::Nothing; 2]
    }
}

impl Plugin {
    /// A process that can be killed.
    pub fn new(sim: Sim, pod: Pod, sandbox: Sandbox, host: Rc<str>, template: &Template) -> Self {
        let Template { writes_pod_uid, calico, cleans_up, .. } = *template;
        Self { sim, pod, sandbox, host, writes_pod_uid, calico, cleans_up, doom: Rc::default() }
    }

    /// ADD: sets up all interfaces, or gives up.
    pub async fn add(&self, wishes: &[Wish]) -> Result<(), Failed> {
        let added = async {
            self.clean_outdated().await?;
            let interfaces = wishes.iter().map(|wish| self.create_interface(wish));
            // What is not done by then is given up, though its requests may still take effect.
            match select(join_all(interfaces), pin!(self.sim.nap(LONGEST_ADD))).await {
                Either::Left((all, _)) if all.iter().all(Result::is_ok) => Ok(()),
                _ => Err(Failed),
            }
        };
        let result = self.process(added).await.unwrap_or(Err(Failed));
        if result.is_err() {
            // No container will run in it.
            self.sim.world().truth.stop(self.sandbox);
            if !self.doom.get() {
                self.del().await;
            }
        }
        result
    }

    /// DEL: never fails.
    pub async fn del(&self) {
        self.process(async {
            for attempt in 0..10 {
                match self.ask(Request::EndpointsOfSandbox(self.sandbox), TIMEOUT).await {
                    Answer::Endpoints(endpoints) => {
                        for endpoint in endpoints {
                            let _ = self.delete_endpoint(&endpoint).await;
                        }
                        return;
                    }
                    _ if attempt == 9 => return,
                    _ => self.sim.nap(100).await,
                }
            }
        })
        .await;
    }

    /// Deletes what earlier sandboxes of the same Pod have left.
    async fn clean_outdated(&self) -> Result<(), Failed> {
        if !self.cleans_up {
            return Ok(());
        }
        let Answer::Endpoints(outdated) = self.ask(Request::EndpointsOfPod(self.pod.key), TIMEOUT).await
        else {
            return Err(Failed);
        };
        for endpoint in outdated {
            self.delete_endpoint(&endpoint).await?;
        }
        Ok(())
    }

    async fn create_interface(&self, wish: &Wish) -> Result<(), Failed> {
        let wish = wish.without(self.calico);
        let (bits, latest) = if wish.is_for_nothing() {
            ([None, None], self.sim.world().now + TIMEOUT)
        } else {
            self.reserve(&wish).await?
        };
        self.hesitate().await;
        let now = self.sim.world().now;
        let patience = latest.saturating_sub(now);
        if patience == 0 {
            return Err(Failed);
        }
        let endpoint = self.endpoint(&wish, bits);
        match self.ask(Request::CreateEndpoint(Box::new(endpoint)), patience).await {
            Answer::Created(endpoint) if self.is_of_calico() => self.delegate(*endpoint).await,
            Answer::Created(_) => Ok(()),
            _ => Err(Failed),
        }
    }

    /// Sometimes much time passes between the bit and the endpoint: the machine is busy, a connection is made anew.
    async fn hesitate(&self) {
        let pause = {
            let mut world = self.sim.world();
            let often = 10 + 2 * world.climate.kills;
            if !world.chance.happens(often) {
                return;
            }
            world.fault(Fault::Slow);
            2_000 + 2_500 * Millis::from(world.chance.pick(20))
        };
        self.sim.nap(pause).await;
    }

    /// Gives the bits, and until when an endpoint for them may come.
    async fn reserve(&self, wish: &Wish) -> Result<([Option<BitIndex>; 2], Millis), Failed> {
        let first = self.network(wish.network).await?;
        let mut read = first.clone();
        loop {
            let (written, bits) = {
                let world = self.sim.world();
                allocate(&read, world.store.spec(wish.network), wish).ok_or(Failed)?
            };
            if written.bits == first.bits && written.last == first.last {
                // The reference compares with what it read first, also after a conflict.
                self.imagine(wish, bits);
                return Ok((bits, self.sim.world().now + TIMEOUT));
            }
            let began = self.sim.world().now;
            match self.ask(Request::Replace(Box::new(written), Some(self.sandbox)), TIMEOUT).await {
                Answer::Network(_) => return Ok((bits, began + TIMEOUT)),
                Answer::Failed(Failure::Conflict) => read = self.network(wish.network).await?,
                _ => return Err(Failed),
            }
        }
    }

    fn imagine(&self, wish: &Wish, bits: [Option<BitIndex>; 2]) {
        let mut world = self.sim.world();
        world.fault(Fault::StaleCompare);
        for (family, bit) in bits.into_iter().enumerate() {
            if let Some(bit) = bit {
                world.truth.imagined(Address { network: wish.network, family, bit }, self.sandbox);
            }
        }
    }

    fn endpoint(&self, wish: &Wish, bits: [Option<BitIndex>; 2]) -> Endpoint {
        let endpoint = Endpoint::of(&self.pod, Rc::clone(&self.host), self.sandbox, (wish.network, bits));
        Endpoint { has_pod_uid: self.writes_pod_uid, is_calico: self.is_of_calico(), ..endpoint }
    }

    /// Frees the addresses, then deletes the object.
    async fn delete_endpoint(&self, endpoint: &Endpoint) -> Result<(), Failed> {
        if endpoint.is_calico {
            self.give_back(endpoint).await?;
        }
        for family in 0..2 {
            if let Some(bit) = endpoint.bits[family] {
                self.free(Address { network: endpoint.network, family, bit }).await?;
            }
        }
        match self.ask(Request::DeleteEndpoint(endpoint.key), TIMEOUT).await {
            Answer::Done | Answer::Marked => Ok(()),
            _ => Err(Failed),
        }
    }

    /// Clears a bit, whoever's it is.
    async fn free(&self, address: Address) -> Result<(), Failed> {
        loop {
            let mut network = self.network(address.network).await?;
            let was_set = network.bits[address.family].as_mut().is_some_and(|bits| bits.unset(address.bit));
            if !was_set {
                return Ok(());
            }
            match self.ask(Request::Replace(Box::new(network), None), TIMEOUT).await {
                Answer::Network(_) => return Ok(()),
                Answer::Failed(Failure::Conflict) => {}
                _ => return Err(Failed),
            }
        }
    }

    async fn network(&self, key: NetworkKey) -> Result<Network, Failed> {
        match self.ask(Request::Network(key), TIMEOUT).await {
            Answer::Network(Some(network)) if !network.is_spoilt => Ok(*network),
            _ => Err(Failed),
        }
    }

    fn ask(&self, request: Request, patience: Millis) -> impl Future<Output = Answer> + use<> {
        let party = {
            let mut world = self.sim.world();
            let task = world.current;
            let kills = world.climate.kills;
            if world.chance.happens(kills) {
                world.fault(Fault::PluginKilled);
                let at = world.now + world.delay();
                world.agenda.add(at, Event::Dooms(Rc::clone(&self.doom), task));
            }
            Party::Machine(self.pod.node, task)
        };
        self.sim.ask(party, request, patience)
    }

    /// Runs something until it is done, or killed.
    fn process<F: Future>(&self, work: F) -> Process<'_, F> {
        Process { plugin: self, work: Box::pin(work), has_begun: false }
    }
}

/// Something that may be killed.
struct Process<'a, F> {
    plugin: &'a Plugin,
    work: Pin<Box<F>>,
    has_begun: bool,
}

impl<F: Future> Future for Process<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.has_begun {
            self.has_begun = true;
            self.plugin.doom.set(false);
        }
        if self.plugin.doom.get() {
            return Poll::Ready(None);
        }
        self.work.as_mut().poll(context).map(Some)
    }
}

/// The network with addresses taken, and which; `None` if it has not what is wanted.
fn allocate(network: &Network, spec: &NetworkSpec, wish: &Wish) -> Option<(Network, [Option<BitIndex>; 2])> {
    let mut network = network.clone();
    let mut taken = [None, None];
    for (family, want) in wish.addresses.into_iter().enumerate() {
        if want == Want::Nothing {
            continue;
        }
        let bit = match want {
            Want::Static(bit) => bit,
            _ => search(&network, spec, family)?,
        };
        let bits = network.bits[family].as_mut()?;
        if bits.is_set(bit) {
            return None;
        }
        bits.set(bit);
        if want == Want::Dynamic {
            network.last[family] = Some(bit);
        }
        taken[family] = Some(bit);
    }
    Some((network, taken))
}

/// The older dialect means to go on from the address given last and begins at the first all the same; the newer one
/// goes on, and passes over gateways.
fn search(network: &Network, spec: &NetworkSpec, family: usize) -> Option<BitIndex> {
    let (pool, bits) = (spec.pools[family].as_ref()?, network.bits[family].as_ref()?);
    let (begin, end) = (*pool.dynamic().start(), *pool.dynamic().end());
    let is_free = |bit: &BitIndex| {
        let is_gateway = spec.group == ApiGroup::DanmIo && pool.gateways().any(|gateway| gateway == *bit);
        !bits.is_set(*bit) && !is_gateway
    };
    let from = match (spec.group, network.last[family]) {
        (ApiGroup::DanmIo, Some(last)) if last < end => BitIndex(last.0 + 1),
        _ => begin,
    };
    (from.0..=end.0).chain(begin.0..from.0).map(BitIndex).find(is_free)
}
