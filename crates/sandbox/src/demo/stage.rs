//! The cluster of the demo: what is in it, what happens to it, and what must be left of it.

use std::{collections::BTreeSet, path::Path, time::Duration};

use anyhow::{Context, ensure};
use danm_api::{ApiGroup, DanmEp, Network, NetworkKind, VERSION};
use danm_ipam::{AllocBits, BitIndex};
use futures::{StreamExt, TryStreamExt, stream};
use http::{Method, Request};
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// The group that the demo's objects are in.
const GROUP: ApiGroup = ApiGroup::DanmIo;

/// Nodes; the last is the one that is lost.
const NODES: usize = 4;

/// Pods, evenly on the nodes. Each has an endpoint on two of the networks.
const PODS: usize = 240;

/// Of ten Pods this many live through the crash.
const SURVIVORS_OF_TEN: usize = 1;

/// Kind, namespace and name of the networks.
const NETWORKS: [(NetworkKind, &str, &str); 3] = [
    (NetworkKind::DanmNet, "ran", "fronthaul"),
    (NetworkKind::TenantNetwork, "ran", "internal"),
    (NetworkKind::ClusterNetwork, "", "management"),
];

/// Requests under way at the same time.
const IN_FLIGHT: usize = 32;

/// How long anything in the demo may take.
const PATIENCE: Duration = Duration::from_secs(45);

/// The Lease that danm-cleaner holds.
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/danm-cleaner";

/// The cluster, through its API.
pub(super) struct Stage {
    client: Client,
}

/// Everything that is there at the beginning.
pub(super) fn objects() -> Vec<Value> {
    let nodes = (0..NODES).map(|number| {
        json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": node(number)},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        })
    });
    let pods = (0..PODS).map(|number| {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": "ran", "name": pod(number), "uid": uid(number)},
            "spec": {"nodeName": node(number % NODES), "containers": [{"name": "app", "image": "app"}]},
            "status": {"phase": "Running"},
        })
    });
    let networks = (0..NETWORKS.len()).map(network);
    let endpoints = (0..PODS).flat_map(|number| [endpoint(number, 0), endpoint(number, 1)]);
    nodes.chain(pods).chain(networks).chain(endpoints).collect()
}

// === impl Stage ===

impl Stage {
    pub(super) const fn new(client: Client) -> Self {
        Self { client }
    }

    /// A node is gone, with its Pods. Gives the number of endpoints that it leaves behind.
    pub(super) async fn lose_node(&self) -> anyhow::Result<usize> {
        let lost = NODES - 1;
        self.delete_pods((0..PODS).filter(|number| number % NODES == lost)).await?;
        self.send(Method::DELETE, &format!("/api/v1/nodes/{}", node(lost)), None).await?;
        self.dead().await
    }

    /// Most Pods are gone. Gives the number of endpoints that they leave behind.
    pub(super) async fn lose_pods(&self) -> anyhow::Result<usize> {
        self.delete_pods((0..PODS).filter(|number| number % NODES != NODES - 1 && !survives(*number)))
            .await?;
        self.dead().await
    }

    /// Lets the brake be, as an operator does. Gives the command that does it.
    pub(super) async fn let_go_on(&self, kubeconfig: &Path) -> anyhow::Result<String> {
        let until = Timestamp::now() + SignedDuration::from_mins(10);
        let until = format!("go-on-until={until:.0}");
        let patch = json!({"metadata": {"annotations": {"danm.io/cleaner-brake": until}}});
        self.send(Method::PATCH, LEASE, Some(&patch)).await?;
        Ok(format!(
            "kubectl --kubeconfig {} -n kube-system annotate lease danm-cleaner danm.io/cleaner-brake={until}",
            kubeconfig.display()
        ))
    }

    /// Waits until so many dead endpoints are left.
    pub(super) async fn until_dead(&self, wanted: usize, mut show: impl FnMut(usize)) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let dead = self.dead().await?;
            show(dead);
            if dead == wanted {
                return Ok(());
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "{dead} endpoints are left after {PATIENCE:?}: the demo failed"
            );
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Number of endpoints whose Pods are gone.
    pub(super) async fn dead(&self) -> anyhow::Result<usize> {
        let pods = self.pod_uids().await?;
        let is_dead =
            |endpoint: &&DanmEp| endpoint.spec.pod_uid.as_ref().is_none_or(|uid| !pods.contains(uid));
        Ok(self.endpoints().await?.iter().filter(is_dead).count())
    }

    /// The networks as they are.
    async fn networks(&self) -> anyhow::Result<Vec<Network>> {
        let mut networks = Vec::new();
        for index in 0..NETWORKS.len() {
            networks.push(serde_json::from_value(self.send(Method::GET, &network_path(index), None).await?)?);
        }
        Ok(networks)
    }

    /// All endpoints.
    async fn endpoints(&self) -> anyhow::Result<Vec<DanmEp>> {
        self.list(&format!("/apis/{GROUP}/{VERSION}/danmeps")).await
    }

    /// The uids of the Pods that are there.
    async fn pod_uids(&self) -> anyhow::Result<BTreeSet<String>> {
        let pods: Vec<danm_api::Pod> = self.list("/api/v1/pods").await?;
        Ok(pods.into_iter().filter_map(|pod| pod.metadata.uid).collect())
    }

