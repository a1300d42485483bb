//! What the API server does with a request: at once, all of it or nothing. Against each write of a Cleaner it is checked
//! whom it hurts.

mod calico;

use std::rc::Rc;

use danm_ipam::{AllocBits, BitIndex};
use leak_judge::{NetworkWrite, Source};

use crate::{
    call::{Answer, Failure, Party, Request},
    store::{Condition, Endpoint, EndpointKey, Network, NetworkKey, NodeKey, Object, Pod, PodKey},
    truth::{Address, Sandbox},
    violation::Law,
    world::World,
};

impl World {
    /// Does what is asked.
    pub fn perform(&mut self, party: Party, request: Request) -> Answer {
        if let (Party::Cleaner(replica), true) = (party, self.flaw.reads_are_stale)
            && let Some(answer) = self.stale_answer(replica, &request)
        {
            return answer;
        }
        match request {
            Request::Endpoints(group) => {
                let of_group =
                    self.store.endpoints().filter(|one| self.store.spec(one.network).group == group);
                Answer::Endpoints(of_group.cloned().collect())
            }
            Request::Pods(namespace) => {
                Answer::Pods(self.store.pods().filter(|pod| pod.namespace == namespace).cloned().collect())
            }
            Request::Pod(namespace, name) => {
                let is_it = |pod: &&Pod| pod.namespace == namespace && *pod.name == *name;
                Answer::Pods(self.store.pods().find(is_it).cloned().into_iter().collect())
            }
            Request::Node(key) => {
                Answer::Nodes(key.and_then(|key| self.store.node(key)).cloned().into_iter().collect())
            }
            Request::Nodes => Answer::Nodes(self.store.nodes().cloned().collect()),
            Request::Network(key) => Answer::Network(self.store.network(key).cloned().map(Box::new)),
            Request::Endpoint(key) => {
                Answer::Endpoints(self.store.endpoint(key).cloned().into_iter().collect())
            }
            Request::Lease(node) => {
                let now = self.now;
                self.machines[node.0].renew_lease(now);
                Answer::Lease(self.machines[node.0].lease.0)
            }
            Request::Boots => Answer::Boots(self.store.boots.clone()),
            Request::StoreBoots(version, entries) => {
                if self.store.boots.as_ref().map(|(version, _)| *version) != version {
                    return Answer::Failed(Failure::Conflict);
                }
                self.store.put_boots(entries);
                Answer::Boots(self.store.boots.clone())
            }
            Request::Release(key, write) => self.release(party, key, &write),
            Request::DeleteAsSeen(key, version) => self.delete_as_seen(party, key, version),
            Request::Replace(network, sandbox) => self.replace(*network, sandbox),
            Request::EndpointsOfSandbox(sandbox) => {
                let all = self.store.endpoints().filter(|one| one.sandbox == sandbox);
                Answer::Endpoints(all.cloned().collect())
            }
            Request::EndpointsOfPod(pod) => {
                let all = self.store.endpoints().filter(|one| one.pod == pod && one.has_pod_uid);
                Answer::Endpoints(all.cloned().collect())
            }
            Request::CreateEndpoint(mut endpoint) => {
                endpoint.key = self.store.new_endpoint_key();
                endpoint.created = self.now;
                self.note(|_| format!("endpoint {} of sandbox {}", endpoint.key.0, endpoint.sandbox.0));
                self.store.put_endpoint(*endpoint.clone());
                endpoint.version = self.store.endpoint(endpoint.key).map_or(0, |stored| stored.version);
                Answer::Created(endpoint)
            }
            Request::UpdateEndpoint(endpoint) => self.update_endpoint(*endpoint),
            Request::Calico(request) => self.perform_for_calico(party, request),
            Request::DeleteEndpoint(key) => self.delete_endpoint(key),
            Request::RemovePod(key) => self.remove_pod(key),
            request => self.perform_for_others(request),
        }
    }

