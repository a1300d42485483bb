//! The index of everything a verdict needs, fed by watches through three verbs (`apply`, `delete`, `reset`).
//!
//! It remembers what objects cannot tell: since when an address has been seen allocated, since when a Node
//! has been seen Ready. It holds the few fields that decide, never whole objects, and it judges nothing.

mod boots;
mod calico_answers;
mod claims;
mod departures;
mod endpoint;
mod endpoints;
mod lists;
mod namespaces;
mod network;
mod networks;
mod nodes;
mod pod_addresses;
mod pods;
mod pulses;
mod reservations;
mod siblings;
mod slot_index;
mod slots;
mod source;
mod tombstones;
mod unread;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, mem,
    net::IpAddr,
    sync::Arc,
};

use danm_api::{
    ApiGroup, Change, DanmKind, Decoded, EndpointView, Namespace, Network, NetworkKind, NetworkRef, Node,
    Pod, ReservedIp, Unreadable,
};
use danm_ipam::{BitIndex, Family};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_core::Resource;

pub use boots::{BootAge, Boots};
pub use calico_answers::{CalicoAnswer, CalicoAnswers};
pub use claims::Claims;
pub use departures::Departure;
pub use endpoint::{Endpoint, EndpointId};
use endpoints::Seen;
pub use endpoints::{Endpoints, Slot};
pub use namespaces::Namespaces;
pub use network::{AddressSpace, Bits, NetworkRecord, Rise, Version};
pub use networks::{NetworkId, Networks};
pub use nodes::{NodeRecord, Nodes};
pub use pods::{Life, PodRecord, Pods};
pub use pulses::Pulses;
pub use reservations::Reservations;
pub use source::{Coverage, Source};

use self::{
    lists::Lists,
    unread::{UnreadAddresses, addresses_in},
};
use crate::{Moment, Uid, interner::Interner};

/// A change of one of the kinds the index holds.
#[derive(Clone, Debug)]
pub enum Observation {
    /// Pods.
    Pods(Change<Pod>),
    /// A read past every cache has found no Pod of this uid under its name.
    PodAbsent(Uid),
    /// Nodes.
    Nodes(Change<Node>),
    /// Namespaces.
    Namespaces(Change<Namespace>),
    /// The version of the Lease of a Node's kubelet, none if there is no such Lease, and when the read that gave it began.
    Pulse(String, Option<Version>, Moment),
    /// What was stored about the boots of Nodes that have been listed.
    BootsStored(BTreeMap<String, String>),
    /// Endpoints of a group.
    Endpoints(ApiGroup, Change<Decoded<EndpointView>>),
    /// Networks of a group and kind.
    Networks(ApiGroup, NetworkKind, Change<Decoded<Network>>),
    /// Reservations, which one group has.
    Reservations(Change<Decoded<ReservedIp>>),
    /// All endpoints of a group that were there at this moment have been observed by now.
    EndpointsRead(ApiGroup, Moment),
    /// An endpoint that is gone, as the API server answered to our delete, or to a read.
    EndpointDeleted(EndpointId, Uid),
    /// Bits that we have set for endpoints that were there before, by the write that made this version.
    BitsRestored(NetworkId, Vec<(Family, BitIndex)>, Version),
    /// What Calico has answered about an address of an endpoint.
    CalicoAnswered(Uid, IpAddr, CalicoAnswer),
    /// A source that the cluster has from now on: nothing is judged until it was read.
    Served(Source),
    /// A source that the cluster does not have any more, and nothing in it.
    Unserved(Source),
    /// A source that cannot be read, with the reason.
    Unavailable(Source, String),
}

/// What names an object to people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectRef {
    /// Its group.
    pub group: ApiGroup,
    /// Its kind.
    pub kind: DanmKind,
    /// Its namespace; empty if it has none.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// An object that cannot be used, and why. It stays out of verdicts until it is mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Its uid, if it has one.
    pub uid: String,
    /// What is wrong with it.
    pub problem: String,
}