    /// Compares what is left with what has to be: the endpoints and addresses of Pods that live, and nothing else.
    pub(super) async fn check(&self) -> anyhow::Result<()> {
        let living: Vec<usize> =
            (0..PODS).filter(|number| number % NODES != NODES - 1 && survives(*number)).collect();
        let expected: BTreeSet<String> =
            living.iter().flat_map(|number| [0, 1].map(|which| endpoint_name(*number, which))).collect();
        let names = self.endpoints().await?.into_iter().filter_map(|endpoint| endpoint.metadata.name.clone());
        ensure!(names.collect::<BTreeSet<_>>() == expected, "not the endpoints of the living Pods are left");
        for (index, network) in self.networks().await?.into_iter().enumerate() {
            let alloc = network.spec.options.and_then(|options| options.alloc).context("no array")?;
            let holders = living.iter().flat_map(|number| [0, 1].map(|which| place(*number, which)));
            let bits = holders.filter(|(network, _)| *network == index).map(|(_, bit)| bit);
            let (_, _, name) = NETWORKS[index];
            ensure!(
                alloc == addresses(bits).encode(),
                "the addresses of {name} are not those of the living Pods"
            );
        }
        Ok(())
    }

    async fn delete_pods(&self, numbers: impl Iterator<Item = usize>) -> anyhow::Result<()> {
        let now = json!({"gracePeriodSeconds": 0});
        let delete = |number: usize| {
            let now = &now;
            async move {
                let path = format!("/api/v1/namespaces/ran/pods/{}", pod(number));
                self.send(Method::DELETE, &path, Some(now)).await.map(drop)
            }
        };
        stream::iter(numbers).map(delete).buffer_unordered(IN_FLIGHT).try_collect().await
    }

    async fn list<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Vec<T>> {
        let mut list = self.send(Method::GET, path, None).await?;
        Ok(serde_json::from_value(list["items"].take())?)
    }

    /// Makes a request.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let content =
            if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let what = format!("failed to {method} {path}");
        let body = body.map(Value::to_string).unwrap_or_default().into_bytes();
        let request =
            Request::builder().method(method).uri(path).header("Content-Type", content).body(body)?;
        self.client.request(request).await.context(what)
    }
}

fn node(number: usize) -> String {
    format!("node-{number}")
}

fn pod(number: usize) -> String {
    format!("du-{number:03}")
}

fn uid(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// Spread over the nodes, so that the crash leaves something everywhere.
const fn survives(number: usize) -> bool {
    (number / NODES) % 10 < SURVIVORS_OF_TEN
}

/// The network, and the bit, of one of a Pod's two endpoints.
const fn place(number: usize, which: usize) -> (usize, u32) {
    let network = (number + which) % NETWORKS.len();
    // Each network has the endpoints of two of three Pods.
    #[expect(clippy::cast_possible_truncation, reason = "a small number")]
    let bit = (2 * (number / NETWORKS.len()) + which) as u32;
    (network, 1 + bit)
}

/// The addresses of a /24 that are taken when these are.
pub(super) fn addresses(bits: impl Iterator<Item = u32>) -> AllocBits {
    let mut array = AllocBits::clear(256);
    [0, 255].into_iter().chain(bits).for_each(|bit| array.set(BitIndex(bit)));
    array
}

fn network(index: usize) -> Value {
    let (kind, namespace, name) = NETWORKS[index];
    let holders = (0..PODS).flat_map(|number| [place(number, 0), place(number, 1)]);
    let bits = holders.filter(|(network, _)| *network == index).map(|(_, bit)| bit);
    let mut network = json!({
        "apiVersion": format!("{GROUP}/{VERSION}"), "kind": kind.name(), "metadata": {"name": name},
        "spec": {
            "NetworkID": name, "NetworkType": "ipvlan",
            "Options": {"host_device": "ens4", "cidr": format!("10.{index}.0.0/24"), "alloc": addresses(bits).encode()},
        },
    });
    if !namespace.is_empty() {
        network["metadata"]["namespace"] = json!(namespace);
    }
    network
}

fn network_path(index: usize) -> String {
    let (kind, namespace, name) = NETWORKS[index];
    let plural = danm_api::DanmKind::Network(kind).plural();
    match namespace {
        "" => format!("/apis/{GROUP}/{VERSION}/{plural}/{name}"),
        namespace => format!("/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{plural}/{name}"),
    }
}

fn endpoint_name(number: usize, which: usize) -> String {
    format!("{}-eth{}", pod(number), which + 1)
}

fn endpoint(number: usize, which: usize) -> Value {
    let (network, bit) = place(number, which);
    let (kind, _, network_name) = NETWORKS[network];
    json!({
        "apiVersion": format!("{GROUP}/{VERSION}"), "kind": "DanmEp",
        "metadata": {"namespace": "ran", "name": endpoint_name(number, which)},
        "spec": {
            "NetworkName": network_name, "NetworkType": "ipvlan", "apiType": kind.name(),
            "EndpointID": endpoint_name(number, which), "Host": node(number % NODES), "Pod": pod(number),
            "PodUID": uid(number), "CID": format!("{number:064x}"),
            "Interface": {"Name": format!("eth{}", which + 1), "Address": format!("10.{network}.0.{bit}/24")},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_endpoints_of_the_demo_have_the_same_address() {
        let places: Vec<(usize, u32)> =
            (0..PODS).flat_map(|number| [place(number, 0), place(number, 1)]).collect();
        let distinct: BTreeSet<&(usize, u32)> = places.iter().collect();
        assert_eq!(distinct.len(), places.len());
        assert!(places.iter().all(|(_, bit)| (1..255).contains(bit)), "{places:?}");
    }
}
