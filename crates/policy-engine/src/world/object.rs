//! Objects on their way into the world, and out of it. An object that cannot be read is an error with its name, and changes
//! nothing for the others.

use std::{fmt, sync::Arc};

use danm_api::{ApiGroup, DanmNetworkPolicy, EndpointView, NetworkKind, NetworkRef, PolicySpec, Unreadable};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Claim, Endpoint, Labels, Pod, Policy, Service, Slice, World};
use crate::{EndpointKey, NamespacedName, PolicyKey};

/// An object that policies are about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Object {
    /// A Namespace, and its labels.
    Namespace(Arc<str>, Labels),
    /// A Pod.
    Pod(NamespacedName, Pod),
    /// An endpoint.
    Endpoint(EndpointKey, Endpoint),
    /// A network. What it is like makes no difference.
    Network(ApiGroup, NetworkRef),
    /// A policy.
    Policy(PolicyKey, Arc<PolicySpec>),
    /// A Service.
    Service(NamespacedName, Service),
    /// Some of those who answer for one.
    Slice(NamespacedName, Slice),
}

/// What identifies such an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A Namespace.
    Namespace(Arc<str>),
    /// A Pod.
    Pod(NamespacedName),
    /// An endpoint.
    Endpoint(EndpointKey),
    /// A network in a group.
    Network(ApiGroup, NetworkRef),
    /// A policy.
    Policy(PolicyKey),
    /// A Service.
    Service(NamespacedName),
    /// A slice.
    Slice(NamespacedName),
}

/// An object that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoObject {
    /// Its kind and name.
    pub object: String,
    /// What is wrong with it.
    pub problem: String,
}

// === impl Object ===

impl Object {
    /// Reads an object of any kind; none if policies are not about such.
    ///
    /// # Errors
    /// If it is of such a kind, and cannot be read.
    pub fn read(object: &Value) -> Result<Option<Self>, NoObject> {
        let version = object["apiVersion"].as_str().unwrap_or_default();
        let kind = object["kind"].as_str().unwrap_or_default();
        let read = match (version, kind) {
            ("v1", "Namespace") => typed::<danm_api::Namespace>(object)?.into(),
            ("v1", "Pod") => typed::<danm_api::Pod>(object)?.into(),
            ("v1", "Service") => typed::<danm_api::Service>(object)?.into(),
            ("discovery.k8s.io/v1", "EndpointSlice") => typed::<danm_api::EndpointSlice>(object)?.into(),
            _ => {
                let groups = ApiGroup::ALL.into_iter();
                let of_ours = |group: &ApiGroup| {
                    version.strip_suffix(danm_api::VERSION).and_then(|it| it.strip_suffix('/'))
                        == Some(group.name())
                };
                let Some(group) = groups.into_iter().find(of_ours) else { return Ok(None) };
                return Self::read_of_danm(group, kind, object);
            }
        };
        Ok(Some(read))
    }

    fn read_of_danm(group: ApiGroup, kind: &str, object: &Value) -> Result<Option<Self>, NoObject> {
        let read = match kind {
            "DanmEp" => Self::endpoint(group, &typed(object)?),
            "DanmNetworkPolicy" => Self::policy(group, typed(object)?),
            name => match NetworkKind::ALL.into_iter().find(|kind| kind.name() == name) {
                Some(kind) => Self::network(group, kind, &typed::<danm_api::Namespace>(object)?.metadata),
                None => return Ok(None),
            },
        };
        Ok(Some(read))
    }

    /// An endpoint of this group.
    pub fn endpoint(group: ApiGroup, endpoint: &EndpointView) -> Self {
        let name = name_of(&endpoint.metadata);
        let read = Endpoint::read(&name.namespace, endpoint);
        Self::Endpoint(EndpointKey { name, group }, read)
    }