/// What is known of the network an endpoint names.
#[derive(Clone, Debug)]
pub enum NetworkLookup<'a> {
    /// It is there.
    Found(&'a NetworkRecord),
    /// There is no such network.
    Gone,
    /// It is malformed, or networks of its kind cannot be read.
    Unusable(String),
}

/// Everything known about the cluster.
#[derive(Debug, Default)]
pub struct World {
    names: Interner,
    coverage: Coverage,
    pods: Pods,
    nodes: Nodes,
    pulses: Pulses,
    namespaces: Namespaces,
    endpoints: Endpoints,
    networks: Networks,
    reservations: Reservations,
    calico_answers: CalicoAnswers,
    parked: BTreeMap<ObjectRef, Parked>,
    /// Parked objects of the kinds that are being listed anew, as long as they are not seen again.
    stale_parked: BTreeSet<ObjectRef>,
    /// Parked objects nobody was told about yet.
    unreported: Vec<ObjectRef>,
    news: News,
    /// Addresses in endpoints that are not understood.
    unread: UnreadAddresses,
    lists: Lists,
    /// When the latest complete read of each group's endpoints began.
    endpoints_read: BTreeMap<ApiGroup, Moment>,
    /// When the one that is under way began.
    endpoints_begun: BTreeMap<ApiGroup, Moment>,
}

/// What has happened that may change verdicts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Endpoints that are new or changed, whose Pod came or went, or that had a rival. Some may be gone themselves.
    pub endpoints: Vec<Slot>,
    /// Whether a Node came, went, or changed in a way that matters.
    pub nodes: bool,
}

// === impl World ===

impl World {
    /// A world in which nothing was seen, and these sources will have to be seen.
    pub fn expecting(sources: impl IntoIterator<Item = Source>) -> Self {
        Self { coverage: Coverage::expecting(sources), ..Self::default() }
    }

    /// Takes in what was seen at a moment. `now` must not go back.
    pub fn observe(&mut self, observation: Observation, now: Moment) {
        self.note_reading(&observation, now);
        self.lists.observe(&observation, now);
        if let Some(source) = Source::listed_by(&observation) {
            self.coverage.synced(source);
            self.names.prune();
        }
        match observation {
            Observation::Pods(change) => {
                let turned = self.pods.observe(change, &mut self.names, now);
                let concerned = turned.iter().flat_map(|uid| self.endpoints.of_pod(uid));
                self.news.endpoints.extend(concerned);
            }
            Observation::PodAbsent(uid) => self.pods.is_absent(&uid, now),
            Observation::Nodes(change) => self.observe_nodes(change, now),
            Observation::Namespaces(change) => self.namespaces.observe(change, &mut self.names),
            Observation::Pulse(node, version, asked) => {
                self.pulses.observe(self.names.get(&node), version, asked, now);
            }
            Observation::BootsStored(stored) => {
                self.nodes.remember_boots(&stored);
                self.news.nodes = true;
            }
            Observation::Endpoints(group, change) => self.observe_endpoints(group, change, now),
            Observation::Networks(group, kind, change) => self.observe_networks(group, kind, change, now),
            Observation::Reservations(change) => self.observe_reservations(change),
            Observation::EndpointsRead(group, began) => {
                self.endpoints_read.insert(group, began);
            }
            Observation::EndpointDeleted(id, uid) => {
                self.news.endpoints.extend(self.endpoints.delete(&id, &uid, now));
            }
            Observation::BitsRestored(id, bits, version) => self.networks.restored(&id, &bits, version),
            Observation::CalicoAnswered(endpoint, address, answer) => {
                self.calico_answers.note(endpoint, address, answer);
            }
            Observation::Served(source) => self.coverage.expect(source),
            Observation::Unserved(source) => self.forget(source, now),
            Observation::Unavailable(source, reason) => self.coverage.unavailable(source, reason),
        }
    }

