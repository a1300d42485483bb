//! What to write to release the endpoints that are proved dead: one write per network, then the deletes.
//!
//! A plan is a value made for one state of the world; whoever performs it makes each write conditional on the
//! versions it names, and plans again where one does not hold any more.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use hashbrown::HashSet;

use danm_ipam::{BitIndex, Family, release};
use serde_json::{Value, json};

use crate::{
    AddressAction, Finding, Judgement, Moment, RELEASED_ANNOTATION, Reason, Rules, Treatment, Uid,
    owner::{AddressCase, Owner, Settlement, owner_of},
    world::{
        AddressSpace, Endpoint, EndpointId, NetworkId, NetworkLookup, NetworkRecord, Slot, Version, World,
    },
};

/// The most endpoints whose addresses one write gives back: their uids are recorded in the network, whose
/// annotations may have 256 KiB in all.
const ENDPOINTS_PER_WRITE: usize = 1_000;

/// Above this an object comes too near to the 1.5 MiB that etcd takes, after which DANM could not write it.
const OBJECT_BYTES: usize = 1_450_000;

/// What the annotations of one object may have in all.
const ANNOTATION_BYTES: usize = 256 * 1024;

/// What to do now, and what has to wait.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What to do, network by network; they do not depend on each other.
    pub networks: Vec<NetworkPlan>,
    /// Endpoints with addresses that have to be given back to Calico before anything else becomes of them; or, where the plan
    /// is to keep one, about which Calico has to be asked.
    pub returns: Vec<EndpointPlan>,
    /// What is beyond what one write to its network takes: its turn comes after that.
    pub later: Vec<EndpointPlan>,
    /// What has to wait.
    pub held: Vec<Held>,
}

/// What to do about one network: write it if there is something to write, then delete the endpoints.
#[derive(Clone, Debug)]
pub struct NetworkPlan {
    /// The network. It may be gone.
    pub network: NetworkId,
    /// The write that gives addresses back.
    pub write: Option<NetworkWrite>,
    /// The endpoints to delete, once that is written.
    pub endpoints: Vec<EndpointPlan>,
}

/// A conditional write to a network.
#[derive(Clone, Debug)]
pub struct NetworkWrite {
    /// The version it was judged at, and is conditional on.
    pub version: Version,
    /// The new array of IPv4, if it changes.
    pub alloc: Option<String>,
    /// The new array of IPv6, if it changes.
    pub alloc6: Option<String>,
    /// The uids to record, unless the object would get too large.
    pub released: Option<Vec<Uid>>,
}

/// An endpoint to delete, with what becomes of its addresses.
#[derive(Clone, Debug)]
pub struct EndpointPlan {
    /// The endpoint.
    pub slot: Slot,
    /// Its name.
    pub id: EndpointId,
    /// Its uid, a condition of the delete.
    pub uid: Uid,
    /// Its version, a condition of the delete.
    pub version: Version,
    /// The proof.
    pub finding: Finding,
    /// Its addresses.
    pub addresses: Vec<AddressPlan>,
    /// If nobody else may hold its addresses because that would show: all endpoints have to have been read by a
    /// read that began at this moment or later.
    pub shown_since: Option<Moment>,
}

/// What becomes of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPlan {
    /// The address.
    pub address: IpAddr,
    /// Who gave it.
    pub owner: Owner,
    /// What becomes of it.
    pub action: AddressAction,
    /// Why, for people.
    pub note: String,
}

/// An endpoint that is proved dead and has to wait all the same.
#[derive(Clone, Debug)]
pub struct Held {
    /// The endpoint.
    pub slot: Slot,
    /// Why.
    pub reason: Reason,
    /// Until when, if time alone is missing.
    pub until: Option<Moment>,
    /// More for people, if the addresses do not say it all.
    pub note: Option<String>,
    /// Its addresses, all of which stay.
    pub addresses: Vec<AddressPlan>,
}