    /// What kubelets, operators and controllers ask.
    fn perform_for_others(&mut self, request: Request) -> Answer {
        match request {
            Request::CreatePod(pod) => self.create_pod(pod),
            Request::DeletePod(key) => self.change_pod(key, |pod| pod.is_deleting = true),
            Request::SetPhase(key, phase) => self.change_pod(key, |pod| pod.phase = phase),
            Request::Report(key, condition) => self.report(key, condition),
            Request::Silent(key) => {
                let is_silent = !self.machines[key.0].is_connected;
                self.change_node(key, is_silent, |node| node.condition = Condition::Silent)
            }
            Request::OutOfService(key, is_out) => {
                self.change_node(key, true, |node| node.is_out_of_service = is_out)
            }
            Request::RemoveNode(key) => {
                self.note(|_| format!("Node {} is gone", key.0));
                self.store.remove_node(key);
                Answer::Done
            }
            _ => Answer::Failed(Failure::Refused),
        }
    }

    /// A whole object, written if nobody has written it since it was read.
    fn replace(&mut self, network: Network, sandbox: Option<Sandbox>) -> Answer {
        let key = network.key;
        let Some(before) = self.store.network(key) else { return Answer::Failed(Failure::NotFound) };
        if before.version != network.version || before.incarnation != network.incarnation {
            return Answer::Failed(Failure::Conflict);
        }
        let changes = changes(key, before, &network);
        for (address, is_set) in changes {
            self.note(|_| {
                let what = if is_set { "sets" } else { "clears" };
                format!("CNI {what} bit {} of network {} for {sandbox:?}", address.bit.0, key.0)
            });
            match sandbox {
                Some(sandbox) if is_set => {
                    let robbed = self.truth.allocated(address, sandbox, Self::lives(&self.store));
                    if let Some(robbed) = robbed {
                        self.violate(Law::NoAddressIsGivenTwice, format!(
                            "bit {} of network {} is given to sandbox {} while sandbox {} uses it, because a Cleaner cleared it",
                            address.bit.0, key.0, sandbox.0, robbed.0
                        ));
                    }
                }
                _ => self.truth.freed(address),
            }
        }
        let mut network = network;
        network.version = self.store.put_network(network.clone());
        Answer::Network(Some(Box::new(network)))
    }

    /// The Cleaner's merge patch.
    fn release(&mut self, party: Party, key: NetworkKey, write: &NetworkWrite) -> Answer {
        let Some(before) = self.store.network(key) else { return Answer::Failed(Failure::NotFound) };
        if before.version != write.version.0 && !self.flaw.writes_are_unconditional {
            return Answer::Failed(Failure::Conflict);
        }
        let mut network = before.clone();
        let mut unreadable = None;
        for (family, text) in [&write.alloc, &write.alloc6].into_iter().enumerate() {
            let Some(text) = text else { continue };
            let size = self.store.spec(key).pools[family].as_ref().map_or(0, danm_ipam::Pool::size);
            match AllocBits::decode(text, size) {
                Ok(bits) => network.bits[family] = Some(bits),
                Err(error) => unreadable = Some(error),
            }
        }
        if let Some(released) = &write.released {
            let uids: Vec<String> = released.iter().map(ToString::to_string).collect();
            network.released = Rc::from(uids.join(","));
        }
        let changes = changes(key, before, &network);
        if let Some(error) = unreadable {
            self.violate(
                Law::ArraysAreArrays,
                format!("{party:?} writes no bit array to network {}: {error}", key.0),
            );
        }
        for (address, is_set) in changes {
            self.judge_write(party, address, is_set);
        }
        self.store.put_network(network);
        Answer::Network(self.store.network(key).cloned().map(Box::new))
    }

