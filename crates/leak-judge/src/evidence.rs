//! What is known about the life of an endpoint's Pod. Each kind of evidence is one implementation of one small
//! trait; they are asked in a fixed order, and the first that knows decides.

mod node;
mod pod;
mod sandbox;

use crate::{
    Finding, HostState, Hosts, Reason, Rules, Verdict,
    world::{BootAge, Endpoint, Life, World},
};

/// An endpoint and everything that can be said about it.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The endpoint.
    pub endpoint: &'a Endpoint,
    /// The cluster.
    pub world: &'a World,
    /// The machines.
    pub hosts: &'a Hosts,
    /// What the operator set.
    pub rules: &'a Rules,
    /// How far the endpoint's Pod has got, if a Pod of its uid is there. Looked up once: everybody asks.
    pub life: Option<Life>,
    /// The state of its machine, as far as it was surveyed.
    pub host: Option<&'a HostState>,
}

/// One kind of evidence.
pub trait Evidence: Sync {
    /// What it proves, or must leave open; `None` where it has nothing to say.
    fn weigh(&self, case: Case<'_>) -> Option<Finding>;

    /// What it saw, for people: one line, or none where it has nothing to say.
    fn describe(&self, case: Case<'_>) -> Option<String>;
}

/// All evidence, in the order in which it is asked: what is said of a living Pod comes before what is said of one that
/// is not there.
pub const EVIDENCE: [&dyn Evidence; 3] = [&sandbox::SandboxEvidence, &pod::PodEvidence, &node::NodeEvidence];

impl<'a> Case<'a> {
    /// Everything about an endpoint.
    pub fn new(endpoint: &'a Endpoint, world: &'a World, hosts: &'a Hosts, rules: &'a Rules) -> Self {
        let uid = &endpoint.pod_uid;
        let life = world.pods().life(uid).filter(|_| !uid.is_empty());
        Self { endpoint, world, hosts, rules, life, host: hosts.state(&endpoint.host) }
    }

    /// Whether the endpoint's Pod is there, and was bound to this Node.
    fn pod_ran_on(&self, node: &str) -> bool {
        let pod = self.world.pods().get(&self.endpoint.id.namespace, &self.endpoint.pod);
        pod.is_some_and(|pod| pod.uid == self.endpoint.pod_uid && *pod.node == *node)
    }

    /// How the endpoint stands to the boot that its machine is in.
    fn boot_age(&self) -> BootAge {
        self.boot_age_of(self.endpoint)
    }

    /// How another endpoint of that machine stands to it.
    fn boot_age_of(&self, endpoint: &Endpoint) -> BootAge {
        if !self.world.nodes().boots().knows_of_any() {
            return BootAge::Unknown;
        }
        let node = self.host.and_then(HostState::node);
        let age = |node| self.world.nodes().boots().age(node, endpoint.first_version);
        node.map_or(BootAge::Unknown, |node| age(node))
    }
}

/// What all evidence together says.
pub fn weigh(case: Case<'_>) -> Finding {
    EVIDENCE
        .iter()
        .find_map(|evidence| evidence.weigh(case))
        .unwrap_or(Finding::new(Verdict::Unknown, Reason::HostUnknown))
}
