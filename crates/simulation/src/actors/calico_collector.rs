//! Calico's own garbage collector: it gives back what is held for Pods that are not there, if that was so when it looked
//! before, under the same handle and sequence number. The real one waits for a quarter of an hour; this one gets in the
//! Cleaner's way.

use std::collections::BTreeMap;

use calico_ipam::{Block, BlockChange, HandleChange, HandleId, Wanted};
use ipnet::IpNet;

use crate::{
    agenda::Millis,
    calico::{DatastoreRequest, Stored},
    call::{Answer, Request},
    sim::Sim,
    store::NAMESPACES,
    tally::Dealing,
};

use super::workload::ask;

/// Looks again and again, until faults stop: what is left by then is the Cleaner's to find.
pub async fn collect(sim: Sim) {
    let mut candidates: [Vec<Wanted>; 2] = [Vec::new(), Vec::new()];
    while !sim.world().is_calm {
        let pause = { 8_000 + Millis::from(sim.world().chance.pick(10)) * 4_000 };
        sim.nap(pause).await;
        if !matches!(ask(&sim, Request::Calico(DatastoreRequest::Condition)).await, Answer::Done) {
            continue;
        }
        for (family, candidates) in candidates.iter_mut().enumerate() {
            let Answer::CalicoBlock(block) =
                ask(&sim, Request::Calico(DatastoreRequest::Block(family))).await
            else {
                continue;
            };
            let leaked = leaked(&sim, &block.value);
            let confirmed: Vec<Wanted> =
                leaked.iter().filter(|one| candidates.contains(*one)).cloned().collect();
            *candidates = leaked;
            if !confirmed.is_empty() {
                give_back(&sim, family, *block, &confirmed).await;
            }
        }
    }
}

/// What is held for Pods that are not there.
fn leaked(sim: &Sim, block: &Block) -> Vec<Wanted> {
    let world = sim.world();
    let is_there = |(namespace, name): (&str, &str)| {
        let mut pods = world.store.pods();
        pods.any(|pod| NAMESPACES[pod.namespace] == namespace && *pod.name == *name)
    };
    let held = block.allocated().filter(|(_, attribute)| attribute.released_at.is_none());
    let leaked = held.filter(|(_, attribute)| attribute.pod().is_some_and(|pod| !is_there(pod)));
    let wanted = leaked.map(|(address, attribute)| Wanted {
        address,
        handle: Some(attribute.handle.clone()),
        sequence_number: Some(block.sequence_number_of(address)),
    });
    wanted.collect()
}

async fn give_back(sim: &Sim, family: usize, block: Stored<Block>, wanted: &[Wanted]) {
    let release = {
        let world = sim.world();
        let Some(calico) = &world.calico else { return };
        block.value.release(wanted, &calico.terms(world.now))
    };
    let Ok(release) = release else { return };
    let BlockChange::Update(value) = release.change else { return };
    let cidr = value.cidr();
    let put = DatastoreRequest::PutBlock(family, Box::new(Stored { version: block.version, value }));
    if matches!(ask(sim, Request::Calico(put)).await, Answer::Done) {
        sim.world().tally.deals(Dealing::Collected);
        for (handle, count) in release.counts {
            discount(sim, handle, [(cidr, count)].into()).await;
        }
    }
}

/// Tries once.
async fn discount(sim: &Sim, id: HandleId, given_back: BTreeMap<IpNet, i64>) {
    let answer = ask(sim, Request::Calico(DatastoreRequest::Handle(id.clone()))).await;
    let Answer::CalicoHandle(Some(handle)) = answer else { return };
    let left = match handle.value.without(&given_back) {
        HandleChange::Update(left) => Some(Box::new(left)),
        HandleChange::Delete(_) => None,
        HandleChange::Leave(_) => return,
    };
    ask(sim, Request::Calico(DatastoreRequest::PutHandle(id, Some(handle.version), left))).await;
}