    /// Whom a Cleaner hurts by one bit.
    fn judge_write(&mut self, party: Party, address: Address, is_set: bool) {
        let Address { network, family, bit } = address;
        self.note(|_| {
            let what = if is_set { "sets" } else { "clears" };
            format!("{party:?} {what} bit {} of network {}", bit.0, network.0)
        });
        if is_set {
            self.truth.repaired(address, Self::lives(&self.store));
            return;
        }
        let pool = self.store.spec(network).pools[family].as_ref();
        if let Some(reservation) = pool.and_then(|pool| pool.reservation(bit)) {
            self.violate(
                Law::ReservedBitsStay,
                format!("{party:?} clears bit {} of network {}: {reservation:?}", bit.0, network.0),
            );
        }
        self.tally.freed += 1;
        if let Some(robbed) = self.truth.cleaned(address, Self::lives(&self.store)) {
            self.violate(
                Law::NobodyIsRobbed,
                format!(
                    "{party:?} clears bit {} of network {}, which sandbox {} of living Pod {} uses",
                    bit.0,
                    network.0,
                    robbed.0,
                    self.truth.fate(robbed).pod.0
                ),
            );
        }
    }

    fn delete_as_seen(&mut self, party: Party, key: EndpointKey, version: u64) -> Answer {
        let Some(endpoint) = self.store.endpoint(key).cloned() else {
            return Answer::Failed(Failure::NotFound);
        };
        if endpoint.version != version && !self.flaw.writes_are_unconditional {
            return Answer::Failed(Failure::Conflict);
        }
        let fate = self.truth.fate(endpoint.sandbox);
        if Self::lives(&self.store)(fate) {
            let (sandbox, pod) = (endpoint.sandbox.0, fate.pod.0);
            self.violate(
                Law::NoLivingEndpointIsDeleted,
                format!("{party:?} deletes endpoint {} of sandbox {sandbox} of living Pod {pod}", key.0),
            );
        }
        self.note(|_| format!("{party:?} deletes endpoint {}", key.0));
        self.tally.deleted += 1;
        self.judge_farewell(party, &endpoint);
        self.delete_endpoint(key)
    }

    fn update_endpoint(&mut self, endpoint: Endpoint) -> Answer {
        match self.store.endpoint(endpoint.key) {
            None => Answer::Failed(Failure::NotFound),
            Some(stored) if stored.version != endpoint.version => Answer::Failed(Failure::Conflict),
            Some(_) => {
                self.note(|_| format!("endpoint {} has {:?} of Calico", endpoint.key.0, endpoint.calico));
                self.store.put_endpoint(endpoint);
                Answer::Done
            }
        }
    }

    fn delete_endpoint(&mut self, key: EndpointKey) -> Answer {
        let Some(endpoint) = self.store.endpoint(key) else { return Answer::Failed(Failure::NotFound) };
        if endpoint.has_finalizer {
            if !endpoint.is_deleting {
                let mut endpoint = endpoint.clone();
                endpoint.is_deleting = true;
                self.store.put_endpoint(endpoint);
            }
            return Answer::Marked;
        }
        self.note(|_| format!("endpoint {} is gone", key.0));
        self.store.remove_endpoint(key);
        Answer::Done
    }

    fn create_pod(&mut self, pod: Pod) -> Answer {
        let has_name = |one: &&Pod| one.name == pod.name && one.namespace == pod.namespace;
        if self.store.pods().find(has_name).is_some() {
            return Answer::Failed(Failure::Conflict);
        }
        self.note(|_| format!("Pod {} {} on {}", pod.key.0, pod.name, pod.node.name()));
        self.store.put_pod(pod);
        Answer::Done
    }

    /// A Pod is forgotten. A kubelet that is there stops it.
    fn remove_pod(&mut self, key: PodKey) -> Answer {
        let Some(Pod { node, is_mirror, .. }) = self.store.pod(key) else {
            return Answer::Failed(Failure::NotFound);
        };
        let (node, is_mirror) = (*node, *is_mirror);
        self.note(|_| format!("Pod {} is gone", key.0));
        if self.machines[node.0].is_connected && !is_mirror {
            self.truth.begin_stopping(key);
        }
        self.store.remove_pod(key);
        Answer::Done
    }