    /// Where a Node is gone, so may be Pods that are still told to be there.
    fn observe_nodes(&mut self, change: Change<Node>, now: Moment) {
        let seen = self.nodes.observe(change, &mut self.names, now);
        self.news.nodes |= seen.matters;
        if !seen.gone.is_empty() {
            let is_left = |endpoint: &Endpoint| {
                let pod = self.pods.get(&endpoint.id.namespace, &endpoint.pod);
                pod.is_some_and(|pod| self.nodes.get(&pod.node).is_none())
            };
            let concerned = self.endpoints.iter().filter(|(_, endpoint)| is_left(endpoint));
            self.news.endpoints.extend(concerned.map(|(slot, _)| slot));
        }
    }

    /// The list with which a watch of endpoints begins is a complete read of them.
    fn note_reading(&mut self, observation: &Observation, now: Moment) {
        match observation {
            Observation::Endpoints(group, Change::ListBegins) => {
                self.endpoints_begun.insert(*group, now);
            }
            Observation::Endpoints(group, Change::ListEnds) => {
                if let Some(began) = self.endpoints_begun.remove(group) {
                    self.endpoints_read.insert(*group, began);
                }
            }
            _ => {}
        }
    }

    /// Nothing of a source is there any more.
    fn forget(&mut self, source: Source, now: Moment) {
        if let Source::Danm(api) = source {
            match api.kind {
                DanmKind::DanmEp => self.observe_endpoints(api.group, Change::Reset(Vec::new()), now),
                DanmKind::Network(kind) => {
                    self.observe_networks(api.group, kind, Change::Reset(Vec::new()), now);
                }
                DanmKind::ReservedIp => self.observe_reservations(Change::Reset(Vec::new())),
                DanmKind::TenantConfig | DanmKind::NetworkPolicy => {}
            }
            self.coverage.forget(source);
        }
    }

    /// Whether a source is being listed: a read of it that begins now would count as nothing.
    pub fn is_listing(&self, source: Source) -> bool {
        self.lists.is_under_way(source)
    }

    /// Whether a read of a source that began at a moment counts as nothing, because it overlaps a list of it. Not to be
    /// observed then.
    pub fn is_overtaken(&self, source: Source, began: Moment) -> bool {
        self.lists.overlap(source, began)
    }

    /// Forgets what nobody asks about any more.
    pub fn prune(&mut self) {
        self.names.prune();
        self.pods.prune(|uid| self.endpoints.of_pod(uid).next().is_some());
        self.pulses.retain(|node| self.nodes.get(node).is_some());
        self.calico_answers.retain(|endpoint| self.endpoints.has_uid(endpoint));
    }

    /// Whether something has happened since that was asked for last.
    pub fn has_news(&self) -> bool {
        self.news != News::default()
    }

    /// What has happened since the last call.
    pub fn take_news(&mut self) -> News {
        mem::take(&mut self.news)
    }

    /// An endpoint that is not understood and has this address somewhere in it.
    pub fn unread_claim(&self, address: IpAddr) -> Option<&EndpointId> {
        self.unread.of(address)
    }

