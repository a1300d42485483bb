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
        let answer = case.world.calico_answers().of(&case.endpoint.uid, case.address);
        match answer {
            Some(CalicoAnswer::Returned(note)) => return Settlement::Returned(note.clone()),
            Some(CalicoAnswer::AlreadyFree(note)) => return Settlement::AlreadyFree(note.clone()),
            Some(CalicoAnswer::Refused(note)) => return Settlement::Refuse(note.clone()),
            Some(CalicoAnswer::Own(_)) | None => {}
        }
        if lacks(Mutant::NoReturn) {
            return Settlement::AlreadyFree("whatever it had of Calico".to_owned());
        }
        if !case.rules.calico {
            let note = "Calico gave the address, and giving back there is switched off".to_owned();
            return Settlement::Hold { reason: Reason::CalicoAddress, until: None, note };
        }
        match (dispute(case), answer) {
            (None, _) => Settlement::Return("it is to be given back to Calico".to_owned()),
            // One of both is right, and Calico may know which.
            (Some(Dispute { note, .. }), None) => Settlement::Ask(note),
            (Some(Dispute { reason, note }), Some(_)) => {
                let note = format!("{note}, and Calico's books say that it is this endpoint's");
                Settlement::Hold { reason, until: None, note }
            }
        }
    }
}

/// Why an address is not given back though Calico may say that it is the endpoint's: its account may be of yesterday, as after
/// a data store was restored.
struct Dispute {
    reason: Reason,
    note: String,
}

impl Dispute {
    const fn new(reason: Reason, note: String) -> Self {
        Self { reason, note }
    }
}

/// Whoever else says to have the address.
fn dispute(case: AddressCase<'_>) -> Option<Dispute> {
    if lacks(Mutant::NoRivalCheck) {
        return None;
    }
    let AddressCase { address, endpoint, world, .. } = case;
    if let Some(unread) = world.unread_claim(address) {
        let note = format!("{unread}, which cannot be understood, names it too");
        return Some(Dispute::new(Reason::UnreadableEndpoint, note));
    }
    if world.pods().has_address(address) {
        let note = "a living Pod says to have the address".to_owned();
        return Some(Dispute::new(Reason::PodHasAddress, note));
    }
    rival(case).or_else(|| namesake(endpoint, world))
}

/// Another endpoint that names the address and is not proved dead.
fn rival(case: AddressCase<'_>) -> Option<Dispute> {
    let AddressCase { address, endpoint, world, .. } = case;
    let claimants = world.endpoints().claims().of_calico(address).iter();
    let living = claimants.filter(|slot| !case.releasing.contains(*slot) && !case.dying.contains(*slot));
    let rivals = living.filter_map(|slot| world.endpoints().get(*slot));
    let rivals: Vec<&Endpoint> = rivals.filter(|rival| rival.uid != endpoint.uid).collect();
    if let Some(rival) = rivals.iter().find(|rival| has_pod(rival, world)) {
        let note = format!("{} of Pod {} holds it too", rival.id, rival.pod);
        return Some(Dispute::new(Reason::PodHasAddress, note));
    }
    let rival = rivals.first()?;
    Some(Dispute::new(Reason::DeadRival, format!("{}, of which no Pod is there, holds it too", rival.id)))
}

/// A Pod of the endpoint's own name that was there before the endpoint: whoever edits the uid that an endpoint names makes its
/// own Pod look gone. That of an earlier Pod is older than its successor.
fn namesake(endpoint: &Endpoint, world: &World) -> Option<Dispute> {
    let pod = world.pods().get(&endpoint.id.namespace, &endpoint.pod)?;
    let is_older = pod.created <= endpoint.created;
    let lives = world.pods().life(&pod.uid).is_some_and(|life| !life.is_finished());
    let is_suspect = is_older && lives && pod.uid != endpoint.pod_uid && !pod.is_mirror;
    let note =
        || format!("Pod {} of this name is older than the endpoint, which names another uid", endpoint.pod);
    is_suspect.then(|| Dispute::new(Reason::PodHasAddress, note()))
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
