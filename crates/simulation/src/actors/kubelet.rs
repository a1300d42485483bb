//! Kubelets and what they run by: sandboxes are set up, replaced and stopped, CNI is called, Pods that were to end are
//! taken off the API server, and what the API server does not know any more is stopped.
//!
//! Assumed of every kubelet that answers: within four seconds from when it could know that a Pod is gone its containers
//! have stopped. A Cleaner's grace has to be longer than that; how long a real one takes is an operator's to know.

use std::{cell::Cell, rc::Rc};

use crate::{
    agenda::Millis,
    call::{Answer, Party, Request},
    machine::{Order, Worker},
    sim::{Changed, Sim},
    store::{NodeKey, Phase, Pod, PodKey},
    tally::Fault,
    truth::Sandbox,
    world::World,
};

use super::plugin::Plugin;

/// How long a request of a kubelet may take.
const TIMEOUT: Millis = 20_000;

impl World {
    /// A kubelet sees what has become of a Pod.
    pub fn kubelet_sees(&mut self, node: NodeKey, key: PodKey) {
        let machine = &self.machines[node.0];
        if !machine.is_connected {
            return;
        }
        let pod = self.store.pod(key).filter(|pod| pod.node == node && !pod.is_mirror).cloned();
        match (pod, machine.worker(key)) {
            (Some(pod), None) if pod.phase != Phase::Succeeded || pod.is_deleting => self.take_on(pod),
            (Some(pod), Some(_)) if pod.is_deleting => self.order(node, key, Order::Stop),
            (None, Some(_)) => self.order(node, key, Order::Stop),
            _ => {}
        }
    }

    /// A kubelet compares everything it runs with everything the API server knows.
    pub fn kubelet_resyncs(&mut self, node: NodeKey) {
        let known = self.store.pods().filter(|pod| pod.node == node).map(|pod| pod.key);
        let mut keys: Vec<PodKey> = known.collect();
        keys.extend(self.machines[node.0].workers.iter().map(|worker| worker.pod));
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().for_each(|key| self.kubelet_sees(node, key));
    }

    /// Tells the work on a Pod what to do.
    pub fn order(&mut self, node: NodeKey, pod: PodKey, order: Order) {
        if let Some(worker) = self.machines[node.0].worker(pod)
            && worker.order.get() != Order::Stop
        {
            worker.order.set(order);
            self.ready.push_back(worker.task);
        }
    }

    fn take_on(&mut self, pod: Pod) {
        let Some(sim) = Sim::of(&self.me) else { return };
        let (node, key) = (pod.node, pod.key);
        let order = Rc::new(Cell::new(if pod.is_deleting { Order::Stop } else { Order::Run }));
        let work = work_on(sim, pod, Rc::clone(&order));
        let task = self.spawn(Box::pin(work));
        self.machines[node.0].workers.push(Worker { pod: key, task, order });
    }
}

/// Works on a Pod until it is gone.
async fn work_on(sim: Sim, pod: Pod, order: Rc<Cell<Order>>) {
    let mut pause = 500;
    while order.get() != Order::Stop {
        if has_finished(&sim, &pod) {
            tell_phase(&sim, &pod, Phase::Succeeded);
            Changed::new(Rc::clone(&order), order.get()).await;
            continue;
        }
        let Some(plugin) = set_up(&sim, &pod).await else {
            sim.nap(pause).await;
            pause = (pause * 3).min(10_000);
            continue;
        };
        if order.get() != Order::Stop {
            sim.world().truth.set_up(plugin.sandbox);
            tell_phase(&sim, &pod, Phase::Running);
            Changed::new(Rc::clone(&order), Order::Run).await;
            if order.get() == Order::Finish {
                sim.world().machines[pod.node.0].finished.insert(pod.key);
            }
            let delay = { Millis::from(sim.world().chance.pick(10)) * 200 };
            sim.nap(delay).await;
        }
        tear_down(&sim, &plugin).await;
        if order.get() == Order::Restart {
            order.set(Order::Run);
        }
    }
    take_off(&sim, &pod).await;
    let machine = &mut sim.world().machines[pod.node.0];
    machine.workers.retain(|worker| worker.pod != pod.key);
}

/// Whether the containers of a Pod have ended for good. A kubelet knows that of its machine's disk, after a start too.
fn has_finished(sim: &Sim, pod: &Pod) -> bool {
    sim.world().machines[pod.node.0].finished.contains(&pod.key)
}

/// Sets up a sandbox; one that fails is torn down.
async fn set_up(sim: &Sim, pod: &Pod) -> Option<Plugin> {
    let plugin = new_sandbox(sim, pod);
    let template = sim.world().template(pod.key);
    if plugin.add(&template.wishes).await.is_ok() {
        return Some(plugin);
    }
    stop(sim, plugin.sandbox);
    plugin.del().await;
    None
}

fn new_sandbox(sim: &Sim, pod: &Pod) -> Plugin {
    let mut world = sim.world();
    let sandbox = world.truth.start(pod.key, pod.node);
    let host = Rc::clone(&world.machines[pod.node.0].host);
    let template = world.template(pod.key);
    world.note(|_| format!("sandbox {} of Pod {}", sandbox.0, pod.key.0));
    drop(world);
    Plugin::new(sim.clone(), pod.clone(), sandbox, host, &template)
}

/// Stops a sandbox, then calls DEL: mostly once.
async fn tear_down(sim: &Sim, plugin: &Plugin) {
    stop(sim, plugin.sandbox);
    let omissions = sim.world().climate.omissions;
    if sim.world().chance.happens(omissions / 2) {
        sim.world().fault(Fault::DeleteSkipped);
        return;
    }
    plugin.del().await;
    if sim.world().chance.happens(omissions / 2) {
        let late = delete_again(sim.clone(), plugin.clone());
        let mut world = sim.world();
        world.fault(Fault::DeleteRepeated);
        world.spawn(Box::pin(late));
    }
}

/// A runtime calls DEL for a sandbox that is no more, late.
pub async fn delete_again(sim: Sim, plugin: Plugin) {
    let delay = sim.world().delay();
    sim.nap(delay).await;
    plugin.del().await;
}

fn stop(sim: &Sim, sandbox: Sandbox) {
    let mut world = sim.world();
    world.truth.stop(sandbox);
    world.note(|_| format!("sandbox {} stops", sandbox.0));
}

/// Takes a Pod that was to end off the API server.
async fn take_off(sim: &Sim, pod: &Pod) {
    while sim.world().store.pod(pod.key).is_some() {
        if !matches!(ask(sim, pod, Request::RemovePod(pod.key)).await, Answer::Done) {
            sim.nap(1_000).await;
        }
    }
}

/// Says how a Pod fares, besides its other work.
fn tell_phase(sim: &Sim, pod: &Pod, phase: Phase) {
    let (teller, pod) = (sim.clone(), pod.clone());
    sim.world().spawn(Box::pin(async move {
        ask(&teller, &pod, Request::SetPhase(pod.key, phase)).await;
    }));
}

async fn ask(sim: &Sim, pod: &Pod, request: Request) -> Answer {
    let party = Party::Machine(pod.node, sim.world().current);
    sim.ask(party, request, TIMEOUT).await
}