    /// The addresses that endpoints which are not understood have in them.
    pub fn unread_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.unread.all()
    }

    /// Whether all endpoints of a group have been read by a read that began at a moment or later.
    pub fn has_read_endpoints(&self, group: ApiGroup, since: Moment) -> bool {
        self.endpoints_read.get(&group).is_some_and(|began| *began >= since)
    }

    /// Which sources were read.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// The Pods.
    pub fn pods(&self) -> &Pods {
        &self.pods
    }

    /// The Nodes.
    pub fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// Signs of life of kubelets.
    pub fn pulses(&self) -> &Pulses {
        &self.pulses
    }

    /// What namespaces say about their endpoints.
    pub fn namespaces(&self) -> &Namespaces {
        &self.namespaces
    }

    /// The endpoints of both groups.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Whether any network or namespace says how its endpoints are to be treated. Mostly none does.
    pub fn says_how_to_treat(&self) -> bool {
        !self.networks.are_silent() || !self.namespaces.are_silent()
    }

    /// The networks of both groups.
    pub fn networks(&self) -> &Networks {
        &self.networks
    }

    /// The addresses kept by reservation objects.
    pub fn reservations(&self) -> &Reservations {
        &self.reservations
    }

    /// What Calico has answered about addresses of endpoints.
    pub fn calico_answers(&self) -> &CalicoAnswers {
        &self.calico_answers
    }

    /// The network object an endpoint names, as far as it is known.
    pub fn network_of(&self, endpoint: &Endpoint) -> NetworkLookup<'_> {
        let NetworkId { group, network } = endpoint.network_id();
        let source = Source::networks(group, network.kind);
        if let Some(record) = self.networks.get(&NetworkId { group, network: network.clone() }) {
            return NetworkLookup::Found(record);
        }
        let object = ObjectRef {
            group,
            kind: DanmKind::Network(network.kind),
            namespace: network.namespace,
            name: network.name,
        };
        match self.parked.get(&object) {
            Some(parked) => NetworkLookup::Unusable(parked.problem.clone()),
            None if self.coverage.is_synced(source) => NetworkLookup::Gone,
            None => NetworkLookup::Unusable(format!("{source} cannot be read")),
        }
    }

    /// Objects that cannot be used, by kind and name.
    pub fn parked(&self) -> impl Iterator<Item = (&ObjectRef, &Parked)> {
        self.parked.iter()
    }

    /// Why an object is parked, if it is.
    pub fn why_parked(&self, object: &ObjectRef) -> Option<&Parked> {
        self.parked.get(object)
    }

    /// Objects parked, or parked for another reason, since the last call: to be named once.
    pub fn newly_parked(&mut self) -> Vec<(ObjectRef, Parked)> {
        let unreported = mem::take(&mut self.unreported);
        unreported
            .into_iter()
            .filter_map(|object| self.parked.get(&object).cloned().map(|why| (object, why)))
            .collect()
    }

    fn observe_endpoints(&mut self, group: ApiGroup, change: Change<Decoded<EndpointView>>, now: Moment) {
        match change {
            Change::Apply(object) => self.apply_endpoint(group, &object, now, Seen::Told),
            Change::Listed(object) => self.apply_endpoint(group, &object, now, Seen::Listed),
            Change::Delete(object) => {
                let uid = Uid::from(object.meta().uid.as_deref().unwrap_or_default());
                let id = self.endpoint_id(group, &object);
                if !self.is_anothers(&id, &uid) {
                    self.unread.replace(&id, BTreeSet::new());
                    self.unpark(&ObjectRef::from(&id));
                }
                self.news.endpoints.extend(self.endpoints.delete(&id, &uid, now));
            }
            Change::Read(some) => {
                some.into_iter().for_each(|object| self.apply_endpoint(group, &object, now, Seen::Found))
            }
            Change::ListBegins => {
                self.doubt_parked(group, DanmKind::DanmEp);
                self.endpoints.begin_list(group);
            }
            Change::ListEnds => {
                self.forget_parked(group, DanmKind::DanmEp);
                for id in self.endpoints.end_list(group) {
                    self.unread.replace(&id, BTreeSet::new());
                }
            }
            Change::Reset(all) => {
                self.observe_endpoints(group, Change::ListBegins, now);
                all.into_iter().for_each(|object| self.apply_endpoint(group, &object, now, Seen::Listed));
                self.observe_endpoints(group, Change::ListEnds, now);
            }
        }
    }

    /// Whether the name is another endpoint's by the time at which the end of this one is told.
    fn is_anothers(&self, id: &EndpointId, uid: &Uid) -> bool {
        let parked = self.parked.get(&ObjectRef::from(id));
        self.endpoints.find(id).is_some_and(|endpoint| endpoint.uid != *uid)
            || parked.is_some_and(|parked| Uid::from(&*parked.uid) != *uid)
    }

    fn apply_endpoint(&mut self, group: ApiGroup, object: &Decoded<EndpointView>, now: Moment, seen: Seen) {
        let id = self.endpoint_id(group, object);
        if seen != Seen::Listed && self.endpoints.outlives(&id, object.meta()) {
            return;
        }
        let endpoint = match object {
            Decoded::Readable(object) => Endpoint::read(id.clone(), object, &mut self.names),
            Decoded::Unreadable(object) => Err(problem_of(object)),
        };
        let is_understood = endpoint.as_ref().is_ok_and(|endpoint| endpoint.problem.is_none());
        self.unread.replace(&id, if is_understood { BTreeSet::new() } else { addresses_in(object) });
        // Nearly always nothing is parked, and a list asks for each of its endpoints.
        let is_parked = !self.parked.is_empty() && self.parked.contains_key(&ObjectRef::from(&id));
        match endpoint {
            Ok(endpoint) => {
                // Nobody saw what happened to it while it could not be read.
                let seen = if seen == Seen::Told && is_parked { Seen::Found } else { seen };
                if is_parked {
                    self.unpark(&ObjectRef::from(&id));
                }
                self.news.endpoints.extend(self.endpoints.apply(endpoint, now, seen));
            }
            Err(parked) => {
                self.news.endpoints.extend(self.endpoints.remove(&id));
                self.park(ObjectRef::from(&id), parked);
            }
        }
    }

    fn observe_networks(
        &mut self,
        group: ApiGroup,
        kind: NetworkKind,
        change: Change<Decoded<Network>>,
        now: Moment,
    ) {
        match change {
            Change::Apply(object) => self.apply_network(group, kind, object, (false, now)),
            Change::Listed(object) => self.apply_network(group, kind, object, (true, now)),
            Change::Delete(object) => {
                let object = self.object_ref(group, DanmKind::Network(kind), &object);
                self.unpark(&object);
                self.networks.remove(&network_id(&object, kind));
            }
            Change::Read(some) => {
                some.into_iter().for_each(|object| self.apply_network(group, kind, object, (false, now)))
            }
            Change::ListBegins => {
                self.doubt_parked(group, DanmKind::Network(kind));
                self.networks.begin_list(group, kind);
            }
            Change::ListEnds => {
                self.forget_parked(group, DanmKind::Network(kind));
                self.networks.end_list(group, kind);
            }
            Change::Reset(all) => {
                self.observe_networks(group, kind, Change::ListBegins, now);
                all.into_iter().for_each(|object| self.apply_network(group, kind, object, (true, now)));
                self.observe_networks(group, kind, Change::ListEnds, now);
            }
        }
    }

    fn apply_network(
        &mut self,
        group: ApiGroup,
        kind: NetworkKind,
        object: Decoded<Network>,
        (is_listed, now): (bool, Moment),
    ) {
        let object_ref = self.object_ref(group, DanmKind::Network(kind), &object);
        let id = network_id(&object_ref, kind);
        let record = match object {
            Decoded::Readable(object) => NetworkRecord::read(*object, now),
            Decoded::Unreadable(object) => Err(problem_of(&object)),
        };
        match record {
            Ok(record) => {
                match record.problem() {
                    Some(problem) => {
                        let parked = Parked { uid: record.uid.to_string(), problem };
                        self.park(object_ref, parked);
                    }
                    None => {
                        self.unpark(&object_ref);
                    }
                }
                self.networks.apply(id, record, is_listed, now);
            }
            Err(parked) => {
                self.networks.remove(&id);
                self.park(object_ref, parked);
            }
        }
    }

    fn observe_reservations(&mut self, change: Change<Decoded<ReservedIp>>) {
        let group = ApiGroup::DanmIo;
        match change {
            Change::Apply(object) | Change::Listed(object) => self.apply_reservation(object),
            Change::Delete(object) => {
                let object = self.object_ref(group, DanmKind::ReservedIp, &object);
                self.unpark(&object);
                self.reservations.remove(&object);
            }
            Change::Read(some) => some.into_iter().for_each(|object| self.apply_reservation(object)),
            Change::ListBegins => {
                self.doubt_parked(group, DanmKind::ReservedIp);
                self.reservations.begin_list();
            }
            Change::ListEnds => {
                self.forget_parked(group, DanmKind::ReservedIp);
                self.reservations.end_list();
            }
            Change::Reset(all) => {
                self.observe_reservations(Change::ListBegins);
                all.into_iter().for_each(|object| self.apply_reservation(object));
                self.observe_reservations(Change::ListEnds);
            }
        }
    }

    fn apply_reservation(&mut self, object: Decoded<ReservedIp>) {
        let id = self.object_ref(ApiGroup::DanmIo, DanmKind::ReservedIp, &object);
        let applied = match object {
            Decoded::Readable(object) => self.reservations.apply(id.clone(), &object, &mut self.names),
            Decoded::Unreadable(object) => Err(problem_of(&object)),
        };
        match applied {
            Ok(()) => {
                self.unpark(&id);
            }
            Err(parked) => {
                self.reservations.remove(&id);
                self.park(id, parked);
            }
        }
    }

    fn park(&mut self, object: ObjectRef, parked: Parked) {
        self.stale_parked.remove(&object);
        if self.parked.get(&object) != Some(&parked) {
            self.unreported.push(object.clone());
            self.parked.insert(object, parked);
        }
    }

    /// An object is gone, or can be used again.
    fn unpark(&mut self, object: &ObjectRef) {
        self.parked.remove(object);
        self.stale_parked.remove(object);
    }

    /// While a kind is listed anew, what was parked stays so: a network that is malformed is not one that is gone.
    fn doubt_parked(&mut self, group: ApiGroup, kind: DanmKind) {
        let doubted = self.parked.keys().filter(|object| object.group == group && object.kind == kind);
        self.stale_parked.extend(doubted.cloned());
    }

    fn forget_parked(&mut self, group: ApiGroup, kind: DanmKind) {
        let is_kind = |object: &ObjectRef| object.group == group && object.kind == kind;
        let forgotten: Vec<ObjectRef> =
            self.stale_parked.iter().filter(|object| is_kind(object)).cloned().collect();
        for object in forgotten {
            self.unpark(&object);
            if kind == DanmKind::DanmEp {
                self.unread.replace(&EndpointId::from(&object), BTreeSet::new());
            }
        }
    }

    fn endpoint_id(&mut self, group: ApiGroup, object: &impl Resource) -> EndpointId {
        let ObjectMeta { namespace, name, .. } = object.meta();
        EndpointId {
            group,
            namespace: self.names.get(namespace.as_deref().unwrap_or_default()),
            name: name.as_deref().unwrap_or_default().into(),
        }
    }

    fn object_ref(&mut self, group: ApiGroup, kind: DanmKind, object: &impl Resource) -> ObjectRef {
        let metadata = object.meta();
        ObjectRef {
            group,
            kind,
            namespace: self.names.get(metadata.namespace.as_deref().unwrap_or_default()),
            name: metadata.name.as_deref().unwrap_or_default().into(),
        }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.name();
        match &*self.namespace {
            "" => write!(f, "{kind}.{} {}", self.group, self.name),
            namespace => write!(f, "{kind}.{} {namespace}/{}", self.group, self.name),
        }
    }
}

fn network_id(object: &ObjectRef, kind: NetworkKind) -> NetworkId {
    NetworkId { group: object.group, network: NetworkRef::new(kind, &object.namespace, &object.name) }
}

fn problem_of(object: &Unreadable) -> Parked {
    Parked { uid: object.metadata.uid.clone().unwrap_or_default(), problem: object.problem.clone() }
}