    fn change_pod(&mut self, key: PodKey, change: impl FnOnce(&mut Pod)) -> Answer {
        let Some(pod) = self.store.pod(key) else { return Answer::Failed(Failure::NotFound) };
        let mut pod = pod.clone();
        change(&mut pod);
        self.note(|_| {
            format!("Pod {} {:?}{}", key.0, pod.phase, if pod.is_deleting { ", deleting" } else { "" })
        });
        self.store.put_pod(pod);
        Answer::Done
    }

    /// A kubelet tells how its machine fares, and that it does.
    pub fn report(&mut self, key: NodeKey, condition: Condition) -> Answer {
        let now = self.now;
        let machine = &mut self.machines[key.0];
        let boot = machine.boot;
        if self.store.node(key).is_none() {
            machine.incarnation += 1;
            let node = machine.new_node();
            self.store.put_node(node);
        }
        self.change_node(key, true, |node| (node.condition, node.boot, node.beat) = (condition, boot, now))
    }

    fn change_node(
        &mut self,
        key: NodeKey,
        is_true: bool,
        change: impl FnOnce(&mut crate::store::Node),
    ) -> Answer {
        let Some(node) = self.store.node(key).filter(|_| is_true) else { return Answer::Done };
        let mut node = node.clone();
        let before = node.condition;
        change(&mut node);
        if node.condition != before {
            node.turned = self.now;
        }
        self.note(|_| {
            format!("Node {} {:?} out of service {}", key.0, node.condition, node.is_out_of_service)
        });
        self.store.put_node(node);
        Answer::Done
    }

    /// What a Cleaner that does not read past its caches would find: what its watches have shown.
    fn stale_answer(&self, replica: usize, request: &Request) -> Option<Answer> {
        let seen = |source: Source| {
            let place = self.store.place_of(source)?;
            Some(self.store.as_of(place, self.replicas[replica].seen_of(place)))
        };
        Some(match request {
            Request::Pods(_) | Request::Pod(..) => {
                let pods = seen(Source::Pods)?.into_iter().filter_map(|object| match object {
                    Object::Pod(pod) => Some(pod.clone()),
                    _ => None,
                });
                Answer::Pods(pods.filter(|pod| request.is_about(pod)).collect())
            }
            Request::Node(_) | Request::Nodes => {
                let nodes = seen(Source::Nodes)?.into_iter().filter_map(|object| match object {
                    Object::Node(node) => Some(node.clone()),
                    _ => None,
                });
                let wanted = |key: NodeKey| match request {
                    Request::Node(one) => *one == Some(key),
                    _ => true,
                };
                Answer::Nodes(nodes.filter(|node| wanted(node.key)).collect())
            }
            Request::Endpoints(group) => {
                let endpoints =
                    seen(Source::endpoints(*group))?.into_iter().filter_map(|object| match object {
                        Object::Endpoint(endpoint) => Some(endpoint.clone()),
                        _ => None,
                    });
                Answer::Endpoints(endpoints.collect())
            }
            _ => return None,
        })
    }
}

impl Request {
    /// Whether a read of Pods concerns this one.
    fn is_about(&self, pod: &Pod) -> bool {
        match self {
            Self::Pods(namespace) => pod.namespace == *namespace,
            Self::Pod(namespace, name) => pod.namespace == *namespace && *pod.name == **name,
            _ => false,
        }
    }
}

/// The bits that differ, and whether they are set now.
fn changes(key: NetworkKey, before: &Network, after: &Network) -> Vec<(Address, bool)> {
    let mut changes = Vec::new();
    for family in 0..2 {
        if let (Some(old), Some(new)) = (&before.bits[family], &after.bits[family]) {
            let changed = old
                .changed(new)
                .map(|bit: BitIndex| (Address { network: key, family, bit }, new.is_set(bit)));
            changes.extend(changed);
        }
    }
    changes
}
