//! The second look: before anything is written, what a release rests on is read anew, past every cache. Which
//! reads that takes is decided by [`Questions::about`]; [`ask`] performs them. What they show goes into the
//! index like any observation, and everything is judged again.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
};

use danm_api::{ApiGroup, Change};
use futures::{
    Stream, StreamExt,
    stream::{self, LocalBoxStream},
};
use leak_judge::{
    Endpoint, EndpointId, EndpointPlan, Finding, Hosts, Judgement, Moment, NetworkId, NetworkLookup,
    Observation, Reason, Slot, Source, Uid, Version, World,
};

use crate::{ApiError, ApiServer, Failure, api_server::EndpointsPage, news::News};

/// Up to so many Pods of a namespace are read one by one; more of them in one list.
const SINGLE_READS: usize = 8;

/// Pods that are read by name in one round, where lists are not believed: a round has to end before what it
/// showed is old.
const BY_NAME: usize = 1_000;

/// Reads under way at the same time.
const IN_FLIGHT: usize = 16;

/// What has to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Questions {
    /// The endpoints it is about.
    pub(crate) endpoints: Vec<Question>,
    /// Groups whose endpoints are listed: an endpoint nobody has seen may be a rival.
    groups: BTreeSet<ApiGroup>,
    /// Whether each Pod is asked for by name: lists are not believed now.
    one_by_one: bool,
}

/// What the release of one endpoint rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) id: EndpointId,
    pub(crate) uid: Uid,
    pub(crate) version: Version,
    /// The Pod that should not be there, or have ended.
    pod: String,
    /// Its uid.
    pub(crate) pod_uid: Uid,
    /// Where it ran.
    machine: Machine,
    /// Whether the Pod has to be asked for by name: a list that came back empty would feign this proof too.
    by_name: bool,
    /// The network, if it should not be there.
    network: Option<NetworkId>,
}

/// What there should be of the machine that a Pod ran on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Machine {
    /// This Node, in the state on which the proof rests.
    Node(String),
    /// No Node of this name.
    NoNode(String),
    /// No Node that may be the host.
    Nowhere,
}

/// One read, which may be of use to several endpoints.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Read {
    Pods(String),
    Pod(String, String),
    Node(String),
    NoNode(String),
    Nodes,
    Network(NetworkId),
}

impl Questions {
    /// The questions on which the release of some endpoints rests.
    pub(crate) fn about(world: &World, hosts: &Hosts, plans: &[EndpointPlan], one_by_one: bool) -> Self {
        let mut by_name = 0;
        let dead = plans.iter().map(|plan| (plan.slot, plan.finding));
        let questions = dead.filter_map(|dead| Question::about(world, hosts, dead));
        let endpoints: Vec<Question> = questions
            .filter(|question| {
                by_name += usize::from(one_by_one || question.by_name);
                by_name <= BY_NAME
            })
            .collect();
        let since = plans.iter().filter_map(|plan| plan.shown_since).max();
        let is_unread =
            |group: &ApiGroup| since.is_some_and(|since| !world.has_read_endpoints(*group, since));
        let groups = served_groups(world).filter(is_unread).collect();
        Self { endpoints, groups, one_by_one }
    }

    /// The same for endpoints that look dead because the index knows of no Pod of theirs.
    pub(crate) fn about_unasked<'a>(
        world: &World,
        hosts: &Hosts,
        unasked: impl Iterator<Item = &'a Judgement>,
    ) -> Self {
        let questions = unasked.filter_map(|it| Question::about(world, hosts, (it.slot, it.proof)));
        Self { endpoints: questions.collect(), ..Self::default() }
    }

    /// No question but which endpoints there are.
    pub(crate) fn about_endpoints(world: &World, since: Moment) -> Self {
        let is_unread = |group: &ApiGroup| !world.has_read_endpoints(*group, since);
        let groups = served_groups(world).filter(is_unread).collect();
        Self { endpoints: Vec::new(), groups, one_by_one: false }
    }

    /// Whether each Pod was asked for by name.
    pub(crate) const fn is_one_by_one(&self) -> bool {
        self.one_by_one
    }

    fn reads(&self) -> BTreeSet<Read> {
        let is_by_name = |question: &&Question| self.one_by_one || question.by_name;
        let (by_name, others): (Vec<&Question>, Vec<&Question>) = self.endpoints.iter().partition(is_by_name);
        let mut pods: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for question in others {
            pods.entry(&*question.id.namespace).or_default().insert(&question.pod);
        }
        let pod = |namespace: &str, name: &str| Read::Pod(namespace.to_owned(), name.to_owned());
        let by_name = by_name.into_iter().map(|question| pod(&question.id.namespace, &question.pod));
        let pods = pods.into_iter().flat_map(|(namespace, names)| {
            if names.len() > SINGLE_READS {
                return vec![Read::Pods(namespace.to_owned())];
            }
            names.into_iter().map(|name| pod(namespace, name)).collect()
        });
        let nodes = self.endpoints.iter().map(|question| question.machine.read());
        let networks = self.endpoints.iter().filter_map(|question| question.network.clone());
        pods.chain(by_name).chain(nodes).chain(networks.map(Read::Network)).collect()
    }
}

fn served_groups(world: &World) -> impl Iterator<Item = ApiGroup> {
    ApiGroup::ALL.into_iter().filter(|group| world.coverage().serves(Source::endpoints(*group)))
}

