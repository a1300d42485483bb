//! What is watched, and how much of it. Of Pods a node needs least and there is most: those are in `pod_scope.rs`. What is made
//! of the objects is not known here.

use std::{collections::BTreeSet, fmt};

use danm_api::{
    ApiType, Change, DanmKind, DanmNetworkPolicy, Decoded, EndpointSlice, EndpointView, Namespace, Network,
    Pod, Service,
};
use futures::{
    Stream, StreamExt,
    future::ready,
    stream::{self, BoxStream},
};
use kube::{Api, Client, Resource, core::PartialObjectMeta, runtime::watcher::Config};
use operator_runtime::{Selection, WatchFailure, watch};
use policy_engine::Object;

use super::{
    pod_scope::PodScope,
    told::{Record, Told},
};

/// A kind of object that is listed and watched on its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Source {
    Namespaces,
    /// Some of the Pods. One Pod may be told of by several.
    Pods(PodScope),
    Services,
    EndpointSlices,
    /// One of DANM's kinds in one group.
    Danm(ApiType),
}

/// What became known of a source.
#[derive(Debug)]
pub(super) enum Seen {
    /// Its watch tells something.
    Changed(Source, Change<Box<Told>>),
    /// Its watch does not deliver.
    Unavailable(Source, String),
    /// It is to be watched from now on, or is served again.
    Served(Source),
    /// It is not served any more.
    Unserved(Source),
    /// It is not watched any more.
    Ended(Source),
    /// Whether it is known what is served, and if not, why.
    Discovered(Result<(), String>),
}

/// What every cluster has, and every node needs.
pub(super) const CORE: [Source; 5] = [
    Source::Namespaces,
    Source::Pods(PodScope::Local),
    Source::Pods(PodScope::Others),
    Source::Services,
    Source::EndpointSlices,
];

// === impl Source ===

impl Source {
    /// The sources of a cluster that serves these kinds of DANM.
    pub(super) fn of(served: &[ApiType]) -> BTreeSet<Self> {
        let is_needed = |api: &&ApiType| {
            matches!(api.kind, DanmKind::DanmEp | DanmKind::Network(_) | DanmKind::NetworkPolicy)
        };
        CORE.into_iter().chain(served.iter().filter(is_needed).map(|api| Self::Danm(*api))).collect()
    }

    /// The kind of its objects.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Namespaces => "Namespace",
            Self::Pods(_) => "Pod",
            Self::Services => "Service",
            Self::EndpointSlices => "EndpointSlice",
            Self::Danm(api) => api.kind.name(),
        }
    }

    /// Whether it is watched only while something needs it.
    pub(super) const fn is_on_demand(&self) -> bool {
        matches!(self, Self::Pods(scope) if scope.is_on_demand())
    }

    /// What it tells an agent of this node, from a list on, for as long as the stream is kept.
    pub(super) fn watch(self, client: Client, node: &str) -> BoxStream<'static, Seen> {
        match self {
            Self::Namespaces => self.all_of::<Namespace>(client, Told::namespace),
            Self::Pods(ref scope) => {
                let (scope, selection) = (scope.clone(), scope.selection(node));
                self.pods(client, &scope, selection)
            }
            Self::Services => self.all_of::<Service>(client, |it| Told::object(it.into())),
            Self::EndpointSlices => self.all_of::<EndpointSlice>(client, |it| Told::object(it.into())),
            Self::Danm(api) => self.all_of_danm(client, api),
        }
    }

    fn pods(self, client: Client, scope: &PodScope, selection: Selection) -> BoxStream<'static, Seen> {
        let api = match scope {
            PodScope::Others => {
                let changes = watch::<PartialObjectMeta<Pod>>(Api::all(client), selection);
                return self.told(changes, |_, it| {
                    Told::pod(&Pod { metadata: Box::new(it.metadata), ..Pod::default() })
                });
            }
            PodScope::Namespace(namespace) => Api::namespaced(client, namespace),
            PodScope::Local | PodScope::Everywhere => Api::all(client),
        };
        let changes = watch::<Decoded<Pod>>(api, selection);
        self.told(changes, |source, decoded| source.read(decoded, |it| Told::pod(&it)))
    }

    fn all_of<K>(self, client: Client, told: fn(K) -> Told) -> BoxStream<'static, Seen>
    where
        Decoded<K>: Resource<DynamicType = ()> + serde::de::DeserializeOwned + Clone + fmt::Debug,
        K: Send + 'static,
    {
        let changes = watch::<Decoded<K>>(Api::all(client), Config::default());
        self.told(changes, move |source, decoded| source.read(decoded, told))
    }

    fn all_of_danm(self, client: Client, api: ApiType) -> BoxStream<'static, Seen> {
        let (group, selection) = (api.group, Config::default());
        match api.kind {
            DanmKind::DanmEp => {
                let changes = watch::<Decoded<EndpointView>>(Api::all_with(client, &api), selection);
                let read = move |it| Told::object(Object::endpoint(group, &it));
                self.told(changes, move |source, decoded| source.read(decoded, read))
            }
            DanmKind::NetworkPolicy => {
                let changes = watch::<Decoded<DanmNetworkPolicy>>(Api::all_with(client, &api), selection);
                let read = move |it: DanmNetworkPolicy| {
                    let record = Record::of(&it.metadata, it.conditions.clone());
                    Told::policy(Object::policy(group, it), record)
                };
                self.told(changes, move |source, decoded| source.read(decoded, read))
            }
            // What a network is like makes no difference, and its array may be a megabyte that changes with each address.
            DanmKind::Network(kind) => {
                let changes = watch::<PartialObjectMeta<Network>>(Api::all_with(client, &api), selection);
                self.told(changes, move |_, it| Told::object(Object::network(group, kind, &it.metadata)))
            }
            DanmKind::TenantConfig | DanmKind::ReservedIp => stream::empty().boxed(),
        }
    }

    fn read<K>(&self, decoded: Decoded<K>, read: impl FnOnce(K) -> Told) -> Told {
        match decoded {
            Decoded::Readable(object) => read(*object),
            Decoded::Unreadable(object) => Told::unreadable(self, *object),
        }
    }

    fn told<K: Send + 'static>(
        self,
        changes: impl Stream<Item = Result<Change<K>, WatchFailure>> + Send + 'static,
        told: impl Fn(&Self, K) -> Told + Send + 'static,
    ) -> BoxStream<'static, Seen> {
        let seen = changes.filter_map(move |change| {
            ready(match change {
                Ok(change) => {
                    let change = change.map(|object| Box::new(told(&self, object)));
                    Some(Seen::Changed(self.clone(), change))
                }
                Err(failure) => {
                    tracing::debug!(source = %self, reason = failure.reason, "watch failed");
                    failure.is_lost.then(|| Seen::Unavailable(self.clone(), failure.reason))
                }
            })
        });
        seen.boxed()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespaces => f.write_str("namespaces"),
            Self::Pods(scope) => scope.fmt(f),
            Self::Services => f.write_str("services"),
            Self::EndpointSlices => f.write_str("endpointslices"),
            Self::Danm(api) => write!(f, "{}.{}", api.kind.plural(), api.group),
        }
    }
}
