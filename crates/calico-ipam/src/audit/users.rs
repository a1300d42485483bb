//! Who uses addresses, as Pods and endpoints say it. Whoever calls has read them.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
    net::IpAddr,
};

use crate::{Attribute, HandleId};

/// A Pod by its namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What is known of a Pod that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodState {
    /// Its uid; empty where it tells nothing, as with the mirrors of static Pods.
    pub uid: String,
    /// Its node, once it has one.
    pub node: Option<String>,
    /// Whether it has ended for good: what it says to have is its no more.
    pub is_finished: bool,
}

/// That somebody says a Pod has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The address.
    pub address: IpAddr,
    /// The Pod.
    pub pod: PodName,
    /// The uid of the Pod; empty if it is not said.
    pub pod_uid: String,
    /// Who says it.
    pub witness: Witness,
    /// Whether it is said to come from Calico. Others may give addresses, too.
    pub is_calicos: bool,
}

/// Who says that a Pod has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Witness {
    /// The Pod itself.
    Pod,
    /// An endpoint.
    Endpoint {
        /// Its name, in the namespace of the Pod.
        name: String,
        /// The id of the sandbox container that it was made for; empty if it does not say it.
        container: String,
    },
}

/// Who uses addresses.
#[derive(Clone, Debug, Default)]
pub struct Users {
    pods: HashMap<PodName, PodState>,
    holdings: HashMap<IpAddr, Vec<Holding>>,
    /// The containers of which endpoints of each Pod tell.
    containers: HashMap<PodName, BTreeSet<String>>,
    /// Pods that are known to have some address.
    with_addresses: HashSet<PodName>,
}

// === impl PodName ===

impl PodName {
    /// The Pod of this namespace and name.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// Whom a block names.
    pub(super) fn of(holder: &Attribute) -> Option<Self> {
        holder.pod().map(|(namespace, name)| Self::new(namespace, name))
    }
}

impl fmt::Display for PodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

// === impl Users ===

impl Users {
    /// All Pods that are there, and who says to have which address.
    pub fn new(pods: HashMap<PodName, PodState>, all: impl IntoIterator<Item = Holding>) -> Self {
        let mut users = Self { pods, ..Self::default() };
        for holding in all {
            if users.is_living(&holding) {
                users.note(&holding);
            }
            users.holdings.entry(holding.address).or_default().push(holding);
        }
        users
    }

    fn note(&mut self, holding: &Holding) {
        if let Witness::Endpoint { container, .. } = &holding.witness
            && !container.is_empty()
        {
            self.containers.entry(holding.pod.clone()).or_default().insert(container.clone());
        }
        self.with_addresses.insert(holding.pod.clone());
    }

    /// A Pod that is there.
    pub fn pod(&self, name: &PodName) -> Option<&PodState> {
        self.pods.get(name)
    }

    /// All who are said to have an address, living or not.
    pub fn holdings_of(&self, address: IpAddr) -> &[Holding] {
        self.holdings.get(&address).map_or(&[], Vec::as_slice)
    }

    /// The living Pods that have an address.
    pub fn of(&self, address: IpAddr) -> BTreeSet<&PodName> {
        self.holdings_of(address).iter().filter(|one| self.is_living(one)).map(|one| &one.pod).collect()
    }

    /// Whether a Pod of this name is there and has not ended.
    pub fn is_alive(&self, name: &PodName) -> bool {
        self.pods.get(name).is_some_and(|pod| !pod.is_finished)
    }

    /// The living Pod that has a container, as one of its endpoints says.
    pub fn pod_of(&self, container: &str) -> Option<PodName> {
        let mut all = self.containers.iter().filter(|(_, containers)| containers.contains(container));
        all.next().map(|(pod, _)| pod.clone())
    }

    /// The addresses that living Pods have.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.holdings.keys().copied().filter(|address| !self.of(*address).is_empty())
    }

    /// Whether it is known what addresses a Pod has: before that it may be on its way to get some.
    pub(super) fn has_addresses(&self, pod: &PodName) -> bool {
        self.with_addresses.contains(pod)
    }

    /// Whether a Pod has another container than that of a handle, by its endpoints. False where that cannot be told.
    pub(super) fn has_other_container(&self, pod: &PodName, handle: &HandleId) -> bool {
        let told = self.containers.get(pod);
        handle.container().zip(told).is_some_and(|(container, told)| !told.contains(container))
    }

    /// A Pod may have had a predecessor of its name, of which an endpoint is left.
    fn is_living(&self, holding: &Holding) -> bool {
        let is_same = |uid: &str| uid.is_empty() || holding.pod_uid.is_empty() || uid == holding.pod_uid;
        self.pods.get(&holding.pod).is_some_and(|pod| !pod.is_finished && is_same(&pod.uid))
    }
}
