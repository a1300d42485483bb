//! Everything that policies are about, as plain values: Namespaces, Pods, endpoints, networks, policies, Services. Knows who
//! belongs to whom; not what a policy makes of it.

mod endpoint;
mod listing;
mod object;
mod pod;
mod policy;
mod service;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use danm_api::{ApiGroup, NetworkRef};

use crate::{EndpointKey, InterfaceName, NamespacedName, PolicyKey, shared::Shared};

pub use endpoint::Endpoint;
pub(crate) use object::pod_of;
pub use object::{Key, NoObject, Object};
pub(crate) use pod::named;
pub use pod::{NamedPort, Pod};
pub use policy::Policy;
pub use service::{Service, ServicePort, Slice};

/// Labels; shared by those who have the same.
pub type Labels = Arc<BTreeMap<String, String>>;

/// The objects. Equal worlds mean the same to every policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    /// Namespaces and their labels. A Namespace that is not here is selected by no selector.
    pub(crate) namespaces: BTreeMap<Arc<str>, Labels>,
    pub(crate) pods: BTreeMap<NamespacedName, Pod>,
    pub(crate) endpoints: BTreeMap<EndpointKey, Endpoint>,
    /// Endpoints by the Pod that they name.
    pub(crate) endpoints_of: BTreeMap<NamespacedName, Vec<EndpointKey>>,
    /// Who tells of an address.
    claims: BTreeMap<IpAddr, Vec<Claim>>,
    labels: Shared<BTreeMap<String, String>>,
    /// Names of interfaces and networks.
    names: Shared<str>,
    /// Networks, and the groups that have them.
    pub(crate) networks: BTreeMap<NetworkRef, BTreeSet<ApiGroup>>,
    pub(crate) policies: BTreeMap<PolicyKey, Policy>,
    pub(crate) services: BTreeMap<NamespacedName, Service>,
    pub(crate) slices: BTreeMap<NamespacedName, Slice>,
    /// Slices by the Service that they name.
    slices_of: BTreeMap<NamespacedName, Vec<NamespacedName>>,
}

/// An object that tells of an address. Whether its Pod holds it is another question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    Pod(NamespacedName),
    Endpoint(EndpointKey),
}

/// An address that a living Pod holds.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    /// The Pod's name.
    pub name: &'a NamespacedName,
    /// The Pod.
    pub pod: &'a Pod,
    /// Its endpoint, or none where its own status tells the address.
    pub endpoint: Option<&'a Endpoint>,
    /// The address.
    pub address: IpAddr,
}

/// Which network an interface is on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attachment {
    /// On this.
    On(NetworkRef),
    /// On none that is known.
    Nowhere,
    /// Endpoints do not agree on it, or do not say which interface they are.
    Unclear,
}

/// An interface of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct InterfaceView {
    /// The networks on which endpoints say it is.
    pub networks: BTreeSet<NetworkRef>,
    /// Whether an endpoint says that it is on a network of a kind that nobody knows.
    pub is_on_unknown: bool,
}

// === impl World ===

impl World {
    /// The labels of a Namespace, if it is there.
    pub fn namespace(&self, name: &str) -> Option<&Labels> {
        self.namespaces.get(name)
    }

    /// Names of all Namespaces that are there.
    pub fn namespaces(&self) -> impl Iterator<Item = &Arc<str>> {
        self.namespaces.keys()
    }

    /// A Pod.
    pub fn pod(&self, name: &NamespacedName) -> Option<&Pod> {
        self.pods.get(name)
    }

    /// All Pods.
    pub fn pods(&self) -> impl Iterator<Item = (&NamespacedName, &Pod)> {
        self.pods.iter()
    }

    /// The name of the Pod that an endpoint says is its own, be it there or not.
    pub fn named_by(&self, endpoint: &EndpointKey) -> Option<NamespacedName> {
        Some(pod_of(endpoint, self.endpoints.get(endpoint)?))
    }

    /// All policies, in the order of their namespaces.
    pub fn policies(&self) -> impl Iterator<Item = (&PolicyKey, &Policy)> {
        self.policies.iter()
    }

