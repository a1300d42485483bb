//! The report: one row for each allocation judged. Its field names and words are fixed; people script against
//! them. Makes rows; where they are written to is the caller's business.

mod remark;

use std::{collections::BTreeSet, net::IpAddr};

use hashbrown::{HashMap, HashSet};

use danm_api::ApiGroup;
use serde::Serialize;

use crate::{
    Audit, Finding, Hosts, Judgement, Moment, Reason, Rules, Slot, Verdict, World,
    evidence::{Case, EVIDENCE},
    owner::{AddressCase, Owner, owner_of},
    plan::{AddressPlan, Held},
    world::{Endpoint, ObjectRef, Parked},
};

pub use self::remark::{Fate, Remark};

/// One allocation: an endpoint, or a set bit without one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// API group of the endpoint, or of the network of a bit without one.
    pub group: &'static str,
    /// Namespace of the endpoint.
    pub namespace: String,
    /// Name of the endpoint; empty for a bit without one.
    pub name: String,
    /// Uid of the endpoint; empty for a bit without one.
    pub uid: String,
    /// The network.
    pub network: NetworkRow,
    /// The Pod the endpoint names.
    pub pod: PodRow,
    /// The host the endpoint names.
    pub host: String,
    /// The addresses.
    pub addresses: Vec<AddressRow>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// What was seen, for people.
    pub evidence: Vec<String>,
    /// What was done.
    pub action: Action,
    /// What went wrong, if anything.
    pub error: Option<String>,
}

/// A network in a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NetworkRow {
    /// Its kind; empty if unknown.
    pub kind: String,
    /// Its namespace; empty for a `ClusterNetwork`.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A Pod in a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PodRow {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid; empty where the endpoint has none.
    pub uid: String,
}

/// An address in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddressRow {
    /// The address, without a prefix length.
    pub address: IpAddr,
    /// Who gave it.
    pub owner: Owner,
    /// What becomes of it.
    pub action: AddressAction,
}

/// What becomes of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressAction {
    /// Its bit is cleared.
    Free,
    /// There was nothing to give back.
    AlreadyFree,
    /// It stays as it is.
    Keep,
    /// It stays allocated, because it is somebody else's.
    Refuse,
}

/// What becomes of an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It was released.
    Released,
    /// It would be, were this no dry run.
    WouldRelease,
    /// It waits: the proof is not complete, or something is in the way.
    Held,
    /// It is none of our business, or alive.
    Kept,
    /// The API server refused.
    Failed,
}

/// Makes rows of the findings of an audit.
#[derive(Debug)]
pub struct Reporter<'a> {
    world: &'a World,
    hosts: &'a Hosts,
    rules: &'a Rules,
    now: Moment,
}

// === impl Reporter ===

impl<'a> Reporter<'a> {
    /// Reports on the world as it is.
    pub const fn new(world: &'a World, hosts: &'a Hosts, rules: &'a Rules, now: Moment) -> Self {
        Self { world, hosts, rules, now }
    }