impl Question {
    fn about(world: &World, hosts: &Hosts, (slot, finding): (Slot, Finding)) -> Option<Self> {
        let endpoint = world.endpoints().get(slot)?;
        let machine = Machine::of(world, hosts, endpoint, finding);
        let is_network_gone = matches!(world.network_of(endpoint), NetworkLookup::Gone);
        Some(Self {
            id: endpoint.id.clone(),
            uid: endpoint.uid.clone(),
            version: endpoint.version,
            pod: endpoint.pod.to_string(),
            pod_uid: endpoint.pod_uid.clone(),
            by_name: !matches!(machine, Machine::Node(_)) || finding.reason == Reason::NodeRebooted,
            machine,
            network: is_network_gone.then(|| endpoint.network_id()),
        })
    }

    fn rests_on(&self, read: &Read) -> bool {
        match read {
            Read::Pods(namespace) => *self.id.namespace == **namespace,
            Read::Pod(namespace, name) => *self.id.namespace == **namespace && self.pod == *name,
            Read::Node(_) | Read::NoNode(_) | Read::Nodes => self.machine.read() == *read,
            Read::Network(id) => self.network.as_ref() == Some(id),
        }
    }
}

impl Machine {
    fn of(world: &World, hosts: &Hosts, endpoint: &Endpoint, finding: Finding) -> Self {
        if finding.reason == Reason::PodOrphaned
            && let Some(pod) = world.pods().get(&endpoint.id.namespace, &endpoint.pod)
        {
            return Self::NoNode(pod.node.to_string());
        }
        hosts.node(&endpoint.host).map_or(Self::Nowhere, |node| Self::Node(node.to_string()))
    }

    fn read(&self) -> Read {
        match self {
            Self::Node(name) => Read::Node(name.clone()),
            Self::NoNode(name) => Read::NoNode(name.clone()),
            Self::Nowhere => Read::Nodes,
        }
    }
}

/// What came of the questions.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) questions: Questions,
    /// When the first of them was asked.
    pub(crate) asked_at: Moment,
    pub(crate) seen: Vec<Observation>,
    failed: Vec<(Read, ApiError)>,
}

impl Answers {
    /// The endpoints of which everything was answered, and those of which something was not, with the error.
    pub(crate) fn outcome(&self) -> impl Iterator<Item = (&Question, Option<&ApiError>)> {
        self.questions.endpoints.iter().map(|question| {
            let failed = self.failed.iter().find(|(read, _)| question.rests_on(read));
            (question, failed.map(|(_, error)| error))
        })
    }
}

/// Reads it all. Endpoints come first: whatever holds an address by then has a Pod that the later reads find.
/// What one failed read would have shown holds up nobody else.
pub(crate) fn ask<A: ApiServer + Clone + 'static>(
    api: A,
    questions: Questions,
    asked_at: Moment,
) -> LocalBoxStream<'static, News> {
    let lists: Vec<_> =
        questions.groups.iter().map(|group| read_endpoints(&api, *group, asked_at).boxed_local()).collect();
    let others = async move {
        let reads = stream::iter(questions.reads()).map(|read| async {
            let answer = perform(&api, &read).await;
            (read, answer)
        });
        let mut answers =
            Answers { questions: Questions::default(), asked_at, seen: Vec::new(), failed: Vec::new() };
        let mut reads = pin!(reads.buffer_unordered(IN_FLIGHT));
        while let Some((read, answer)) = reads.next().await {
            match answer {
                Ok(seen) => answers.seen.extend(seen),
                Err(error) => answers.failed.push((read, error)),
            }
        }
        News::Answered(Answers { questions, ..answers })
    };
    stream::iter(lists).flatten().chain(stream::once(others)).boxed_local()
}

fn read_endpoints(
    api: &impl ApiServer,
    group: ApiGroup,
    began: Moment,
) -> impl Stream<Item = News> + 'static {
    let news = move |page: Result<EndpointsPage, ApiError>| match page {
        Ok(EndpointsPage { endpoints, is_last }) => {
            let read = Observation::Endpoints(group, Change::Read(endpoints));
            let all = is_last.then_some(Observation::EndpointsRead(group, began));
            [Some(read), all].map(|seen| seen.map(|seen| News::Endpoints(group, Box::new(seen), began)))
        }
        Err(error) => [Some(News::Unread(group, error)), None],
    };
    api.endpoints(group).flat_map(move |page| stream::iter(news(page).into_iter().flatten()))
}

/// Performs one read. What is not there is nothing seen.
async fn perform(api: &impl ApiServer, read: &Read) -> Result<Option<Observation>, ApiError> {
    Ok(match read {
        Read::Pods(namespace) => Some(Observation::Pods(Change::Read(api.pods(namespace).await?))),
        Read::Pod(namespace, name) => {
            let pod = api.pod(namespace, name).await?;
            pod.map(|pod| Observation::Pods(Change::Read(vec![pod])))
        }
        Read::Node(name) => match api.node(name).await? {
            Some(node) => Some(Observation::Nodes(Change::Read(vec![node]))),
            None => return Err(is_gone(name)),
        },
        Read::NoNode(name) => {
            let node = api.node(name).await?;
            node.map(|node| Observation::Nodes(Change::Read(vec![node])))
        }
        Read::Nodes => Some(Observation::Nodes(Change::Read(api.nodes().await?))),
        Read::Network(id) => {
            let network = api.network(id).await?;
            network.map(|it| Observation::Networks(id.group, id.network.kind, Change::Read(vec![it])))
        }
    })
}

/// A Node that should be there and is not any more: that its watch has not told yet is no reason to believe
/// that it stopped what it ran.
fn is_gone(node: &str) -> ApiError {
    let failure = Failure::Unknown("it is gone, and how has not been seen".to_owned());
    ApiError { request: format!("find node {node}"), failure }
}
