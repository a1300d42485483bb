//! What happens besides: machines, watches and Cleaners have their incidents, one after the other.

use crate::{
    agenda::Millis,
    calico::{Calico, Condition},
    replica::Command,
    sim::Sim,
    store::{Endpoint, EndpointKey, Garble, Network, NetworkKey, NodeKey},
    tally::Fault,
    world::{Event, World},
};

use super::operator::{is_cut_off, loses_power};

/// Incidents happen until there were so many.
pub async fn blow(sim: Sim, incidents: u16) {
    for _ in 0..incidents {
        let pause = { 500 + Millis::from(sim.world().chance.pick(40)) * 300 };
        sim.nap(pause).await;
        let kind = {
            let mut world = sim.world();
            let calico = if world.calico.is_some() { 8 } else { 0 };
            world.chance.weigh(&[8, 6, 6, 8, 8, 2, 8, 6, 4, 6, 2, 2, 1, calico])
        };
        match kind {
            0 => {}
            1 | 2 => machine(&sim, kind == 1),
            3..=5 => {
                watch(&sim, [Fault::WatchBroken, Fault::WatchStalled, Fault::SourceUnavailable][kind - 3])
            }
            6 => crash(&sim),
            7 => pause_cleaner(&sim),
            8 => lease(&sim),
            9 | 10 => spoil(&sim, kind == 10),
            11 => switch_off(&sim),
            12 => make_network_anew(&sim),
            _ => shut_calico(&sim),
        }
    }
}

/// At most one machine at a time, so that Pods have somewhere to go.
fn machine(sim: &Sim, loses: bool) {
    let mut world = sim.world();
    let count = u16::try_from(world.machines.len()).unwrap_or(1);
    let node = NodeKey(usize::from(world.chance.pick(count)));
    if world.machines.iter().any(|machine| !machine.is_connected) {
        return;
    }
    let other = sim.clone();
    world.spawn(if loses { Box::pin(loses_power(other, node)) } else { Box::pin(is_cut_off(other, node)) });
}

fn watch(sim: &Sim, how: Fault) {
    let mut world = sim.world();
    let replica = usize::from(world.chance.pick(2));
    let count = u16::try_from(world.store.sources.len()).unwrap_or(1);
    let source = usize::from(world.chance.pick(count));
    world.upset_watch(replica, source, how);
}

fn crash(sim: &Sim) {
    let (replica, pause) = {
        let mut world = sim.world();
        let replica = usize::from(world.chance.pick(2));
        if world.replicas[replica].is_up {
            world.fault(Fault::CleanerCrashed);
            world.replicas[replica].command = Some(Command::Die);
        }
        (replica, 500 + Millis::from(world.chance.pick(20)) * 1_500)
    };
    let other = sim.clone();
    sim.world().spawn(Box::pin(async move {
        other.nap(pause).await;
        other.world().replicas[replica].command = Some(Command::Begin);
    }));
}

fn pause_cleaner(sim: &Sim) {
    let mut world = sim.world();
    let replica = usize::from(world.chance.pick(2));
    let until = world.now + 1_000 + Millis::from(world.chance.pick(45)) * 2_000;
    if world.replicas[replica].is_up {
        world.fault(Fault::CleanerPaused);
        world.pause(replica, until);
    }
}

/// The Lease has another holder, two, or none; after a while it has one.
fn lease(sim: &Sim) {
    let (leads, length) = {
        let mut world = sim.world();
        let leads =
            [[true, false], [false, true], [true, true], [false, false]][usize::from(world.chance.pick(4))];
        if leads == [true, true] {
            world.fault(Fault::TwoLeaders);
        } else if leads == [false, false] {
            world.fault(Fault::NoLeader);
        }
        (leads, 1_000 + Millis::from(world.chance.pick(20)) * 2_000)
    };
    let give = |world: &mut World, leads: [bool; 2]| {
        leads.into_iter().enumerate().for_each(|(replica, leads)| world.replicas[replica].lead(leads));
    };
    give(&mut sim.world(), leads);
    if leads[0] == leads[1] {
        let other = sim.clone();
        sim.world().spawn(Box::pin(async move {
            other.nap(length).await;
            let first = other.world().chance.pick(2) == 0;
            give(&mut other.world(), [first, !first]);
        }));
    }
}

/// Somebody writes nonsense into an endpoint or a network, or puts a finalizer on an endpoint; it is mended later.
fn spoil(sim: &Sim, a_network: bool) {
    let mut world = sim.world();
    let length = 5_000 + Millis::from(world.chance.pick(30)) * 1_800;
    let other = sim.clone();
    if a_network {
        let key = world.store.networks().next().map(|network| network.key);
        let Some(key) = key else { return };
        world.fault(Fault::NetworkSpoilt);
        world.spoil_network(key, true);
        world.spawn(Box::pin(async move {
            other.nap(length).await;
            other.world().spoil_network(key, false);
        }));
        return;
    }
    let count = u16::try_from(world.store.endpoints().count()).unwrap_or(1);
    let place = usize::from(world.chance.pick(count.max(1)));
    let how = world.chance.weigh(&[3, 2, 2, 2]);
    let Some(mut endpoint) = world.store.endpoints().nth(place).cloned() else { return };
    match how {
        0 => endpoint.has_finalizer = true,
        1 => endpoint.garble = Some(Garble::Address),
        2 => endpoint.garble = Some(Garble::Elsewhere),
        _ => endpoint.garble = Some(Garble::Whole),
    }
    world.fault(if how == 0 { Fault::FinalizerAdded } else { Fault::EndpointSpoilt });
    let key = endpoint.key;
    if matches!(endpoint.garble, Some(Garble::Address | Garble::Elsewhere)) {
        world.truth.hide(endpoint.sandbox);
    }
    world.store.put_endpoint(endpoint);
    world.spread();
    world.spawn(Box::pin(async move {
        other.nap(length).await;
        other.world().mend_endpoint(key);
    }));
}

