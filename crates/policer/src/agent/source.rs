//! What is watched, and how much of it: all of it, in all namespaces. A node needs less, its own Pods and those that policies
//! about them select; who narrows a watch to that begins here. What is made of the objects is not known here.

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
use operator_runtime::{WatchFailure, watch};
use policy_engine::Object;

use super::told::{Record, Told};

/// A kind of object that is listed and watched on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Source {
    Namespaces,
    Pods,
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
    /// Whether it is known what is served, and if not, why.
    Discovered(Result<(), String>),
}

/// What every cluster has.
pub(super) const CORE: [Source; 4] =
    [Source::Namespaces, Source::Pods, Source::Services, Source::EndpointSlices];

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
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Namespaces => "Namespace",
            Self::Pods => "Pod",
            Self::Services => "Service",
            Self::EndpointSlices => "EndpointSlice",
            Self::Danm(api) => api.kind.name(),
        }
    }

    /// What it tells, from a list on, for as long as the stream is kept.
    pub(super) fn watch(self, client: Client) -> BoxStream<'static, Seen> {
        match self {
            Self::Namespaces => self.all_of::<Namespace>(client, Object::from),
            Self::Pods => self.all_of::<Pod>(client, Object::from),
            Self::Services => self.all_of::<Service>(client, Object::from),
            Self::EndpointSlices => self.all_of::<EndpointSlice>(client, Object::from),
            Self::Danm(api) => self.all_of_danm(client, api),
        }
    }

    fn all_of<K>(self, client: Client, object: fn(K) -> Object) -> BoxStream<'static, Seen>
    where
        Decoded<K>: Resource<DynamicType = ()> + serde::de::DeserializeOwned + Clone + fmt::Debug,
        K: Send + 'static,
    {
        let changes = watch::<Decoded<K>>(Api::all(client), Config::default());
        self.told(changes, move |decoded| self.read(decoded, |it| Told::object(object(it))))
    }

    fn all_of_danm(self, client: Client, api: ApiType) -> BoxStream<'static, Seen> {
        let (group, selection) = (api.group, Config::default());
        match api.kind {
            DanmKind::DanmEp => {
                let changes = watch::<Decoded<EndpointView>>(Api::all_with(client, &api), selection);
                let read = move |it| Told::object(Object::endpoint(group, &it));
                self.told(changes, move |decoded| self.read(decoded, read))
            }
            DanmKind::NetworkPolicy => {
                let changes = watch::<Decoded<DanmNetworkPolicy>>(Api::all_with(client, &api), selection);
                let read = move |it: DanmNetworkPolicy| {
                    let record = Record::of(&it.metadata, it.conditions.clone());
                    Told::policy(Object::policy(group, it), record)
                };
                self.told(changes, move |decoded| self.read(decoded, read))
            }
            // What a network is like makes no difference, and its array may be a megabyte that changes with each address.
            DanmKind::Network(kind) => {
                let changes = watch::<PartialObjectMeta<Network>>(Api::all_with(client, &api), selection);
                self.told(changes, move |it| Told::object(Object::network(group, kind, &it.metadata)))
            }
            DanmKind::TenantConfig | DanmKind::ReservedIp => stream::empty().boxed(),
        }
    }

    fn read<K>(self, decoded: Decoded<K>, read: impl FnOnce(K) -> Told) -> Told {
        match decoded {
            Decoded::Readable(object) => read(*object),
            Decoded::Unreadable(object) => Told::unreadable(self, *object),
        }
    }

    fn told<K: Send + 'static>(
        self,
        changes: impl Stream<Item = Result<Change<K>, WatchFailure>> + Send + 'static,
        told: impl Fn(K) -> Told + Send + 'static,
    ) -> BoxStream<'static, Seen> {
        let seen = changes.filter_map(move |change| {
            ready(match change {
                Ok(change) => Some(Seen::Changed(self, change.map(|object| Box::new(told(object))))),
                Err(failure) => {
                    tracing::debug!(source = %self, reason = failure.reason, "watch failed");
                    failure.is_lost.then_some(Seen::Unavailable(self, failure.reason))
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
            Self::Pods => f.write_str("pods"),
            Self::Services => f.write_str("services"),
            Self::EndpointSlices => f.write_str("endpointslices"),
            Self::Danm(api) => write!(f, "{}.{}", api.kind.plural(), api.group),
        }
    }
}