/// Plans the release of endpoints that are proved dead and may be released now. `dying` are those that are dead
/// too, but whose turn has not come.
pub fn plan(
    world: &World,
    dangling: &[Judgement],
    dying: &BTreeSet<Slot>,
    rules: &Rules,
    now: Moment,
) -> Plan {
    let is_report_only = |judgement: &Judgement| {
        let endpoint = world.endpoints().get(judgement.slot);
        endpoint.is_some_and(|endpoint| is_report_only(endpoint, judgement.finding, world, rules))
    };
    let to_go = dangling.iter().filter(|judgement| !is_report_only(judgement));
    let releasing: HashSet<Slot> = to_go.map(|judgement| judgement.slot).collect();
    let settle = |endpoint, network: &NetworkLookup<'_>, address| -> Settled {
        let case =
            AddressCase { address, endpoint, network, world, releasing: &releasing, dying, rules, now };
        let owner = owner_of(case);
        (address, owner.owner(), owner.settle(case))
    };
    let mut drafts: BTreeMap<NetworkId, Draft> = BTreeMap::new();
    let (mut returns, mut held) = (Vec::new(), Vec::new());
    for judgement in dangling {
        let Some(endpoint) = world.endpoints().get(judgement.slot) else { continue };
        let network = world.network_of(endpoint);
        let settlements: Vec<Settled> =
            endpoint.held().map(|address| settle(endpoint, &network, address)).collect();
        if is_report_only(judgement) {
            let (reason, note) = (Reason::ReportOnly, None);
            held.push(Held { slot: judgement.slot, reason, until: None, note, addresses: kept(settlements) });
            continue;
        }
        if let Some((reason, until)) = waits(endpoint, &settlements) {
            held.push(Held { slot: judgement.slot, reason, until, note: None, addresses: kept(settlements) });
            continue;
        }
        let is_calicos_turn =
            |(_, _, settlement): &Settled| matches!(settlement, Settlement::Return(_) | Settlement::Ask(_));
        if settlements.iter().any(is_calicos_turn) {
            returns.push(endpoint_plan(*judgement, endpoint, settlements));
            continue;
        }
        let draft = drafts.entry(endpoint.network_id()).or_default();
        draft.add(*judgement, endpoint, settlements);
    }
    let mut later = Vec::new();
    let finish = |(id, draft): (NetworkId, Draft)| {
        later.extend(draft.later);
        draft.part.finish(world, id)
    };
    let networks = drafts.into_iter().map(finish).collect();
    Plan { networks, returns, later, held }
}

impl Plan {
    /// All endpoints of which something is to become, now or soon.
    pub fn endpoints(&self) -> impl Iterator<Item = &EndpointPlan> {
        let of_networks = self.networks.iter().flat_map(|network| &network.endpoints);
        of_networks.chain(&self.returns).chain(&self.later)
    }

    /// The same, taken out.
    pub fn into_endpoints(self) -> impl Iterator<Item = EndpointPlan> {
        let of_networks = self.networks.into_iter().flat_map(|network| network.endpoints);
        of_networks.chain(self.returns).chain(self.later)
    }

    /// When the first of what waits for time alone need not wait any more.
    pub fn next_ready(&self) -> Option<Moment> {
        self.held.iter().filter_map(|held| held.until).min()
    }
}

impl NetworkWrite {
    /// The JSON merge patch. Fields it does not name stay as they are, whoever knows them.
    pub fn merge_patch(&self) -> Value {
        let mut patch =
            json!({"metadata": {"resourceVersion": self.version.0.to_string()}, "spec": {"Options": {}}});
        if let Some(alloc) = &self.alloc {
            patch["spec"]["Options"]["alloc"] = json!(alloc);
        }
        if let Some(alloc6) = &self.alloc6 {
            patch["spec"]["Options"]["alloc6"] = json!(alloc6);
        }
        if let Some(released) = &self.released {
            let uids: Vec<String> = released.iter().map(Uid::to_string).collect();
            patch["metadata"]["annotations"] = json!({RELEASED_ANNOTATION: uids.join(",")});
        }
        patch
    }
}

type Settled = (IpAddr, Owner, Settlement);

/// Whether an endpoint that is proved dead is to be told and to stay.
pub fn is_report_only(endpoint: &Endpoint, finding: Finding, world: &World, rules: &Rules) -> bool {
    Treatment::of(endpoint, finding.reason, world, &rules.treatments) < Treatment::Release
}

/// An endpoint waits if one of its addresses does: it is the only trace of what is not settled. What waits for
/// no moment waits longest. One that was deleted and is still there waits for somebody's finalizer.
fn waits(endpoint: &Endpoint, settlements: &[Settled]) -> Option<(Reason, Option<Moment>)> {
    let waiting = settlements.iter().filter_map(|(_, _, settlement)| match settlement {
        Settlement::Hold { reason, until, .. } => Some((*reason, *until)),
        _ => None,
    });
    let frees = settlements.iter().any(|(_, _, settlement)| {
        matches!(settlement, Settlement::Free { .. } | Settlement::Return(_) | Settlement::Ask(_))
    });
    let is_done = endpoint.is_deleting && !frees;
    waiting
        .max_by_key(|(_, until)| (until.is_none(), *until))
        .or_else(|| is_done.then_some((Reason::Finalizer, None)))
}

fn kept(settlements: Vec<Settled>) -> Vec<AddressPlan> {
    let kept = |(address, owner, settlement)| {
        let note = match settlement {
            Settlement::Free { note, .. }
            | Settlement::Return(note)
            | Settlement::Returned(note)
            | Settlement::Ask(note)
            | Settlement::AlreadyFree(note)
            | Settlement::Keep(note)
            | Settlement::Refuse(note)
            | Settlement::Hold { note, .. } => note,
        };
        AddressPlan { address, owner, action: AddressAction::Keep, note }
    };
    settlements.into_iter().map(kept).collect()
}

