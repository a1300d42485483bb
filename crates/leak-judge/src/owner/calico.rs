//! Addresses that Calico's IPAM gave. Calico keeps account of them elsewhere: whoever performs the plan gives them back
//! there, with proof of whose they are, and tells what was answered. Until then their endpoints stay: they are the only
//! trace of what has to be given back.

use super::{AddressCase, AddressOwner, Owner, Settlement};
use crate::{
    Reason,
    mutant::{Mutant, lacks},
    world::{CalicoAnswer, Endpoint, World},
};

/// Calico.
pub struct Calico;

impl AddressOwner for Calico {
    fn owner(&self) -> Owner {
        Owner::Calico
    }

    /// The reference's rule: the network is Calico's, and DANM's arrays do not cover the address.
    fn owns(&self, case: AddressCase<'_>) -> bool {
        case.endpoint.is_of_calico()
    }

    fn settle(&self, case: AddressCase<'_>) -> Settlement {
        match case.world.calico_answers().of(&case.endpoint.uid, case.address) {
            Some(CalicoAnswer::Returned(note)) => return Settlement::Returned(note.clone()),
            Some(CalicoAnswer::AlreadyFree(note)) => return Settlement::AlreadyFree(note.clone()),
            Some(CalicoAnswer::Refused(note)) => return Settlement::Refuse(note.clone()),
            None => {}
        }
        if lacks(Mutant::NoReturn) {
            return Settlement::AlreadyFree("whatever it had of Calico".to_owned());
        }
        if !case.rules.calico {
            let note = "Calico gave the address, and giving back there is switched off".to_owned();
            return hold(Reason::CalicoAddress, note);
        }
        settle_use(case).unwrap_or_else(|| Settlement::Return("it is to be given back to Calico".to_owned()))
    }
}

fn hold(reason: Reason, note: String) -> Settlement {
    Settlement::Hold { reason, until: None, note }
}

/// Somebody who lives and says to have the address, whatever Calico says: its account may be of yesterday, as after a
/// data store was restored.
fn settle_use(case: AddressCase<'_>) -> Option<Settlement> {
    if lacks(Mutant::NoRivalCheck) {
        return None;
    }
    let AddressCase { address, endpoint, world, .. } = case;
    let claimants = world.endpoints().claims().of_calico(address).iter();
    let living = claimants.filter(|slot| !case.releasing.contains(*slot) && !case.dying.contains(*slot));
    let rivals = living.filter_map(|slot| world.endpoints().get(*slot));
    let rivals: Vec<&Endpoint> = rivals.filter(|rival| rival.uid != endpoint.uid).collect();
    if let Some(rival) = rivals.iter().find(|rival| has_pod(rival, world)) {
        return Some(Settlement::Refuse(format!("{} of Pod {} holds it too", rival.id, rival.pod)));
    }
    if let Some(unread) = world.unread_claim(address) {
        let note = format!("{unread}, which cannot be understood, names it too");
        return Some(hold(Reason::UnreadableEndpoint, note));
    }
    if !world.pods().has_address(address) {
        // One of both is right, and only Calico knows which. Neither is forgotten before the other can be asked about.
        let rival = rivals.first()?;
        return Some(hold(
            Reason::DeadRival,
            format!("{}, of which no Pod is there, holds it too", rival.id),
        ));
    }
    // Its own Pod may live in another sandbox, and its kubelet not have told of that yet.
    let own = world.pods().get(&endpoint.id.namespace, &endpoint.pod);
    let is_own = own.is_some_and(|pod| pod.uid == endpoint.pod_uid && pod.addresses.contains(&address));
    Some(if is_own {
        hold(Reason::PodHasAddress, "its own Pod says to have the address".to_owned())
    } else {
        Settlement::Refuse("a living Pod says to have the address".to_owned())
    })
}

/// Whether the Pod of an endpoint is there and has not ended, or a mirror of it, which has another uid.
fn has_pod(endpoint: &Endpoint, world: &World) -> bool {
    let (pods, namespace) = (world.pods(), &endpoint.id.namespace);
    if endpoint.pod_uid.is_empty() {
        return pods.get(namespace, &endpoint.pod).is_some();
    }
    let lives = pods.life(&endpoint.pod_uid).is_some_and(|life| !life.is_finished());
    lives || pods.mirror(namespace, &endpoint.pod).is_some()
}
