//! The API server as the loop's trait sees it, over HTTP.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use danm_api::{ApiGroup, ApiType, DanmKind, Decoded, EndpointView, Network, NetworkKind, Node, Pod};
use futures::{
    StreamExt,
    stream::{self, LocalBoxStream},
};
use k8s_openapi::{
    api::{coordination::v1::Lease, core::v1::ConfigMap},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, ListParams, ObjectList, Patch, PatchParams, PostParams, Preconditions},
    core::{DynamicResourceScope, PartialObjectMeta},
};
use leak_judge::{EndpointId, NetworkId, NetworkWrite, Uid, Version};
use operator_runtime::{Throttle, describe};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use crate::{
    ApiServer,
    api_server::{ApiError, Deletion, EndpointsPage, Failure, StoredBoots},
};

/// A request that takes longer is given up, whatever the connection looks like. The API server itself gives up
/// after a minute.
const DEADLINE: Duration = Duration::from_secs(70);

/// Requests under way at the same time. Beyond that a server is not faster, and others have to wait.
const IN_FLIGHT: usize = 32;

/// Objects in a page of a list: a few megabytes.
const PAGE: u32 = 2_000;

/// Where kubelets renew their Leases, each under the name of its Node.
const NODE_LEASES: &str = "kube-node-lease";

/// The object that holds what is known of boots.
const BOOTS: &str = "danm-cleaner-boots";

/// The name under which the API server notes who changed which field.
const FIELD_MANAGER: &str = "danm-cleaner";

/// A client that speaks for the loop.
#[derive(Clone)]
pub struct KubeApiServer {
    client: Client,
    channel: Channel,
    /// Where our own objects are.
    namespace: String,
}

/// What all requests share: how many may be under way, and how busy the server says to be.
#[derive(Clone)]
struct Channel {
    in_flight: Arc<Semaphore>,
    throttle: Throttle,
}

impl KubeApiServer {
    /// Speaks through a client. What is to be remembered is kept in a namespace.
    pub fn new(client: Client, namespace: &str) -> Self {
        let channel =
            Channel { in_flight: Arc::new(Semaphore::new(IN_FLIGHT)), throttle: Throttle::default() };
        Self { client, channel, namespace: namespace.to_owned() }
    }

    fn danm<K>(&self, api: ApiType, namespace: &str) -> Api<K>
    where
        K: Resource<DynamicType = ApiType, Scope = DynamicResourceScope>,
    {
        if namespace.is_empty() {
            Api::all_with(self.client.clone(), &api)
        } else {
            Api::namespaced_with(self.client.clone(), namespace, &api)
        }
    }

    /// All Pods, with their addresses.
    pub(crate) async fn all_pods(&self) -> Result<Vec<Pod>, ApiError> {
        let api: Api<Pod> = Api::all(self.client.clone());
        self.channel.list("list pods", async |params| api.list(&params).await).await
    }

    /// All networks of a kind.
    pub(crate) async fn networks(
        &self,
        group: ApiGroup,
        kind: NetworkKind,
    ) -> Result<Vec<Decoded<Network>>, ApiError> {
        let api_type = ApiType { group, kind: DanmKind::Network(kind) };
        let what = format!("list {}.{group}", api_type.kind.plural());
        let api: Api<Decoded<Network>> = self.danm(api_type, "");
        self.channel.list(&what, async |params| api.list(&params).await).await
    }

    fn network_api(&self, id: &NetworkId) -> Api<Decoded<Network>> {
        let kind = DanmKind::Network(id.network.kind);
        self.danm(ApiType { group: id.group, kind }, &id.network.namespace)
    }
}

