//! Writes the status of policies. What is written is decided in `review.rs`.
//!
//! Everything that the agent asks of an API server, and so the rights that it needs, as `deploy/policer` gives them:
//!
//! | group | resources | verbs | for |
//! |---|---|---|---|
//! | core | namespaces, pods, services | list, watch | the world; of most Pods their metadata alone |
//! | core | nodes | list | `--allow-node=all` alone, in `node_addresses.rs` |
//! | discovery.k8s.io | endpointslices | list, watch | the world |
//! | danm.k8s.io, danm.io | danmeps, danmnets, tenantnetworks, clusternetworks, danmnetworkpolicies | list, watch | the world |
//! | danm.k8s.io, danm.io | danmnetworkpolicies/status | patch | conditions, here |
//! | core | events | create | Events of policies and Pods, in their namespaces |
//! | coordination.k8s.io | leases | create; get, update of `danm-policer` in `kube-system` | who writes |
//!
//! What is served is asked by discovery, which everybody may. Without the right to write, and without the last two, all else
//! goes on.

use std::time::Duration;

use danm_api::{ApiType, DanmKind, DanmNetworkPolicy, Decoded};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use operator_runtime::{Throttle, describe};
use policy_engine::PolicyKey;
use tokio::time::timeout;

use super::{review::Statement, told::Record};

/// How long a request may take: others wait for its place.
const DEADLINE: Duration = Duration::from_secs(10);

/// The name under which the API server notes who changed which field.
const FIELD_MANAGER: &str = "danm-policer";

/// A client that writes.
#[derive(Clone)]
pub(super) struct StatusWriter {
    client: Client,
    throttle: Throttle,
}

/// What became of a write.
#[derive(Debug)]
pub(super) enum Written {
    /// It is done, and the policy's object is like this now.
    Done(Record),
    /// There is a later version. Its watch will tell.
    Conflict,
    /// There is no such policy any more. Its watch will tell.
    Gone,
    /// The server does not want it, and why.
    Refused(String),
    /// It may be done or not, and why that is not known.
    Unknown(String),
}

// === impl StatusWriter ===

impl StatusWriter {
    pub(super) fn new(client: Client) -> Self {
        Self { client, throttle: Throttle::default() }
    }

    /// Writes a statement, once.
    pub(super) async fn write(&self, statement: &Statement) -> Written {
        let PolicyKey { name, group } = &statement.key;
        let kind = ApiType { group: *group, kind: DanmKind::NetworkPolicy };
        let api: Api<Decoded<DanmNetworkPolicy>> =
            Api::namespaced_with(self.client.clone(), &name.namespace, &kind);
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(statement.patch());
        // The time that a busy server wants to be left alone is none of the request.
        self.throttle.ready().await;
        let request = self.throttle.run(api.patch_status(&name.name, &params, &patch));
        match timeout(DEADLINE, request).await {
            Ok(Ok(Decoded::Readable(policy))) => {
                Written::Done(Record::of(&policy.metadata, policy.conditions.clone()))
            }
            Ok(Ok(Decoded::Unreadable(policy))) => Written::Unknown(policy.problem),
            Ok(Err(error)) => failure(&error),
            Err(_) => Written::Unknown(format!("no answer within {DEADLINE:?}")),
        }
    }
}

fn failure(error: &kube::Error) -> Written {
    let reason = describe(error);
    let kube::Error::Api(status) = error else { return Written::Unknown(reason) };
    // The server names the object that is not there. What it does not serve at all has no name.
    let names_it = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
    match status.code {
        404 if names_it => Written::Gone,
        404 => Written::Refused(format!("its definition has no status: {reason}")),
        409 => Written::Conflict,
        400 | 401 | 403 | 405 | 413 | 415 | 422 => Written::Refused(reason),
        _ => Written::Unknown(reason),
    }
}
