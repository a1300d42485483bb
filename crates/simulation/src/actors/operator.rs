//! What becomes of machines, and what people and controllers do about it: machines lose their power, come back, are
//! declared out of service once they are surely off, are removed; or they cannot be reached and go on working.

use std::rc::Rc;

use crate::{
    agenda::Millis,
    call::{Answer, Failure, Party, Request},
    sim::Sim,
    store::{Condition, NodeKey, Phase, Pod, PodKey},
    tally::Fault,
    world::World,
};

use super::{
    kubelet::delete_again,
    plugin::Plugin,
    workload::{ask, force_delete},
};

/// Without a heartbeat for so long a Node is not Ready.
const SILENCE: Millis = 40_000;

/// How a loss of power ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Returns,
    OutOfService,
    Removed,
}

impl World {
    /// A machine loses its power: everything on it stops.
    fn power_off(&mut self, node: NodeKey) {
        self.truth.stop_all_on(node);
        let now = self.now;
        let machine = &mut self.machines[node.0];
        machine.renew_lease(now);
        (machine.is_on, machine.is_connected) = (false, false);
        machine.boot += 1;
        machine.era += 1;
        let workers = std::mem::take(&mut machine.workers);
        self.dead.extend(workers.iter().map(|worker| worker.task));
    }

    /// Kubelets tell how they fare every ten seconds to five minutes: the last time may have been a moment ago.
    fn beats_once_more(&mut self, node: NodeKey) {
        let condition = self.store.node(node).map(|known| known.condition);
        if self.machines[node.0].is_connected
            && self.chance.happens(500)
            && let Some(condition) = condition
        {
            self.report(node, condition);
        }
    }

    /// A machine answers again, with power or without a gap.
    fn answers(&mut self, node: NodeKey) {
        let now = self.now;
        let machine = &mut self.machines[node.0];
        (machine.is_on, machine.is_connected) = (true, true);
        machine.lease = (machine.lease.0 + 1, now);
        machine.era += 1;
        self.note(|_| format!("{} answers", node.name()));
    }

    /// Whether something on a machine runs that nobody knows: its kubelet is about to stop it.
    fn has_strays(&self, node: NodeKey) -> bool {
        self.truth.running().any(|(_, fate)| fate.node == node && self.store.pod(fate.pod).is_none())
    }
}

/// A machine loses its power, for a while or for good.
pub async fn loses_power(sim: Sim, node: NodeKey) {
    let ghosts = {
        let mut world = sim.world();
        let ghosts: Vec<_> = world.truth.running().filter(|(_, fate)| fate.node == node).collect();
        let ghosts: Vec<_> = ghosts.into_iter().map(|(sandbox, fate)| (sandbox, fate.pod)).collect();
        world.fault(Fault::MachineDied);
        world.beats_once_more(node);
        world.note(|_| format!("{} loses its power", node.name()));
        world.power_off(node);
        ghosts
    };
    watch_for_silence(&sim, node);
    let (ending, length) = {
        let chance = &mut sim.world().chance;
        let ending = [Ending::Returns, Ending::OutOfService, Ending::Removed][chance.weigh(&[4, 3, 3])];
        let longer = if chance.happens(100) { 150_000 } else { 0 };
        (ending, longer + 5_000 + Millis::from(chance.pick(40)) * 2_000)
    };
    match ending {
        Ending::Returns => sim.nap(length).await,
        Ending::OutOfService => {
            sim.nap(SILENCE + length / 4).await;
            declare(&sim, node, true).await;
            evict(&sim, node, true).await;
            sim.nap(length).await;
            declare(&sim, node, false).await;
        }
        Ending::Removed => {
            sim.nap(length).await;
            remove(&sim, node).await;
            // The garbage collector of Pods waits for a while before it believes that a Node is gone.
            let quarantine = { Millis::from(sim.world().chance.pick(3)) * 30_000 };
            sim.nap(quarantine).await;
            evict(&sim, node, true).await;
            sim.nap(length).await;
        }
    }
    sim.world().answers(node);
    comes_back(&sim, node).await;
    for (sandbox, pod) in ghosts {
        // A runtime that has come back knows its old sandboxes, and calls DEL for some.
        if sim.world().chance.happens(300) {
            sim.world().fault(Fault::DeleteRepeated);
            let plugin = ghost(&sim, sandbox, pod, node);
            let late = delete_again(sim.clone(), plugin);
            sim.world().spawn(Box::pin(late));
        }
    }
}