/// An operator wants the Cleaner to keep off a network, or only to report, for a while.
fn switch_off(sim: &Sim) {
    let mut world = sim.world();
    let Some(key) = world.any_network() else { return };
    let word = ["report", "off"][usize::from(world.chance.pick(2))];
    let length = 10_000 + Millis::from(world.chance.pick(30)) * 2_000;
    world.fault(Fault::SwitchedOff);
    world.treat(key, Some(word));
    let other = sim.clone();
    world.spawn(Box::pin(async move {
        other.nap(length).await;
        other.world().treat(key, None);
    }));
}

/// A network that no endpoint is on is deleted, and made anew after a while. Whoever is about to use it fails.
fn make_network_anew(sim: &Sim) {
    let mut world = sim.world();
    let Some(key) = world.any_network() else { return };
    if world.store.endpoints().any(|endpoint| endpoint.network == key) {
        return;
    }
    world.fault(Fault::NetworkMadeAnew);
    let incarnation = world.store.network(key).map_or(0, |network| network.incarnation);
    world.store.remove_network(key);
    world.truth.made_anew(key);
    world.spread();
    let length = 100 + Millis::from(world.chance.pick(20)) * 1_000;
    let other = sim.clone();
    world.spawn(Box::pin(async move {
        other.nap(length).await;
        let mut world = other.world();
        let fresh = world.store.spec(key).fresh(key, incarnation + 1, world.now);
        world.store.put_network(fresh);
        world.spread();
    }));
}

/// Calico's datastore is locked, because somebody moves it, or is not found; for a while, or for good.
fn shut_calico(sim: &Sim) {
    let mut world = sim.world();
    let (fault, condition) =
        [(Fault::CalicoLocked, Condition::Locked), (Fault::CalicoAbsent, Condition::Absent)]
            [usize::from(world.chance.pick(2))];
    let stays = world.chance.happens(150);
    let length = 5_000 + Millis::from(world.chance.pick(30)) * 2_000;
    if world.calico.as_ref().is_none_or(Calico::is_out_of_use) {
        return;
    }
    world.fault(fault);
    let set = |world: &mut World, condition| {
        world.calico.iter_mut().for_each(|calico| calico.condition = condition);
    };
    set(&mut world, condition);
    if stays {
        world.fault(Fault::CalicoStaysShut);
        return;
    }
    let other = sim.clone();
    world.spawn(Box::pin(async move {
        other.nap(length).await;
        set(&mut other.world(), Condition::Ready);
    }));
}

impl World {
    fn any_network(&mut self) -> Option<NetworkKey> {
        let keys: Vec<NetworkKey> = self.store.networks().map(|network| network.key).collect();
        let place = usize::from(self.chance.pick(u16::try_from(keys.len().max(1)).unwrap_or(1)));
        keys.get(place).copied()
    }

    /// Writes how an operator wants a network to be treated.
    fn treat(&mut self, key: NetworkKey, treatment: Option<&'static str>) {
        let Some(network) = self.store.network(key) else { return };
        let network = Network { treatment, ..network.clone() };
        self.store.put_network(network);
        self.spread();
    }

    /// A Cleaner stands still until then.
    fn pause(&mut self, replica: usize, until: Millis) {
        let one = &mut self.replicas[replica];
        one.paused_until = until;
        let generation = one.generation;
        self.agenda.add(until, Event::Resumes(replica, generation));
    }

    fn spoil_network(&mut self, key: NetworkKey, is_spoilt: bool) {
        let Some(network) = self.store.network(key) else { return };
        let network = Network { is_spoilt, ..network.clone() };
        self.store.put_network(network);
        self.spread();
    }

    /// The finalizer goes, and the object with it if it was to go.
    fn mend_endpoint(&mut self, key: EndpointKey) {
        let Some(endpoint) = self.store.endpoint(key) else { return };
        if endpoint.is_deleting {
            self.store.remove_endpoint(key);
        } else {
            let endpoint = Endpoint { has_finalizer: false, garble: None, ..endpoint.clone() };
            self.store.put_endpoint(endpoint);
        }
        self.spread();
    }

    /// Faults stop: one Cleaner leads, and an operator has looked and lets the brake be.
    pub fn settle_lease(&mut self) {
        self.replicas.iter_mut().for_each(|one| one.is_brake_open = true);
        self.replicas[0].lead(true);
        self.replicas[1].lead(false);
        self.replicas.iter_mut().filter(|one| !one.is_up).for_each(|one| one.command = Some(Command::Begin));
    }
}