    /// The policies of a namespace.
    pub fn policies_of<'a>(
        &'a self,
        namespace: &'a Arc<str>,
    ) -> impl Iterator<Item = (&'a PolicyKey, &'a Policy)> {
        let name = NamespacedName { namespace: Arc::clone(namespace), name: Arc::from("") };
        let first = PolicyKey { name, group: ApiGroup::DanmK8sIo };
        self.policies.range(first..).take_while(|(key, _)| key.name.namespace == *namespace)
    }

    /// A policy.
    pub fn policy(&self, key: &PolicyKey) -> Option<&Policy> {
        self.policies.get(key)
    }

    /// Whether there is such a network, in either group.
    pub fn has_network(&self, network: &NetworkRef) -> bool {
        self.networks.contains_key(network)
    }

    /// All Services.
    pub fn services(&self) -> impl Iterator<Item = (&NamespacedName, &Service)> {
        self.services.iter()
    }

    /// A Service.
    pub fn service(&self, name: &NamespacedName) -> Option<&Service> {
        self.services.get(name)
    }

    /// The slices of a Service.
    pub fn slices<'a>(&'a self, service: &NamespacedName) -> impl Iterator<Item = &'a Slice> {
        let names = self.slices_of.get(service).into_iter().flatten();
        names.filter_map(|name| self.slices.get(name))
    }

    /// The endpoints of a Pod: those that name it, by its uid where they know one.
    pub fn endpoints_of<'a>(
        &'a self,
        name: &NamespacedName,
    ) -> impl Iterator<Item = (&'a EndpointKey, &'a Endpoint)> {
        let uid = self.pods.get(name).map(|pod| &pod.uid);
        let keys = self.endpoints_of.get(name).into_iter().flatten();
        let endpoints = keys.filter_map(|key| Some((key, self.endpoints.get(key)?)));
        endpoints.filter(move |(_, endpoint)| match &endpoint.pod_uid {
            Some(named) => uid == Some(named),
            None => uid.is_some(),
        })
    }

    /// The addresses of a Pod that others may speak to: those of its endpoints, or else those of its status. A Pod that
    /// shares its node's network, or has ended, has none.
    pub fn addresses_of<'a>(&'a self, name: &'a NamespacedName) -> Vec<Holder<'a>> {
        let Some(pod) = self.pods.get(name).filter(|pod| pod.is_peer()) else { return Vec::new() };
        let mut has_endpoints = false;
        let mut holders = Vec::new();
        for (_, endpoint) in self.endpoints_of(name) {
            has_endpoints = true;
            let addresses = endpoint.addresses.iter();
            holders.extend(addresses.map(|&address| Holder { name, pod, endpoint: Some(endpoint), address }));
        }
        if !has_endpoints {
            let addresses = pod.addresses.iter();
            holders.extend(addresses.map(|&address| Holder { name, pod, endpoint: None, address }));
        }
        holders
    }

    /// The living Pods that hold an address, and on which of their endpoints.
    pub fn holders(&self, address: IpAddr) -> Vec<Holder<'_>> {
        let claims = self.claims.get(&address).into_iter().flatten();
        let names: BTreeSet<&NamespacedName> = claims.filter_map(|claim| self.claimant(claim)).collect();
        let held = names.into_iter().flat_map(|name| self.addresses_of(name));
        held.filter(|holder| holder.address == address).collect()
    }

    /// The Pod for which an object claims an address, if there is one of that name.
    fn claimant<'a>(&'a self, claim: &'a Claim) -> Option<&'a NamespacedName> {
        match claim {
            Claim::Pod(name) => Some(name),
            Claim::Endpoint(key) => {
                let pod = self.named_by(key)?;
                Some(self.pods.get_key_value(&pod)?.0)
            }
        }
    }

    /// Takes note of an object that tells of addresses, or tells of them no longer.
    fn claim(&mut self, claim: &Claim, before: &[IpAddr], now: &[IpAddr]) {
        for address in before {
            let Some(claims) = self.claims.get_mut(address) else { continue };
            claims.retain(|one| one != claim);
            if claims.is_empty() {
                self.claims.remove(address);
            }
        }
        for address in now {
            // Hardly any is told of by two.
            let claims = self.claims.entry(*address).or_insert_with(|| Vec::with_capacity(1));
            claims.push(claim.clone());
            claims.sort_unstable();
        }
    }

    /// The interfaces that a Pod's endpoints name; under no name, what is known of those whose name is of no use.
    pub fn interfaces_of(&self, name: &NamespacedName) -> BTreeMap<Option<InterfaceName>, InterfaceView> {
        let mut interfaces = BTreeMap::<_, InterfaceView>::new();
        for (_, endpoint) in self.endpoints_of(name) {
            let interface = interfaces.entry(endpoint.interface.clone()).or_default();
            interface.networks.extend(endpoint.network.clone());
            interface.is_on_unknown |= endpoint.network.is_none();
        }
        interfaces
    }

    /// The networks on which a Pod has an interface.
    pub fn networks_of(&self, name: &NamespacedName) -> BTreeSet<NetworkRef> {
        self.endpoints_of(name).filter_map(|(_, endpoint)| endpoint.network.clone()).collect()
    }
}

// === impl Holder ===

impl<'a> Holder<'a> {
    /// The network on which the address is held.
    pub fn network(&self) -> Option<&'a NetworkRef> {
        self.endpoint?.network.as_ref()
    }
}

// === impl InterfaceView ===

impl InterfaceView {
    /// Which network that is, if there is one answer.
    pub fn attachment(&self) -> Attachment {
        match self.networks.first() {
            None if !self.is_on_unknown => Attachment::Nowhere,
            Some(only) if self.networks.len() == 1 && !self.is_on_unknown => Attachment::On(only.clone()),
            _ => Attachment::Unclear,
        }
    }
}

/// An address that a Pod may have for its own. Some mean no Pod whoever says so, and whoever may write endpoints must not
/// make a peer of them.
fn own_address(text: &str) -> Option<IpAddr> {
    let address = text.trim().parse::<IpAddr>().ok()?.to_canonical();
    let is_own = match address {
        IpAddr::V4(v4) => !v4.is_broadcast(),
        IpAddr::V6(_) => true,
    };
    (is_own && !address.is_unspecified() && !address.is_loopback() && !address.is_multicast())
        .then_some(address)
}