impl ApiServer for KubeApiServer {
    fn endpoints(&self, group: ApiGroup) -> LocalBoxStream<'static, Result<EndpointsPage, ApiError>> {
        let api: Api<Decoded<EndpointView>> = self.danm(ApiType { group, kind: DanmKind::DanmEp }, "");
        let channel = self.channel.clone();
        // No page names a resourceVersion: the first is read from the data store, the others continue it.
        let pages = stream::try_unfold(Some(ListParams::default().limit(PAGE)), move |params| {
            let (api, channel) = (api.clone(), channel.clone());
            async move {
                let Some(params) = params else { return Ok(None) };
                let what = format!("list danmeps.{group}");
                let list = channel.request(what, || api.list(&params)).await?;
                let token = list.metadata.continue_.filter(|token| !token.is_empty());
                let is_last = token.is_none();
                let next = token.map(|token| params.continue_token(&token));
                Ok(Some((EndpointsPage { endpoints: list.items, is_last }, next)))
            }
        });
        pages.boxed_local()
    }

    async fn endpoint(&self, id: &EndpointId) -> Result<Option<Decoded<EndpointView>>, ApiError> {
        let api: Api<Decoded<EndpointView>> =
            self.danm(ApiType { group: id.group, kind: DanmKind::DanmEp }, &id.namespace);
        let name = id.name.to_string();
        self.channel.request(format!("get {id}"), || api.get_opt(&name)).await
    }

    async fn pods(&self, namespace: &str) -> Result<Vec<Pod>, ApiError> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let what = format!("list pods of namespace {namespace}");
        let metadata: Vec<PartialObjectMeta<Pod>> =
            self.channel.list(&what, async |params| api.list_metadata(&params).await).await?;
        Ok(metadata
            .into_iter()
            .map(|object| Pod { metadata: Box::new(object.metadata), ..Pod::default() })
            .collect())
    }

    async fn pod(&self, namespace: &str, name: &str) -> Result<Option<Pod>, ApiError> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        self.channel.request(format!("get pod {namespace}/{name}"), || api.get_opt(name)).await
    }

    async fn node(&self, name: &str) -> Result<Option<Node>, ApiError> {
        let api: Api<Node> = Api::all(self.client.clone());
        self.channel.request(format!("get node {name}"), || api.get_opt(name)).await
    }

    async fn nodes(&self) -> Result<Vec<Node>, ApiError> {
        let api: Api<Node> = Api::all(self.client.clone());
        self.channel.list("list nodes", async |params| api.list(&params).await).await
    }

    async fn network(&self, id: &NetworkId) -> Result<Option<Decoded<Network>>, ApiError> {
        let api = self.network_api(id);
        self.channel.request(format!("get {id}"), || api.get_opt(&id.network.name)).await
    }

    async fn write_network(
        &self,
        id: &NetworkId,
        write: &NetworkWrite,
    ) -> Result<Decoded<Network>, ApiError> {
        let params = params();
        let patch = Patch::Merge(write.merge_patch());
        let api = self.network_api(id);
        self.channel.request(format!("write {id}"), || api.patch(&id.network.name, &params, &patch)).await
    }

    async fn delete_endpoint(
        &self,
        id: &EndpointId,
        uid: &Uid,
        version: Version,
    ) -> Result<Deletion, ApiError> {
        let api: Api<Decoded<EndpointView>> =
            self.danm(ApiType { group: id.group, kind: DanmKind::DanmEp }, &id.namespace);
        let preconditions =
            Preconditions { uid: Some(uid.to_string()), resource_version: Some(version.0.to_string()) };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        let name = id.name.to_string();
        let answer = self.channel.request(format!("delete {id}"), || api.delete(&name, &params)).await?;
        let is_marked = answer.left().is_some_and(|object| object.meta().deletion_timestamp.is_some());
        Ok(if is_marked { Deletion::Marked } else { Deletion::Done })
    }

    async fn node_lease(&self, node: &str) -> Result<Option<Version>, ApiError> {
        let api: Api<Lease> = Api::namespaced(self.client.clone(), NODE_LEASES);
        let what = format!("get lease {NODE_LEASES}/{node}");
        let lease = self.channel.request(what.clone(), || api.get_metadata_opt(node)).await?;
        let version = lease.map(|lease| Version::read(lease.metadata.resource_version.as_deref()));
        version.transpose().map_err(|problem| ApiError { request: what, failure: Failure::Unknown(problem) })
    }

    async fn boots(&self) -> Result<StoredBoots, ApiError> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        let what = format!("get configmap {}/{BOOTS}", self.namespace);
        let object = self.channel.request(what, || api.get_opt(BOOTS)).await?;
        Ok(object.map(StoredBoots::from).unwrap_or_default())
    }

    async fn store_boots(
        &self,
        before: &StoredBoots,
        entries: &BTreeMap<String, String>,
    ) -> Result<StoredBoots, ApiError> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        let what = format!("store configmap {}/{BOOTS}", self.namespace);
        let stored = if before.version.is_some() {
            let patch = Patch::Merge(boots_patch(before, entries));
            let params = params();
            self.channel.request(what, || api.patch(BOOTS, &params, &patch)).await?
        } else {
            let metadata = ObjectMeta { name: Some(BOOTS.to_owned()), ..ObjectMeta::default() };
            let object = ConfigMap { metadata, data: Some(entries.clone()), ..ConfigMap::default() };
            let params =
                PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
            self.channel.request(what, || api.create(&params, &object)).await?
        };
        Ok(stored.into())
    }
}

