//! A static Pod: its kubelet runs it by itself and shows the API server a mirror of it. Deleting the mirror stops nothing;
//! it comes again under another uid, while the sandbox stays what it was.

use std::rc::Rc;

use crate::{
    agenda::Millis,
    call::{Answer, Failure, Request},
    sim::Sim,
    store::{NetworkKey, NodeKey, Phase, Pod},
    tally::Fault,
};

use super::{
    plugin::{Plugin, Template, Want, Wish},
    workload::ask,
};

/// Runs one on the first machine for as long as that has power.
pub async fn run_static(sim: Sim) {
    let mut pod = mirror(&sim);
    let template = sim.world().template(pod.key);
    show(&sim, &pod).await;
    let plugin = {
        let mut world = sim.world();
        let sandbox = world.truth.start(pod.key, pod.node);
        let host = Rc::clone(&world.machines[pod.node.0].host);
        drop(world);
        Plugin::new(sim.clone(), pod.clone(), sandbox, host, &template)
    };
    if plugin.add(&template.wishes).await.is_err() {
        return;
    }
    sim.world().truth.set_up(plugin.sandbox);
    for _ in 0..2 {
        let while_there = { 10_000 + Millis::from(sim.world().chance.pick(10)) * 3_000 };
        sim.nap(while_there).await;
        sim.world().fault(Fault::MirrorMadeAnew);
        let _ = ask(&sim, Request::RemovePod(pod.key)).await;
        let while_gone = { 500 + Millis::from(sim.world().chance.pick(20)) * 1_000 };
        sim.nap(while_gone).await;
        pod = mirror(&sim);
        show(&sim, &pod).await;
    }
}

/// A mirror to be, under a new uid.
fn mirror(sim: &Sim) -> Pod {
    let mut world = sim.world();
    let key = world.store.new_pod_key();
    let wish = Wish { network: NetworkKey(0), addresses: [Want::Dynamic, Want::Nothing] };
    let calico = world.calico.is_some() && world.chance.happens(500);
    let template =
        Template { wishes: vec![wish], writes_pod_uid: true, calico: [calico, false], cleans_up: true };
    world.templates.push(Rc::new(template));
    let node = NodeKey(0);
    Pod {
        key,
        version: 0,
        namespace: 0,
        name: format!("etcd-{}", node.name()).into(),
        node,
        phase: Phase::Running,
        is_deleting: false,
        is_job: false,
        is_mirror: true,
    }
}

/// Shows it to the API server.
async fn show(sim: &Sim, pod: &Pod) {
    while !matches!(
        ask(sim, Request::CreatePod(pod.clone())).await,
        Answer::Done | Answer::Failed(Failure::Conflict)
    ) {
        sim.nap(1_000).await;
    }
}
