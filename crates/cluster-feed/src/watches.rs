//! Watches of several kinds as one stream of observations, in the order in which they tell the truth.

use std::collections::BTreeSet;

use danm_api::{
    ApiGroup, ApiType, Change, DanmKind, Decoded, EndpointView, Namespace, Network, Node, Pod, ReservedIp,
};
use futures::{
    Stream, StreamExt,
    future::ready,
    stream::{self, BoxStream, SelectAll},
};
use kube::{Api, Client};
use leak_judge::{Observation, Source};
use operator_runtime::{WatchFailure, watch};
use tokio::sync::mpsc;

use crate::Scope;

/// Observations that may wait for whoever takes them in.
pub const QUEUE: usize = 1024;

/// What every cluster has.
pub const CORE: [Source; 3] = [Source::Pods, Source::Nodes, Source::Namespaces];

/// What a cluster that serves these kinds has to be watched for.
pub fn sources(served: &[ApiType]) -> impl Iterator<Item = Source> + '_ {
    let danm = served.iter().filter(|api| is_needed(**api)).map(|api| Source::Danm(*api));
    CORE.into_iter().chain(danm)
}

/// Watches sources, for as long as the stream is kept. Events are taken in by a task of their own: while the
/// loop waits for the answer to a write, the news that make the next one right must not pile up unread.
pub fn observations(
    client: Client,
    sources: impl Iterator<Item = Source>,
) -> impl Stream<Item = Observation> + Unpin {
    let mut watches = Watches::new(client);
    sources.for_each(|source| watches.begin(source));
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        while let Some(observation) = watches.next().await {
            if sender.send(observation).await.is_err() {
                return;
            }
        }
    });
    stream::poll_fn(move |context| receiver.poll_recv(context))
}

/// Watches of several sources. Endpoints are listed after the networks they are on: a bit is set before its
/// endpoint is made, so whoever holds a bit that was seen set shows in a list that is begun afterwards.
pub struct Watches {
    client: Client,
    streams: SelectAll<BoxStream<'static, Observation>>,
    /// Networks that were not listed yet, nor told to be out of reach.
    unlisted: BTreeSet<Source>,
    /// Endpoints that wait for that.
    waiting: Vec<(Source, Scope)>,
    /// All that are watched, or wait to be.
    begun: Vec<(Source, Scope)>,
}

impl Watches {
    /// None yet.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            streams: SelectAll::new(),
            unlisted: BTreeSet::new(),
            waiting: Vec::new(),
            begun: Vec::new(),
        }
    }

    /// Begins to watch all of a source, now or when it is its turn.
    pub fn begin(&mut self, source: Source) {
        self.begin_within(source, Scope::default());
    }

    /// Begins to watch part of a source, now or when it is its turn.
    pub fn begin_within(&mut self, source: Source, scope: Scope) {
        self.begun.push((source, scope.clone()));
        match source {
            Source::Danm(ApiType { kind: DanmKind::DanmEp, .. }) => {
                return self.waiting.push((source, scope));
            }
            Source::Danm(ApiType { kind: DanmKind::Network(_), .. }) => {
                self.unlisted.insert(source);
            }
            _ => {}
        }
        self.streams.push(stream_of(self.client.clone(), source, &scope));
    }

    /// Begins all watches anew, with lists. Gives what there is to tell until they have come in.
    pub fn begin_anew(&mut self, why: &str) -> Vec<Observation> {
        self.streams.clear();
        self.waiting.clear();
        let begun = std::mem::take(&mut self.begun);
        let told =
            begun.iter().map(|(source, _)| Observation::Unavailable(*source, why.to_owned())).collect();
        begun.into_iter().for_each(|(source, scope)| self.begin_within(source, scope));
        told
    }

    /// What is seen next; `None` if nothing is watched. Breaking off and asking again loses nothing.
    pub async fn next(&mut self) -> Option<Observation> {
        if self.unlisted.is_empty() {
            let begun = self.waiting.drain(..);
            let begun = begun.map(|(source, scope)| stream_of(self.client.clone(), source, &scope));
            self.streams.extend(begun);
        }
        let observation = self.streams.next().await?;
        let settled = match &observation {
            Observation::Unavailable(source, _) => Some(*source),
            observation => Source::listed_by(observation),
        };
        if let Some(source) = settled {
            self.unlisted.remove(&source);
        }
        Some(observation)
    }
}

/// Verdicts need no tenant's configuration and no policy, and reservations in the one group that has them only.
fn is_needed(api: ApiType) -> bool {
    match api.kind {
        DanmKind::DanmEp | DanmKind::Network(_) => true,
        DanmKind::ReservedIp => api.group == ApiGroup::DanmIo,
        DanmKind::TenantConfig | DanmKind::NetworkPolicy => false,
    }
}

fn stream_of(client: Client, source: Source, scope: &Scope) -> BoxStream<'static, Observation> {
    let selection = scope.selection();
    match source {
        Source::Pods => observe(source, watch::<Pod>(scope.api(client), selection), Observation::Pods),
        Source::Nodes => observe(source, watch::<Node>(Api::all(client), selection), Observation::Nodes),
        Source::Namespaces => {
            observe(source, watch::<Namespace>(Api::all(client), selection), Observation::Namespaces)
        }
        Source::Danm(api) => match api.kind {
            DanmKind::Network(kind) => {
                let networks = if kind.is_namespaced() {
                    scope.dynamic_api(client, &api)
                } else {
                    Api::all_with(client, &api)
                };
                let changes = watch::<Decoded<Network>>(networks, selection);
                observe(source, changes, move |change| Observation::Networks(api.group, kind, change))
            }
            DanmKind::ReservedIp => {
                let changes = watch::<Decoded<ReservedIp>>(scope.dynamic_api(client, &api), selection);
                observe(source, changes, Observation::Reservations)
            }
            DanmKind::TenantConfig | DanmKind::NetworkPolicy => stream::empty().boxed(),
            DanmKind::DanmEp => {
                let changes = watch::<Decoded<EndpointView>>(scope.dynamic_api(client, &api), selection);
                observe(source, changes, move |change| Observation::Endpoints(api.group, change))
            }
        },
    }
}

fn observe<K: Send + 'static>(
    source: Source,
    changes: impl Stream<Item = Result<Change<K>, WatchFailure>> + Send + 'static,
    observation: impl Fn(Change<K>) -> Observation + Send + 'static,
) -> BoxStream<'static, Observation> {
    let observed = changes.filter_map(move |change| {
        ready(match change {
            Ok(change) => Some(observation(change)),
            Err(failure) => {
                tracing::debug!(%source, reason = failure.reason, "watch failed");
                failure.is_lost.then_some(Observation::Unavailable(source, failure.reason))
            }
        })
    });
    observed.boxed()
}
