//! Reads who uses addresses: Pods, and endpoints of whichever of DANM's groups are served. Nothing is written, and nothing is
//! judged.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use anyhow::Context;
use calico_ipam::{Holding, PodName, PodState, Users, Witness};
use danm_api::{ApiGroup, ApiType, CALICO_TYPE, DanmKind, Decoded, EndpointView, Network, NetworkKind, Pod};
use futures::TryStreamExt;
use ipnet::IpNet;
use kube::Client;
use operator_runtime::{describe, served_kinds};
use serde_json::Value;

use crate::{ApiServer, kube_api_server::KubeApiServer};

/// Who uses addresses, as far as it was read.
pub(super) struct Census {
    /// Who uses which.
    pub users: Users,
    /// Addresses that are somewhere in an endpoint that cannot be understood, and its name.
    pub unread: HashMap<IpAddr, String>,
    /// How many Pods there are.
    pub pods: usize,
    /// How many endpoints there are.
    pub endpoints: usize,
}

/// Subnets in which DANM itself gives addresses, by networks.
type DanmSubnets = HashMap<NetworkKey, Vec<IpNet>>;

/// A network by its group, kind, namespace and name.
type NetworkKey = (ApiGroup, NetworkKind, String, String);

/// Everybody.
#[derive(Default)]
struct Takers {
    pods: HashMap<PodName, PodState>,
    holdings: Vec<Holding>,
    unread: HashMap<IpAddr, String>,
    endpoints: usize,
}

/// Reads everybody who may use addresses. Endpoints come first: the Pod of one that is seen is seen then, unless it is gone.
pub(super) async fn census(client: Client) -> anyhow::Result<Census> {
    let served = served_kinds(&client)
        .await
        .map_err(|error| anyhow::anyhow!("cannot ask the API server what it serves: {}", describe(&error)))?;
    let api = KubeApiServer::new(client, "");
    let subnets = subnets(&api, &served).await?;
    let mut takers = Takers::default();
    let groups = served.iter().filter(|kind| kind.kind == DanmKind::DanmEp).map(|kind| kind.group);
    for group in groups {
        let mut pages = api.endpoints(group);
        while let Some(page) = pages.try_next().await? {
            page.endpoints.into_iter().for_each(|endpoint| takers.add_endpoint(group, endpoint, &subnets));
        }
    }
    let pods = api.all_pods().await.context("cannot tell who uses addresses")?;
    pods.iter().for_each(|pod| takers.add_pod(pod));
    let Takers { pods, holdings, unread, endpoints } = takers;
    Ok(Census { pods: pods.len(), endpoints, unread, users: Users::new(pods, holdings) })
}

async fn subnets(api: &KubeApiServer, served: &[ApiType]) -> anyhow::Result<DanmSubnets> {
    let mut subnets = DanmSubnets::new();
    for ApiType { group, kind } in served {
        let DanmKind::Network(kind) = *kind else { continue };
        for network in api.networks(*group, kind).await? {
            if let Decoded::Readable(network) = network {
                let namespace = network.metadata.namespace.clone().unwrap_or_default();
                let name = network.metadata.name.clone().unwrap_or_default();
                subnets.insert((*group, kind, namespace, name), subnets_of(&network));
            }
        }
    }
    Ok(subnets)
}

/// By the reference's rule these are DANM's, whatever the type of the network.
fn subnets_of(network: &Network) -> Vec<IpNet> {
    let options = network.spec.options.as_ref();
    let cidr = options.and_then(|options| options.cidr.as_deref());
    let pool6 = options.and_then(|options| options.allocation_pool_v6.as_ref());
    let cidrs = cidr.into_iter().chain(pool6.and_then(|pool| pool.cidr.as_deref()));
    cidrs.filter_map(|cidr| cidr.parse().ok()).collect()
}

// === impl Takers ===

impl Takers {
    fn add_endpoint(&mut self, group: ApiGroup, endpoint: Decoded<EndpointView>, subnets: &DanmSubnets) {
        self.endpoints += 1;
        match endpoint {
            Decoded::Readable(endpoint) => self.holdings.extend(holdings(group, &endpoint, subnets)),
            Decoded::Unreadable(endpoint) => {
                let metadata = &endpoint.metadata;
                let part = |part: &Option<String>| part.clone().unwrap_or_default();
                let name = format!("{}/{}", part(&metadata.namespace), part(&metadata.name));
                let mut addresses = HashSet::new();
                collect_addresses(&endpoint.object, &mut addresses);
                self.unread.extend(addresses.into_iter().map(|address| (address, name.clone())));
            }
        }
    }

    /// The addresses of the Node are not the Pod's to have.
    fn add_pod(&mut self, pod: &Pod) {
        let metadata = &pod.metadata;
        let (Some(namespace), Some(name)) = (&metadata.namespace, &metadata.name) else { return };
        let name = PodName::new(namespace, name);
        let uid = metadata.uid.clone().filter(|_| !pod.is_mirror()).unwrap_or_default();
        let is_calicos = pod.is_noted_by_calico();
        let addresses = pod.addresses().into_iter().filter(|_| !pod.spec.host_network);
        self.holdings.extend(addresses.map(|address| Holding {
            address: address.to_canonical(),
            pod: name.clone(),
            pod_uid: uid.clone(),
            witness: Witness::Pod,
            is_calicos,
        }));
        let state = PodState { uid, node: pod.spec.node_name.clone(), is_finished: pod.is_finished() };
        self.pods.insert(name, state);
    }
}

fn holdings(
    group: ApiGroup,
    endpoint: &EndpointView,
    subnets: &DanmSubnets,
) -> impl Iterator<Item = Holding> {
    let spec = &endpoint.spec;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let namespace = text(&endpoint.metadata.namespace);
    let witness = Witness::Endpoint { name: text(&endpoint.metadata.name), container: text(&spec.cid) };
    let pod = PodName::new(&namespace, &text(&spec.pod));
    let pod_uid = text(&spec.pod_uid);
    let is_of_calico = spec.network_type.as_deref() == Some(CALICO_TYPE);
    let danms = network_of(group, &namespace, endpoint).and_then(|key| subnets.get(&key));
    let interface = spec.interface.as_ref();
    let texts = interface.into_iter().flat_map(|interface| [&interface.address, &interface.address_ipv6]);
    let addresses: Vec<IpAddr> = texts.flatten().filter_map(|text| address(text)).collect();
    addresses.into_iter().map(move |address| Holding {
        address,
        pod: pod.clone(),
        pod_uid: pod_uid.clone(),
        witness: witness.clone(),
        is_calicos: is_of_calico && !danms.is_some_and(|all| all.iter().any(|net| net.contains(&address))),
    })
}

fn network_of(group: ApiGroup, namespace: &str, endpoint: &EndpointView) -> Option<NetworkKey> {
    let kind: NetworkKind = endpoint.spec.api_type.as_deref().unwrap_or_default().parse().ok()?;
    let namespace = if kind.is_namespaced() { namespace } else { "" };
    Some((group, kind, namespace.to_owned(), endpoint.spec.network_name.clone()))
}

/// With or without a prefix length. Words for no address are none.
fn address(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.split('/').next()?.trim().parse().ok()?;
    Some(address.to_canonical())
}

fn collect_addresses(value: &Value, addresses: &mut HashSet<IpAddr>) {
    match value {
        Value::String(text) => addresses.extend(address(text)),
        Value::Array(items) => items.iter().for_each(|item| collect_addresses(item, addresses)),
        Value::Object(members) => members.values().for_each(|member| collect_addresses(member, addresses)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
