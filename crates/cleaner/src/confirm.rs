//! The second look: before anything is written, what a release rests on is read anew, past every cache. Which
//! reads that takes is decided by [`Questions::about`]; [`ask`] performs them. What they show goes into the
//! index like any observation, and everything is judged again.

use std::collections::{BTreeMap, BTreeSet};

use danm_api::{ApiGroup, Change, Decoded, Network, Node, Pod};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use leak_judge::{
    Endpoint, HostState, Hosts, NetworkId, NetworkLookup, Observation, Slot, Source, Uid, World,
};

use crate::{ApiError, ApiServer};

/// Up to so many Pods of a namespace are read one by one; more of them in one list.
const SINGLE_READS: usize = 8;

/// Reads under way at the same time.
const IN_FLIGHT: usize = 16;

/// What has to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Questions {
    /// The endpoints it is about.
    pub(crate) endpoints: Vec<Uid>,
    /// Groups whose endpoints are listed: an endpoint nobody has seen may be a rival.
    groups: BTreeSet<ApiGroup>,
    /// Pods by namespace, none of which should be there.
    pods: BTreeMap<String, BTreeSet<String>>,
    /// Nodes: those that should be Ready, and those that should not be there.
    nodes: BTreeSet<String>,
    /// Networks that should not be there.
    networks: BTreeSet<NetworkId>,
}

impl Questions {
    /// The questions on which the release of some endpoints rests.
    pub(crate) fn about(world: &World, hosts: &Hosts, slots: impl Iterator<Item = Slot>) -> Self {
        let mut questions = Self::default();
        for endpoint in slots.filter_map(|slot| world.endpoints().get(slot)) {
            questions.add(world, hosts, endpoint);
        }
        let is_served = |group: &ApiGroup| world.coverage().serves(Source::endpoints(*group));
        questions.groups = ApiGroup::ALL.into_iter().filter(is_served).collect();
        questions
    }

    fn add(&mut self, world: &World, hosts: &Hosts, endpoint: &Endpoint) {
        self.endpoints.push(endpoint.uid.clone());
        self.pods.entry(endpoint.id.namespace.to_string()).or_default().insert(endpoint.pod.to_string());
        match hosts.state(&endpoint.host) {
            Some(HostState::Ready { node, .. }) => self.nodes.insert(node.to_string()),
            _ => self.nodes.insert(endpoint.host.to_string()),
        };
        if matches!(world.network_of(endpoint), NetworkLookup::Gone) {
            self.networks.insert(endpoint.network_id());
        }
    }
}

/// Reads it all. Endpoints come first: whatever holds an address by then has a Pod that the later reads find.
pub(crate) async fn ask(api: &impl ApiServer, questions: &Questions) -> Result<Vec<Observation>, ApiError> {
    let Questions { groups, pods, nodes, networks, .. } = questions;
    let mut seen = Vec::new();
    for group in groups {
        seen.push(Observation::Endpoints(*group, Change::Read(api.endpoints(*group).await?)));
    }
    let pods: Vec<Vec<Pod>> =
        at_once(pods.iter().map(async |(namespace, names)| pods_of(api, namespace, names).await)).await?;
    seen.push(Observation::Pods(Change::Read(pods.into_iter().flatten().collect())));
    let nodes: Vec<Option<Node>> = at_once(nodes.iter().map(async |name| api.node(name).await)).await?;
    seen.push(Observation::Nodes(Change::Read(nodes.into_iter().flatten().collect())));
    let networks: Vec<(&NetworkId, Option<Decoded<Network>>)> =
        at_once(networks.iter().map(async |id| api.network(id).await.map(|network| (id, network)))).await?;
    let found = networks.into_iter().filter_map(|(id, network)| {
        let network = Change::Read(vec![network?]);
        Some(Observation::Networks(id.group, id.network.kind, network))
    });
    seen.extend(found);
    Ok(seen)
}

async fn pods_of(
    api: &impl ApiServer,
    namespace: &str,
    names: &BTreeSet<String>,
) -> Result<Vec<Pod>, ApiError> {
    if names.len() > SINGLE_READS {
        return api.pods(namespace).await;
    }
    let pods: Vec<Option<Pod>> =
        at_once(names.iter().map(async |name| api.pod(namespace, name).await)).await?;
    Ok(pods.into_iter().flatten().collect())
}

async fn at_once<T, R>(reads: impl Iterator<Item = R>) -> Result<Vec<T>, ApiError>
where
    R: Future<Output = Result<T, ApiError>>,
{
    let answers: &mut (dyn Stream<Item = Result<T, ApiError>> + Unpin) =
        &mut Box::pin(stream::iter(reads).buffer_unordered(IN_FLIGHT));
    answers.try_collect().await
}
