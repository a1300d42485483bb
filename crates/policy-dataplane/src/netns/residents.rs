//! Who lives where: of each Pod, the network namespaces that are its own, and what its endpoints claim to be and is not. Plain
//! values, decided without a look at anything.
//!
//! A process proves it, in whichever container of the Pod it is: the container that an endpoint names is the sandbox, which
//! may have ended, or may never have had a process, while others live. A Pod whose processes are in several namespaces, be it
//! to hide in one of them, has them all.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

use super::{Claim, NamespaceId, PodUid, Process, Refusal};

/// In so many namespaces of one Pod rules are put. Each costs an open file, and a tenant can make as many as it likes.
pub const MOST_HOMES: usize = 8;

/// The processes of all Pods of a node, by where they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Residents {
    host: BTreeSet<NamespaceId>,
    /// Namespaces that somebody on the node gave a name to. No tenant can.
    named: BTreeSet<NamespaceId>,
    /// Of each Pod the process that came first, by its number.
    within: BTreeMap<NamespaceId, BTreeMap<PodUid, Process>>,
    of: BTreeMap<PodUid, BTreeSet<NamespaceId>>,
    unreadable: usize,
}

/// What is known of a Pod's namespaces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// Its namespaces; first those with a name, then by the numbers of processes.
    pub homes: Vec<Home>,
    /// So many it has beyond those.
    pub more: usize,
    /// Paths of endpoints that are not believed, and why.
    pub refused: Vec<(String, Refusal)>,
}

/// A namespace of a Pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Home {
    /// A process of the Pod in it.
    pub process: Process,
    /// Other Pods that live in it: whatever is put there is put there for them, too. Only what is privileged can get there.
    pub shared_with: Vec<PodUid>,
}

// === impl Residents ===

impl Residents {
    /// Of these processes, where the host's namespaces and those with a name are known.
    pub fn new(
        host: BTreeSet<NamespaceId>,
        named: BTreeSet<NamespaceId>,
        processes: impl IntoIterator<Item = Process>,
    ) -> Self {
        let mut residents = Self { host, named, ..Self::default() };
        for process in processes {
            if residents.host.contains(&process.namespace) {
                continue;
            }
            residents.of.entry(process.pod.clone()).or_default().insert(process.namespace);
            let within = residents.within.entry(process.namespace).or_default();
            let first = within.entry(process.pod.clone()).or_insert_with(|| process.clone());
            if process.pid < first.pid {
                *first = process;
            }
        }
        residents
    }

    /// With this number of processes that could not be read, and had not ended.
    pub(super) const fn with_unreadable(mut self, unreadable: usize) -> Self {
        self.unreadable = unreadable;
        self
    }

    /// How many processes could not be read. If there are any, a Pod may have a namespace that nobody knows.
    pub const fn unreadable(&self) -> usize {
        self.unreadable
    }

    /// A process of a Pod in each network namespace that any Pod is in.
    pub fn everywhere(&self) -> impl Iterator<Item = &Process> {
        self.within.values().filter_map(|within| within.values().next())
    }

    /// Whether this namespace is this Pod's. If it is not, whoever holds it has to let go: it keeps devices from going home.
    pub fn is_home(&self, pod: &PodUid, namespace: NamespaceId) -> bool {
        let within = self.within.get(&namespace);
        within.is_some_and(|within| within.contains_key(pod) && !self.is_guest(pod, within))
    }

    /// Which namespaces are this Pod's, and which its endpoints are wrong about.
    pub fn decide(&self, pod: &PodUid, claims: &[Claim]) -> Decision {
        let mut homes: Vec<Home> = self.homes(pod).collect();
        homes.sort_by_key(|home| (!self.named.contains(&home.process.namespace), home.process.pid));
        let more = homes.len().saturating_sub(MOST_HOMES);
        homes.truncate(MOST_HOMES);
        let refused = claims.iter().filter_map(|claim| Some((claim.path.clone(), self.refuse(pod, claim)?)));
        Decision { homes, more, refused: refused.collect() }
    }

    fn homes<'a>(&'a self, pod: &'a PodUid) -> impl Iterator<Item = Home> + 'a {
        let namespaces = self.of.get(pod).into_iter().flatten();
        namespaces.filter(|namespace| self.is_home(pod, **namespace)).filter_map(move |namespace| {
            let within = self.within.get(namespace)?;
            let others = within.keys().filter(|other| *other != pod && !self.is_guest(other, within));
            Some(Home { process: within.get(pod)?.clone(), shared_with: others.cloned().collect() })
        })
    }

    fn refuse(&self, pod: &PodUid, claim: &Claim) -> Option<Refusal> {
        let namespace = match &claim.found {
            Ok(namespace) => *namespace,
            Err(refusal) => return Some(refusal.clone()),
        };
        if self.host.contains(&namespace) {
            return Some(Refusal::Host);
        }
        if self.is_home(pod, namespace) {
            return None;
        }
        let Some(within) = self.within.get(&namespace) else { return Some(Refusal::Empty) };
        let owner = within.keys().find(|other| *other != pod && !self.is_guest(other, within)).cloned();
        let refusal = if within.contains_key(pod) { Refusal::Visited } else { Refusal::OfAnother };
        Some(owner.map_or(Refusal::Empty, refusal))
    }

    /// Whether a Pod is only visiting: it has a namespace to itself elsewhere, and somebody who is here has none. So a tool
    /// that enters the namespaces of others gets no rules there, and takes nobody's away.
    fn is_guest(&self, pod: &PodUid, within: &BTreeMap<PodUid, Process>) -> bool {
        let mut others = within.keys().filter(|other| *other != pod);
        self.has_its_own(pod) && others.any(|other| !self.has_its_own(other))
    }

    fn has_its_own(&self, pod: &PodUid) -> bool {
        let namespaces = self.of.get(pod).into_iter().flatten();
        let mut within = namespaces.filter_map(|namespace| self.within.get(namespace));
        within.any(|within| within.keys().eq(iter::once(pod)))
    }
}

#[cfg(test)]
mod tests;
