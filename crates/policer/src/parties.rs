//! Whom a subject means: places of Pods, addresses that are no Pod's, Pods that are part of their node.

use std::net::IpAddr;

use anyhow::{anyhow, bail};
use danm_api::NetworkRef;
use policy_engine::{NamespacedName, World};

use crate::{
    place::{Place, places, places_of},
    subject::Subject,
    suggestion::nearest,
};

/// An end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Party {
    /// The address.
    pub address: IpAddr,
    /// The Pod, if one is meant, or known to hold the address.
    pub pod: Option<NamespacedName>,
    /// Where packets are judged: none at an address that is no Pod's, and at a Pod that is part of its node.
    pub place: Option<Place>,
    /// Whether the address was named, and not the Pod.
    pub is_by_address: bool,
}

/// The ends that are meant; at least one.
pub(crate) fn parties(world: &World, subject: &Subject, namespace: &str) -> anyhow::Result<Vec<Party>> {
    match subject {
        Subject::Address(address) => Ok(of_address(world, *address)),
        Subject::Pod { namespace: named, name, interface } => {
            let pod = NamespacedName::new(named.as_deref().unwrap_or(namespace), name);
            of_pod(world, &pod, interface.as_deref())
        }
    }
}

/// The sentence for a Pod that is not there.
pub(crate) fn unknown_pod(world: &World, pod: &NamespacedName) -> anyhow::Error {
    let near = nearest(&pod.to_string(), world.pods().map(|(name, _)| name.to_string()));
    let hint = match &near[..] {
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(", or ")),
    };
    anyhow!("there is no Pod {pod}{hint}")
}

/// Those who hold the address, or the address alone.
fn of_address(world: &World, address: IpAddr) -> Vec<Party> {
    let holders = places(world).into_iter().filter(|place| place.address == address);
    let mut parties: Vec<Party> =
        holders.map(|place| Party { is_by_address: true, ..Party::from(place) }).collect();
    if parties.is_empty() {
        parties.push(Party { address, pod: None, place: None, is_by_address: true });
    }
    parties
}

fn of_pod(world: &World, name: &NamespacedName, interface: Option<&str>) -> anyhow::Result<Vec<Party>> {
    let Some(pod) = world.pod(name) else { bail!(unknown_pod(world, name)) };
    if pod.has_ended {
        bail!("Pod {name} has ended: it speaks to nobody, and its addresses may be another's by now");
    }
    if pod.is_on_host_network {
        if let Some(interface) = interface {
            bail!("Pod {name} is part of its node (hostNetwork): {interface} is the node's, not its own");
        }
        let party = |address: &IpAddr| Party {
            address: *address,
            pod: Some(name.clone()),
            place: None,
            is_by_address: false,
        };
        let parties: Vec<Party> = pod.addresses.iter().map(party).collect();
        return if parties.is_empty() { Err(without_address(name)) } else { Ok(parties) };
    }
    let places = places_of(world, name);
    if places.is_empty() {
        return Err(without_address(name));
    }
    let Some(interface) = interface else { return Ok(places.into_iter().map(Party::from).collect()) };
    let meant = places.iter().filter(|place| place.interface_name() == interface);
    let parties: Vec<Party> = meant.cloned().map(Party::from).collect();
    if parties.is_empty() {
        bail!("Pod {name} has no interface {interface} with an address; it has {}", interfaces(&places));
    }
    Ok(parties)
}

fn without_address(name: &NamespacedName) -> anyhow::Error {
    anyhow!(
        "no address of Pod {name} is known: no DanmEp tells one, nor does its status, which counts where there is no DanmEp"
    )
}

fn interfaces(places: &[Place]) -> String {
    let mut names: Vec<&str> =
        places.iter().map(Place::interface_name).filter(|name| !name.is_empty()).collect();
    names.dedup();
    if names.is_empty() {
        "none of which the name is known: it has no DanmEp".to_owned()
    } else {
        names.join(", ")
    }
}

// === impl Party ===

impl Party {
    /// Its network, if it is on one that is known.
    pub(crate) fn network(&self) -> Option<&NetworkRef> {
        self.place.as_ref()?.network.as_ref()
    }

    /// Who it is, in short.
    pub(crate) fn name(&self) -> String {
        self.pod.as_ref().map_or_else(|| self.address.to_string(), ToString::to_string)
    }
}

impl From<Place> for Party {
    fn from(place: Place) -> Self {
        Self {
            address: place.address,
            pod: Some(place.pod.clone()),
            place: Some(place),
            is_by_address: false,
        }
    }
}