    /// An endpoint of this group that cannot be read as one.
    pub fn unreadable_endpoint(group: ApiGroup, endpoint: &Unreadable) -> Self {
        let key = EndpointKey { name: name_of(&endpoint.metadata), group };
        Self::Endpoint(key, Endpoint::of_unreadable(&endpoint.object))
    }

    /// A policy of this group.
    pub fn policy(group: ApiGroup, policy: DanmNetworkPolicy) -> Self {
        Self::Policy(PolicyKey { name: name_of(&policy.metadata), group }, Arc::new(policy.spec))
    }

    /// A network of this group and kind, by its metadata.
    pub fn network(group: ApiGroup, kind: NetworkKind, metadata: &ObjectMeta) -> Self {
        let NamespacedName { namespace, name } = name_of(metadata);
        Self::Network(group, NetworkRef::new(kind, &namespace, &name))
    }

    /// What identifies it.
    pub fn key(&self) -> Key {
        match self {
            Self::Namespace(name, _) => Key::Namespace(Arc::clone(name)),
            Self::Pod(name, _) => Key::Pod(name.clone()),
            Self::Endpoint(key, _) => Key::Endpoint(key.clone()),
            Self::Network(group, network) => Key::Network(*group, network.clone()),
            Self::Policy(key, _) => Key::Policy(key.clone()),
            Self::Service(name, _) => Key::Service(name.clone()),
            Self::Slice(name, _) => Key::Slice(name.clone()),
        }
    }
}

impl From<danm_api::Namespace> for Object {
    fn from(namespace: danm_api::Namespace) -> Self {
        let name = namespace.metadata.name.unwrap_or_default();
        Self::Namespace(name.into(), namespace.metadata.labels.unwrap_or_default().into())
    }
}

impl From<danm_api::Pod> for Object {
    fn from(pod: danm_api::Pod) -> Self {
        Self::Pod(name_of(&pod.metadata), Pod::from(&pod))
    }
}

impl From<danm_api::Service> for Object {
    fn from(service: danm_api::Service) -> Self {
        Self::Service(name_of(&service.metadata), Service::from(&service))
    }
}

impl From<danm_api::EndpointSlice> for Object {
    fn from(slice: danm_api::EndpointSlice) -> Self {
        Self::Slice(name_of(&slice.metadata), Slice::from(&slice))
    }
}

fn typed<T: DeserializeOwned>(object: &Value) -> Result<T, NoObject> {
    T::deserialize(object).map_err(|error| NoObject {
        object: format!(
            "{} {}/{}",
            object["kind"].as_str().unwrap_or("object"),
            object["metadata"]["namespace"].as_str().unwrap_or_default(),
            object["metadata"]["name"].as_str().unwrap_or("without a name"),
        ),
        problem: error.to_string(),
    })
}

fn name_of(metadata: &ObjectMeta) -> NamespacedName {
    NamespacedName::new(
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}

// === impl NoObject ===

impl fmt::Display for NoObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be read: {}", self.object, self.problem)
    }
}

impl std::error::Error for NoObject {}

// === impl World ===

impl World {
    /// Takes an object in, in place of the one that it replaces.
    pub fn apply(&mut self, object: Object) {
        match object {
            Object::Namespace(name, labels) => {
                let labels = self.labels.share(&labels);
                self.namespaces.insert(name, labels);
            }
            Object::Pod(name, mut pod) => {
                pod.labels = self.labels.share(&pod.labels);
                let now = pod.addresses.clone();
                let before = self.pods.insert(name.clone(), pod);
                let before = before.map(|pod| pod.addresses).unwrap_or_default();
                self.claim(&Claim::Pod(name), &before, &now);
            }
            Object::Endpoint(key, endpoint) => self.apply_endpoint(key, endpoint),
            Object::Network(group, network) => drop(self.networks.entry(network).or_default().insert(group)),
            Object::Policy(key, spec) => {
                let policy = Policy::read(spec, self.policies.get(&key));
                self.policies.insert(key, policy);
            }
            Object::Service(name, service) => drop(self.services.insert(name, service)),
            Object::Slice(name, slice) => self.apply_slice(name, slice),
        }
    }

