//! Whoever makes Pods: Deployments, which make another of another name; stateful sets, which make another of the same
//! name once the first is gone; Jobs, whose Pods end by themselves. And people, who delete Pods by force.

use std::rc::Rc;

use crate::{
    agenda::Millis,
    call::{Answer, Failure, Party, Request},
    machine::Order,
    sim::Sim,
    store::{NodeKey, Phase, Pod, PodKey},
    tally::Fault,
    world::World,
};

use super::plugin::Template;

/// How long a request of a controller may take.
const TIMEOUT: Millis = 30_000;

/// What kind of Pods it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Each has a name of its own.
    Deployment,
    /// All have the same name.
    StatefulSet,
    /// They end by themselves.
    Job,
}

/// A maker of Pods.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Its place among all.
    pub number: u16,
    /// What kind.
    pub kind: Kind,
    /// The namespace of its Pods.
    pub namespace: usize,
    /// How they are set up.
    pub template: Rc<Template>,
    /// How many it makes, one after the other.
    pub lives: u16,
}

impl Workload {
    /// Makes Pods, lets them live and end. The last one stays.
    pub async fn run(self, sim: Sim) {
        let late = { Millis::from(sim.world().chance.pick(30)) * 500 };
        sim.nap(late).await;
        for life in 0..=self.lives {
            let Some(pod) = self.create(&sim, life).await else { return };
            let is_last = life == self.lives;
            if is_last && self.kind != Kind::Job {
                return;
            }
            let span = { 3_000 + Millis::from(sim.world().chance.pick(60)) * 700 };
            sim.nap(span).await;
            if self.kind == Kind::Job {
                finish(&sim, &pod).await;
                if is_last {
                    return;
                }
            } else if sim.world().chance.happens(120) {
                sim.world().fault(Fault::SandboxRestarted);
                sim.world().order(pod.node, pod.key, Order::Restart);
                sim.nap(span / 2).await;
            }
            delete(&sim, pod.key).await;
            gone(&sim, &pod).await;
        }
    }

    /// Asks for a Pod until it is there.
    async fn create(&self, sim: &Sim, life: u16) -> Option<Pod> {
        let name: Rc<str> = match self.kind {
            Kind::StatefulSet => format!("set-{}-0", self.number),
            Kind::Deployment => format!("app-{}-{life}", self.number),
            Kind::Job => format!("job-{}-{life}", self.number),
        }
        .into();
        let node = sim.world().any_ready_node()?;
        loop {
            let pod = self.pod(&mut sim.world(), &name, node);
            match ask(sim, Request::CreatePod(pod.clone())).await {
                Answer::Done => return Some(pod),
                Answer::Failed(Failure::Conflict) => {
                    let there = sim.world().store.pods().find(|pod| pod.name == name).cloned();
                    if there.is_some() {
                        return there;
                    }
                }
                _ => sim.nap(1_000).await,
            }
        }
    }

    /// A Pod to be, with a uid of its own.
    fn pod(&self, world: &mut World, name: &Rc<str>, node: NodeKey) -> Pod {
        let key = world.store.new_pod_key();
        world.templates.push(Rc::clone(&self.template));
        let is_job = self.kind == Kind::Job;
        let (namespace, phase, name) = (self.namespace, Phase::Pending, Rc::clone(name));
        Pod { key, version: 0, namespace, name, node, phase, is_deleting: false, is_job, is_mirror: false }
    }
}

impl World {
    /// A Node that is said to be Ready, or else any.
    fn any_ready_node(&mut self) -> Option<NodeKey> {
        let ready: Vec<NodeKey> =
            self.store.nodes().filter(|node| node.is_ready()).map(|node| node.key).collect();
        let place = self.chance.pick(u16::try_from(ready.len().max(1)).unwrap_or(1));
        ready.get(usize::from(place)).copied().or(Some(NodeKey(0)))
    }
}

/// The containers of a Pod end.
async fn finish(sim: &Sim, pod: &Pod) {
    sim.world().order(pod.node, pod.key, Order::Finish);
    let kept = { Millis::from(sim.world().chance.pick(40)) * 1_000 };
    sim.nap(2_000 + kept).await;
}

/// In order, or by force.
async fn delete(sim: &Sim, key: PodKey) {
    let by_force = sim.world().chance.happens(250);
    if by_force {
        force_delete(sim, key).await;
    }
    while !matches!(ask(sim, Request::DeletePod(key)).await, Answer::Done | Answer::Failed(Failure::NotFound))
    {
        sim.nap(1_000).await;
    }
}

/// Waits until a Pod is gone. Somebody loses patience at last.
async fn gone(sim: &Sim, pod: &Pod) {
    for second in 0.. {
        if sim.world().store.pod(pod.key).is_none() {
            return;
        }
        let is_stuck = sim.world().store.node(pod.node).is_none_or(|node| !node.is_ready());
        if is_stuck && second > 20 {
            force_delete(sim, pod.key).await;
        }
        sim.nap(1_000).await;
    }
}

/// Takes a Pod off the API server, whatever it does.
pub async fn force_delete(sim: &Sim, key: PodKey) {
    let node = sim.world().store.pod(key).map(|pod| pod.node);
    let Some(node) = node else { return };
    sim.world().fault(Fault::ForceDeleted);
    sim.world().note(|_| format!("Pod {} on {} is deleted by force", key.0, node.name()));
    ask(sim, Request::RemovePod(key)).await;
}

/// Asks as somebody with a good connection.
pub async fn ask(sim: &Sim, request: Request) -> Answer {
    let party = Party::Controller(sim.world().current);
    sim.ask(party, request, TIMEOUT).await
}