/// A network's plan while it is made.
#[derive(Debug, Default)]
struct Draft {
    part: Part,
    later: Vec<EndpointPlan>,
}

/// What goes with one write.
#[derive(Debug, Default)]
struct Part {
    endpoints: Vec<EndpointPlan>,
    freed: [Vec<BitIndex>; 2],
    recorded: Vec<Uid>,
}

impl Draft {
    fn add(&mut self, judgement: Judgement, endpoint: &Endpoint, settlements: Vec<Settled>) {
        let freed: Vec<(Family, BitIndex)> = settlements.iter().filter_map(freed).collect();
        let plan = endpoint_plan(judgement, endpoint, settlements);
        if !freed.is_empty() && self.part.recorded.len() == ENDPOINTS_PER_WRITE {
            self.later.push(plan);
        } else {
            self.part.add(plan, freed);
        }
    }
}

fn endpoint_plan(judgement: Judgement, endpoint: &Endpoint, settlements: Vec<Settled>) -> EndpointPlan {
    let shown_since = settlements.iter().filter_map(|(_, _, settlement)| match settlement {
        Settlement::Free { shown_since, .. } => *shown_since,
        _ => None,
    });
    EndpointPlan {
        slot: judgement.slot,
        id: endpoint.id.clone(),
        uid: endpoint.uid.clone(),
        version: endpoint.version,
        finding: judgement.finding,
        shown_since: shown_since.max(),
        addresses: settlements.into_iter().map(address_plan).collect(),
    }
}

fn freed((address, _, settlement): &Settled) -> Option<(Family, BitIndex)> {
    match settlement {
        Settlement::Free { bit, .. } => Some((Family::of(*address), *bit)),
        _ => None,
    }
}

fn address_plan((address, owner, settlement): Settled) -> AddressPlan {
    let (action, note) = match settlement {
        Settlement::Free { note, .. } | Settlement::Return(note) | Settlement::Returned(note) => {
            (AddressAction::Free, note)
        }
        Settlement::AlreadyFree(note) => (AddressAction::AlreadyFree, note),
        Settlement::Refuse(note) => (AddressAction::Refuse, note),
        Settlement::Keep(note) | Settlement::Ask(note) | Settlement::Hold { note, .. } => {
            (AddressAction::Keep, note)
        }
    };
    AddressPlan { address, owner, action, note }
}

impl Part {
    fn add(&mut self, plan: EndpointPlan, freed: Vec<(Family, BitIndex)>) {
        if !freed.is_empty() {
            self.recorded.push(plan.uid.clone());
        }
        let [ipv4, ipv6] = &mut self.freed;
        for (family, bit) in freed {
            match family {
                Family::Ipv4 => ipv4.push(bit),
                Family::Ipv6 => ipv6.push(bit),
            }
        }
        self.endpoints.push(plan);
    }

    fn finish(self, world: &World, network: NetworkId) -> NetworkPlan {
        let Self { endpoints, freed, recorded } = self;
        let write = world.networks().get(&network).and_then(|record| {
            let [ipv4, ipv6] = freed;
            let alloc = cleared(record, Family::Ipv4, ipv4);
            let alloc6 = cleared(record, Family::Ipv6, ipv6);
            (alloc.is_some() || alloc6.is_some()).then(|| NetworkWrite {
                version: record.version,
                alloc,
                alloc6,
                released: to_record(world, record, recorded),
            })
        });
        NetworkPlan { network, write, endpoints }
    }
}

/// The text of an array with some bits cleared; `None` where that changes nothing.
fn cleared(record: &NetworkRecord, family: Family, bits: Vec<BitIndex>) -> Option<String> {
    let AddressSpace::Bits(space) = record.space(family) else { return None };
    let release = release(&space.pool, &space.alloc, bits);
    (!release.freed.is_empty()).then(|| release.bits.encode())
}

/// The uids recorded before whose endpoints are still there, and the new ones.
fn to_record(world: &World, record: &NetworkRecord, new: Vec<Uid>) -> Option<Vec<Uid>> {
    let old = record.released.iter().filter(|uid| world.endpoints().has_uid(uid));
    let all: Vec<Uid> = old.cloned().chain(new).collect();
    let text = all.len() * "00000000-0000-0000-0000-000000000000,".len() + RELEASED_ANNOTATION.len();
    let fits = record.bytes + text <= OBJECT_BYTES && record.annotation_bytes + text <= ANNOTATION_BYTES;
    fits.then_some(all)
}
