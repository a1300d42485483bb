//! One endpoint, reduced to what a verdict needs: about 300 bytes.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    net::IpAddr,
    sync::Arc,
};

use danm_api::{ApiGroup, CALICO_TYPE, DanmKind, EndpointView, NetworkKind, NetworkRef};
use danm_ipam::parse_interface_address;

use super::{ObjectRef, Parked, Version, networks::NetworkId};
use crate::{
    Moment, Uid,
    interner::Interner,
    mutant::{Mutant, lacks},
};

/// What names an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId {
    /// Its group.
    pub group: ApiGroup,
    /// Its namespace, which is its Pod's.
    pub namespace: Arc<str>,
    /// Its name, a UUID if DANM made it.
    pub name: Uid,
}

/// A sandbox of a Pod, as the hash of its container id: 64 characters each would be a tenth of the index. It is for
/// comparing the sandboxes of one Pod, of which there are two at most for any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sandbox(Option<u64>);

/// An endpoint: who says to hold which addresses of which network.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its name.
    pub id: EndpointId,
    /// Its uid.
    pub uid: Uid,
    /// Its version when it was seen last.
    pub version: Version,
    /// Its version when it was seen first.
    pub first_version: Version,
    /// When it was seen first.
    pub first_seen: Moment,
    /// Whether it was there when first listed: what happened since its creation is then unknown.
    pub was_listed: bool,
    /// When it was created, in seconds since 1970 by the clock of an API server.
    pub created: i64,
    /// Whether its deletion was asked for: it is only there because of somebody's finalizer.
    pub is_deleting: bool,
    /// The name of its Pod.
    pub pod: Arc<str>,
    /// The uid of its Pod; empty in old objects.
    pub pod_uid: Uid,
    /// The host name of the machine it was made on.
    pub host: Arc<str>,
    /// The sandbox of the Pod it was made for.
    pub sandbox: Sandbox,
    /// The id of that sandbox's container, in full where Calico gave the addresses: there it proves whose they are.
    pub container: Option<Box<str>>,
    /// The name of its interface in the Pod.
    pub interface: Arc<str>,
    /// The network it is on.
    pub network: NetworkRef,
    /// The network's type when the endpoint was made.
    pub network_type: Arc<str>,
    /// Its addresses: IPv4, IPv6. Texts that mean no address are `None`.
    pub addresses: [Option<IpAddr>; 2],
    /// What is wrong with the address fields, if anything.
    pub problem: Option<Box<str>>,
}

impl Endpoint {
    /// Reads an endpoint. One whose network cannot be told is useless; one with an unreadable address still
    /// claims its other address.
    pub(super) fn read(id: EndpointId, object: &EndpointView, names: &mut Interner) -> Result<Self, Parked> {
        let metadata = &object.metadata;
        let uid = metadata.uid.as_deref().unwrap_or_default();
        let parked = |problem: String| Parked { uid: uid.to_owned(), problem };
        let spec = &object.spec;
        let kind: NetworkKind =
            text(spec.api_type.as_ref()).parse().map_err(|error| parked(format!("spec.apiType {error}")))?;
        let version = Version::read(metadata.resource_version.as_deref()).map_err(parked)?;
        let network = NetworkRef::new(kind, &id.namespace, &names.get(&spec.network_name));
        let (addresses, problem) = addresses(object);
        let network_type = text(spec.network_type.as_ref());
        Ok(Self {
            id,
            uid: uid.into(),
            version,
            first_version: version,
            first_seen: Moment::START,
            was_listed: false,
            created: metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second()),
            is_deleting: metadata.deletion_timestamp.is_some(),
            pod: text(spec.pod.as_ref()).into(),
            pod_uid: pod_uid(object),
            host: names.get(text(spec.host.as_ref())),
            sandbox: Sandbox::of(text(spec.cid.as_ref())),
            container: (network_type == CALICO_TYPE).then(|| text(spec.cid.as_ref()).into()),
            interface: names
                .get(spec.interface.as_ref().and_then(|it| it.name.as_deref()).unwrap_or_default()),
            network,
            network_type: names.get(network_type),
            addresses,
            problem,
        })
    }

    /// Its network in its own group.
    pub fn network_id(&self) -> NetworkId {
        NetworkId { group: self.id.group, network: self.network.clone() }
    }

    /// Whether another endpoint is of the same interface of the same Pod, in a sandbox that was made later. What a
    /// tenant writes into another namespace says nothing about the Pods of this one.
    pub fn is_followed_by(&self, other: &Self) -> bool {
        let is_same_pod =
            self.pod_uid == other.pod_uid && self.id.namespace == other.id.namespace && self.pod == other.pod;
        let is_same_place = self.host == other.host && self.interface == other.interface;
        is_same_pod
            && is_same_place
            && self.sandbox.differs(other.sandbox)
            && self.first_version < other.first_version
            && self.created <= other.created
    }

    /// Whether its network is Calico's. The reference's rule: the type is spelt exactly so.
    pub fn is_of_calico(&self) -> bool {
        &*self.network_type == CALICO_TYPE
    }

    /// The addresses it names.
    pub fn held(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.addresses.iter().flatten().copied()
    }
}

impl Sandbox {
    fn of(container: &str) -> Self {
        // The same for every run of the program, and nobody gains by two that are taken for one.
        let hash = |text: &str| {
            let mut hasher = DefaultHasher::new();
            text.hash(&mut hasher);
            hasher.finish()
        };
        Self((!container.is_empty()).then(|| hash(container)))
    }

    /// Whether both are known, and are two.
    fn differs(self, other: Self) -> bool {
        self.0.is_some() && other.0.is_some() && self != other
    }
}

impl From<&EndpointId> for ObjectRef {
    fn from(endpoint: &EndpointId) -> Self {
        Self {
            group: endpoint.group,
            kind: DanmKind::DanmEp,
            namespace: Arc::clone(&endpoint.namespace),
            name: endpoint.name.to_string().into(),
        }
    }
}

impl From<&ObjectRef> for EndpointId {
    fn from(object: &ObjectRef) -> Self {
        Self { group: object.group, namespace: Arc::clone(&object.namespace), name: (&*object.name).into() }
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DanmEp.{} {}/{}", self.group, self.namespace, self.name)
    }
}

fn pod_uid(object: &EndpointView) -> Uid {
    if lacks(Mutant::NameForUid) {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        return format!("{namespace}/{}", text(object.spec.pod.as_ref())).as_str().into();
    }
    text(object.spec.pod_uid.as_ref()).into()
}

fn text(field: Option<&String>) -> &str {
    field.map_or("", String::as_str)
}

fn addresses(object: &EndpointView) -> ([Option<IpAddr>; 2], Option<Box<str>>) {
    let Some(interface) = &object.spec.interface else { return ([None, None], None) };
    let fields = [("Address", &interface.address), ("AddressIPv6", &interface.address_ipv6)];
    let mut problem = None;
    let addresses = fields.map(|(field, value)| match parse_interface_address(text(value.as_ref())) {
        Ok(address) => address,
        Err(error) => {
            problem.get_or_insert_with(|| format!("spec.Interface.{field} {error}").into());
            None
        }
    });
    (addresses, problem)
}
