//! The seam to the API server: what the loop asks of it, and how it may fail. Watches are not part of it; they
//! come as a stream of observations.

use std::{collections::BTreeMap, fmt, future::Future};

use danm_api::{ApiGroup, Decoded, EndpointView, Network, Node, Pod};
use futures::stream::LocalBoxStream;
use leak_judge::{EndpointId, NetworkId, NetworkWrite, Uid, Version};
use thiserror::Error;

/// Reads and writes of the release loop. Every read is consistent: it shows at least what was written before it
/// began.
pub trait ApiServer {
    /// All endpoints of a group, page by page: whole, they would not fit into memory. An error ends it.
    fn endpoints(&self, group: ApiGroup) -> LocalBoxStream<'static, Result<EndpointsPage, ApiError>>;

    /// An endpoint.
    fn endpoint(
        &self,
        id: &EndpointId,
    ) -> impl Future<Output = Result<Option<Decoded<EndpointView>>, ApiError>>;

    /// The Pods of a namespace, metadata only.
    fn pods(&self, namespace: &str) -> impl Future<Output = Result<Vec<Pod>, ApiError>>;

    /// A Pod.
    fn pod(&self, namespace: &str, name: &str) -> impl Future<Output = Result<Option<Pod>, ApiError>>;

    /// A Node.
    fn node(&self, name: &str) -> impl Future<Output = Result<Option<Node>, ApiError>>;

    /// All Nodes.
    fn nodes(&self) -> impl Future<Output = Result<Vec<Node>, ApiError>>;

    /// A network.
    fn network(&self, id: &NetworkId) -> impl Future<Output = Result<Option<Decoded<Network>>, ApiError>>;

    /// Writes a network if it still has the version the write was planned for; gives its new state.
    fn write_network(
        &self,
        id: &NetworkId,
        write: &NetworkWrite,
    ) -> impl Future<Output = Result<Decoded<Network>, ApiError>>;

    /// Deletes an endpoint if it still has this uid and version.
    fn delete_endpoint(
        &self,
        id: &EndpointId,
        uid: &Uid,
        version: Version,
    ) -> impl Future<Output = Result<Deletion, ApiError>>;

    /// The version of the Lease that a Node's kubelet renews, if there is one.
    fn node_lease(&self, node: &str) -> impl Future<Output = Result<Option<Version>, ApiError>>;

    /// What was stored about the boots of Nodes.
    fn boots(&self) -> impl Future<Output = Result<StoredBoots, ApiError>>;

    /// Stores other entries, if what is stored still is as it was read; gives it as it is then.
    fn store_boots(
        &self,
        before: &StoredBoots,
        entries: &BTreeMap<String, String>,
    ) -> impl Future<Output = Result<StoredBoots, ApiError>>;
}

/// What is stored about the boots of Nodes, for Cleaners that were not there to see them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredBoots {
    /// The version of the object; `None` while there is none.
    pub version: Option<String>,
    /// A text for each Node.
    pub entries: BTreeMap<String, String>,
}

/// A part of the list of all endpoints.
#[derive(Clone, Debug)]
pub struct EndpointsPage {
    /// Some endpoints.
    pub endpoints: Vec<Decoded<EndpointView>>,
    /// Whether the list is complete with them.
    pub is_last: bool,
}

/// What a delete that succeeded did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// The object is gone.
    Done,
    /// It will be gone when those are done whose finalizers it has.
    Marked,
}

/// A request that failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("failed to {request}: {failure}")]
pub struct ApiError {
    /// What was asked, such as `write DanmNet.danm.io ran/internal`.
    pub request: String,
    /// What came of it.
    pub failure: Failure,
}

/// How a request fails, as far as it makes a difference to what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The object is not what the request was made for any more: judge again.
    Conflict(String),
    /// There is no such object.
    NotFound,
    /// The server looked at the request and will not have it: leave the object alone.
    Refused(String),
    /// Nobody knows whether it was done: look, and judge again.
    Unknown(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(reason) | Self::Refused(reason) | Self::Unknown(reason) => f.write_str(reason),
            Self::NotFound => f.write_str("there is no such object"),
        }
    }
}