impl Channel {
    /// Performs a request. One that the server is too busy for was not performed and is made again.
    async fn request<T, R>(&self, what: String, mut call: impl FnMut() -> R) -> Result<T, ApiError>
    where
        R: Future<Output = Result<T, kube::Error>>,
    {
        let answer = async {
            // The semaphore is never closed.
            let _permit = self.in_flight.acquire().await;
            loop {
                match self.throttle.run(call()).await {
                    Err(kube::Error::Api(status)) if status.code == 429 => {}
                    answer => return answer,
                }
            }
        };
        let failure = match tokio::time::timeout(DEADLINE, answer).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => failure(&error),
            Err(_) => Failure::Unknown(format!("no answer within {DEADLINE:?}")),
        };
        Err(ApiError { request: what, failure })
    }

    /// Reads a list page by page. No page names a resourceVersion, so that the first is read from the data
    /// store and the others continue it.
    async fn list<K>(
        &self,
        what: &str,
        page: impl AsyncFn(ListParams) -> Result<ObjectList<K>, kube::Error>,
    ) -> Result<Vec<K>, ApiError>
    where
        K: Clone,
    {
        let mut objects = Vec::new();
        let mut params = ListParams::default().limit(PAGE);
        loop {
            let mut list = self.request(what.to_owned(), || page(params.clone())).await?;
            objects.append(&mut list.items);
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(objects),
            }
        }
    }
}

fn params() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

/// Entries that are not among the new ones are removed.
fn boots_patch(before: &StoredBoots, entries: &BTreeMap<String, String>) -> Value {
    let removed = before.entries.keys().filter(|name| !entries.contains_key(*name));
    let removed = removed.map(|name| (name.clone(), Value::Null));
    let kept = entries.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str())));
    let data: Map<String, Value> = removed.chain(kept).collect();
    json!({"metadata": {"resourceVersion": before.version}, "data": data})
}

impl From<ConfigMap> for StoredBoots {
    fn from(object: ConfigMap) -> Self {
        Self { version: object.metadata.resource_version, entries: object.data.unwrap_or_default() }
    }
}

fn failure(error: &kube::Error) -> Failure {
    let reason = describe(error);
    let kube::Error::Api(status) = error else { return Failure::Unknown(reason) };
    match status.code {
        404 => Failure::NotFound,
        409 => Failure::Conflict(reason),
        400 | 401 | 403 | 405 | 413 | 422 => Failure::Refused(reason),
        _ => Failure::Unknown(reason),
    }
}