    /// Takes an object out.
    pub fn delete(&mut self, key: &Key) {
        match key {
            Key::Namespace(name) => drop(self.namespaces.remove(name)),
            Key::Pod(name) => {
                let before = self.pods.remove(name).map(|pod| pod.addresses).unwrap_or_default();
                self.claim(&Claim::Pod(name.clone()), &before, &[]);
            }
            Key::Endpoint(key) => self.delete_endpoint(key),
            Key::Network(group, network) => self.delete_network(*group, network),
            Key::Policy(key) => drop(self.policies.remove(key)),
            Key::Service(name) => drop(self.services.remove(name)),
            Key::Slice(name) => self.delete_slice(name),
        }
    }

    fn apply_endpoint(&mut self, key: EndpointKey, mut endpoint: Endpoint) {
        self.delete_endpoint(&key);
        self.share_names(&key, &mut endpoint);
        let of_pod =
            self.endpoints_of.entry(pod_of(&key, &endpoint)).or_insert_with(|| Vec::with_capacity(1));
        of_pod.push(key.clone());
        of_pod.sort_unstable();
        self.claim(&Claim::Endpoint(key.clone()), &[], &endpoint.addresses);
        self.endpoints.insert(key, endpoint);
    }

    /// Keeps names once that many have in common.
    fn share_names(&mut self, key: &EndpointKey, endpoint: &mut Endpoint) {
        if let Some((name, pod)) = self.pods.get_key_value(&pod_of(key, endpoint)) {
            endpoint.pod = Arc::clone(&name.name);
            let is_its = endpoint.pod_uid.as_ref() == Some(&pod.uid);
            endpoint.pod_uid =
                endpoint.pod_uid.take().map(|uid| if is_its { Arc::clone(&pod.uid) } else { uid });
        }
        if let Some(interface) = &mut endpoint.interface {
            interface.share(&mut self.names);
        }
        if let Some(network) = &mut endpoint.network {
            network.name = self.names.share(&network.name);
            network.namespace = self.names.share(&network.namespace);
        }
    }

    fn delete_endpoint(&mut self, key: &EndpointKey) {
        let Some(endpoint) = self.endpoints.remove(key) else { return };
        self.claim(&Claim::Endpoint(key.clone()), &endpoint.addresses, &[]);
        let pod = pod_of(key, &endpoint);
        let Some(of_pod) = self.endpoints_of.get_mut(&pod) else { return };
        of_pod.retain(|one| one != key);
        if of_pod.is_empty() {
            self.endpoints_of.remove(&pod);
        }
    }

    fn apply_slice(&mut self, name: NamespacedName, slice: Slice) {
        self.delete_slice(&name);
        let of_service = self.slices_of.entry(slice.service_in(&name.namespace)).or_default();
        of_service.push(name.clone());
        of_service.sort_unstable();
        self.slices.insert(name, slice);
    }

    fn delete_slice(&mut self, name: &NamespacedName) {
        let Some(slice) = self.slices.remove(name) else { return };
        let service = slice.service_in(&name.namespace);
        let Some(of_service) = self.slices_of.get_mut(&service) else { return };
        of_service.retain(|one| one != name);
        if of_service.is_empty() {
            self.slices_of.remove(&service);
        }
    }

    fn delete_network(&mut self, group: ApiGroup, network: &NetworkRef) {
        let Some(groups) = self.networks.get_mut(network) else { return };
        groups.remove(&group);
        if groups.is_empty() {
            self.networks.remove(network);
        }
    }
}

/// The name of the Pod that an endpoint says is its own.
pub fn pod_of(key: &EndpointKey, endpoint: &Endpoint) -> NamespacedName {
    NamespacedName { namespace: Arc::clone(&key.name.namespace), name: Arc::clone(&endpoint.pod) }
}