    /// A row for everything that was judged and not acted upon: endpoints, malformed ones, bits without any.
    /// `held` are those that are proved dead and wait.
    pub fn rows<'b>(
        &'b self,
        audit: &'b Audit,
        held: &'b [Held],
        remarks: &'b [Remark],
    ) -> impl Iterator<Item = Row> + 'b {
        let held: HashMap<Slot, &Held> = held.iter().map(|held| (held.slot, held)).collect();
        let mut remarked: HashMap<Slot, Vec<&Remark>> = HashMap::new();
        for remark in remarks {
            remark
                .slots(self.world)
                .into_iter()
                .for_each(|slot| remarked.entry(slot).or_default().push(remark));
        }
        let judged = audit.judgements.iter().filter_map(move |judgement| {
            if let Some(held) = held.get(&judgement.slot) {
                return self.held(judgement, held);
            }
            let mut row = self.judged(judgement)?;
            let remarks = remarked.get(&judgement.slot).into_iter().flatten();
            remarks.for_each(|remark| remark.note_in(&mut row));
            Some(row)
        });
        let parked = self.world.parked().filter(|(object, _)| object.kind == danm_api::DanmKind::DanmEp);
        let parked = parked.map(|(object, parked)| parked_row(object, parked));
        judged.chain(parked).chain(remarks.iter().flat_map(Remark::rows))
    }

    /// The row of an endpoint that was, or is to be, acted upon.
    pub fn acted(
        &self,
        slot: Slot,
        finding: Finding,
        addresses: &[AddressPlan],
        action: Action,
    ) -> Option<Row> {
        let endpoint = self.world.endpoints().get(slot)?;
        let mut row = self.row(endpoint, finding, action);
        if !addresses.is_empty() {
            row.addresses = addresses.iter().map(AddressRow::from).collect();
        }
        row.evidence.extend(addresses.iter().map(|plan| format!("{}: {}", plan.address, plan.note)));
        Some(row)
    }

    fn held(&self, judgement: &Judgement, held: &Held) -> Option<Row> {
        let finding = Finding::new(judgement.finding.verdict, held.reason);
        let action = if held.reason == Reason::CalicoAddress { Action::Kept } else { Action::Held };
        let mut row = self.acted(judgement.slot, finding, &held.addresses, action)?;
        row.evidence.extend(held.note.clone());
        Some(row)
    }

    fn judged(&self, judgement: &Judgement) -> Option<Row> {
        let endpoint = self.world.endpoints().get(judgement.slot)?;
        let action = match judgement.finding.verdict {
            _ if judgement.finding.reason == Reason::SwitchedOff => Action::Kept,
            Verdict::Live => Action::Kept,
            Verdict::Dangling | Verdict::Unknown => Action::Held,
        };
        Some(self.row(endpoint, judgement.finding, action))
    }

    fn row(&self, endpoint: &Endpoint, finding: Finding, action: Action) -> Row {
        Row {
            group: endpoint.id.group.name(),
            namespace: endpoint.id.namespace.to_string(),
            name: endpoint.id.name.to_string(),
            uid: endpoint.uid.to_string(),
            network: NetworkRow {
                kind: endpoint.network.kind.name().to_owned(),
                namespace: endpoint.network.namespace.to_string(),
                name: endpoint.network.name.to_string(),
            },
            pod: PodRow {
                namespace: endpoint.id.namespace.to_string(),
                name: endpoint.pod.to_string(),
                uid: endpoint.pod_uid.to_string(),
            },
            host: endpoint.host.to_string(),
            addresses: self.kept_addresses(endpoint),
            verdict: finding.verdict,
            reason: finding.reason,
            evidence: self.evidence(endpoint, finding.verdict),
            action,
            error: None,
        }
    }

    /// What was seen of an endpoint, for people. Of one that lives it is its Pod that counts, not its machine.
    pub fn evidence(&self, endpoint: &Endpoint, verdict: Verdict) -> Vec<String> {
        let case = Case::new(endpoint, self.world, self.hosts, self.rules);
        let of_machine = usize::from(verdict == Verdict::Live);
        let told = EVIDENCE.iter().take(EVIDENCE.len() - of_machine);
        let told = told.filter_map(|evidence| evidence.describe(case));
        told.chain(endpoint.problem.as_deref().map(str::to_owned)).collect()
    }

    fn kept_addresses(&self, endpoint: &Endpoint) -> Vec<AddressRow> {
        let network = self.world.network_of(endpoint);
        let (releasing, dying) = (HashSet::new(), BTreeSet::new());
        let case = |address| AddressCase {
            address,
            endpoint,
            network: &network,
            world: self.world,
            releasing: &releasing,
            dying: &dying,
            rules: self.rules,
            now: self.now,
        };
        let row = |address| AddressRow {
            address,
            owner: owner_of(case(address)).owner(),
            action: AddressAction::Keep,
        };
        endpoint.held().map(row).collect()
    }
}

impl From<&AddressPlan> for AddressRow {
    fn from(plan: &AddressPlan) -> Self {
        Self { address: plan.address, owner: plan.owner, action: plan.action }
    }
}

fn parked_row(object: &ObjectRef, parked: &Parked) -> Row {
    let finding = Finding::new(Verdict::Unknown, Reason::UnreadableEndpoint);
    Row {
        namespace: object.namespace.to_string(),
        name: object.name.to_string(),
        uid: parked.uid.clone(),
        evidence: vec![parked.problem.clone()],
        ..bare_row(object.group, finding)
    }
}

fn bare_row(group: ApiGroup, finding: Finding) -> Row {
    Row {
        group: group.name(),
        namespace: String::new(),
        name: String::new(),
        uid: String::new(),
        network: NetworkRow::default(),
        pod: PodRow::default(),
        host: String::new(),
        addresses: Vec::new(),
        verdict: finding.verdict,
        reason: finding.reason,
        evidence: Vec::new(),
        action: Action::Held,
        error: None,
    }
}