/// A machine is not reached for a while, and goes on working.
pub async fn is_cut_off(sim: Sim, node: NodeKey) {
    {
        let mut world = sim.world();
        // Who uses force right before the connection is lost cannot know whether it was heard.
        if world.has_strays(node) {
            return;
        }
        world.fault(Fault::MachineCutOff);
        world.note(|_| format!("{} is cut off", node.name()));
        let now = world.now;
        let machine = &mut world.machines[node.0];
        machine.renew_lease(now);
        machine.is_connected = false;
    }
    watch_for_silence(&sim, node);
    let length = { 2_000 + Millis::from(sim.world().chance.pick(50)) * 2_000 };
    sim.nap(length / 2).await;
    evict(&sim, node, false).await;
    sim.nap(length / 2).await;
    sim.world().answers(node);
    comes_back(&sim, node).await;
}

/// The kubelet says that it is there, at first perhaps that it is not fit, and looks at what has changed meanwhile.
async fn comes_back(sim: &Sim, node: NodeKey) {
    if sim.world().chance.happens(300) {
        let party = Party::Machine(node, sim.world().current);
        sim.ask(party, Request::Report(node, Condition::Unfit), 10_000).await;
        let delay = { 500 * Millis::from(sim.world().chance.pick(10)) };
        sim.nap(delay).await;
    }
    let teller = sim.clone();
    sim.world().spawn(Box::pin(async move {
        loop {
            let party = Party::Machine(node, teller.world().current);
            let told = teller.ask(party, Request::Report(node, Condition::Ready), 10_000).await;
            if matches!(told, Answer::Done) || !teller.world().machines[node.0].is_connected {
                return;
            }
            teller.nap(1_000).await;
        }
    }));
    let delay = { Millis::from(sim.world().chance.pick(15)) * 100 };
    sim.nap(delay).await;
    sim.world().kubelet_resyncs(node);
}

/// The node controller says when a Node has not been heard of for long.
fn watch_for_silence(sim: &Sim, node: NodeKey) {
    let (watcher, era) = (sim.clone(), sim.world().machines[node.0].era);
    sim.world().spawn(Box::pin(async move {
        watcher.nap(SILENCE).await;
        while watcher.world().machines[node.0].era == era {
            if matches!(ask(&watcher, Request::Silent(node)).await, Answer::Done) {
                return;
            }
            watcher.nap(1_000).await;
        }
    }));
}

/// The Pods of a machine that does not answer are to end; by force where that is right.
async fn evict(sim: &Sim, node: NodeKey, by_force: bool) {
    let pods: Vec<PodKey> =
        sim.world().store.pods().filter(|pod| pod.node == node).map(|pod| pod.key).collect();
    for key in pods {
        let is_silent = sim.world().store.node(node).is_none_or(|object| !object.is_ready());
        if by_force || (is_silent && sim.world().chance.happens(500)) {
            force_delete(sim, key).await;
        }
    }
}

/// An operator says that a machine is shut down, or is not any more, until it is written.
async fn declare(sim: &Sim, node: NodeKey, is_out: bool) {
    if is_out {
        sim.world().fault(Fault::TaintedOutOfService);
    }
    while !matches!(ask(sim, Request::OutOfService(node, is_out)).await, Answer::Done) {
        sim.nap(1_000).await;
    }
}

async fn remove(sim: &Sim, node: NodeKey) {
    sim.world().fault(Fault::NodeRemoved);
    while !matches!(
        ask(sim, Request::RemoveNode(node)).await,
        Answer::Done | Answer::Failed(Failure::NotFound)
    ) {
        sim.nap(1_000).await;
    }
}

/// What a runtime knows of a sandbox that is no more.
fn ghost(sim: &Sim, sandbox: crate::truth::Sandbox, key: PodKey, node: NodeKey) -> Plugin {
    let world = sim.world();
    let (host, template) = (Rc::clone(&world.machines[node.0].host), world.template(key));
    let pod = Pod {
        key,
        version: 0,
        namespace: 0,
        name: Rc::from(""),
        node,
        phase: Phase::Pending,
        is_deleting: false,
        is_job: false,
        is_mirror: false,
    };
    drop(world);
    Plugin::new(sim.clone(), pod, sandbox, host, &template)
}
