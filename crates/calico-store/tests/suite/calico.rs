//! A cluster with Calico in it: its kinds as their definitions are where they matter, and its objects as it writes them.

use calico_ipam::{Claim, Proof};
use calico_store::{CalicoDatastore, Flavour, KubernetesDatastore, Mode, Outcome, release};
use http::Method;
use serde_json::{Value, json};
use testkit::{Cluster, Unavailable, calico};

pub use testkit::calico::SEQUENCE_NUMBER;

pub const PATH: &str = "/apis/crd.projectcalico.org/v1";

const V3: (&str, &str) = ("projectcalico.org", "v3");

/// A cluster with Calico, in which nobody has an address.
pub struct Calico {
    cluster: Cluster,
    /// The group and version of its objects.
    api: (&'static str, &'static str),
    pub store: CalicoDatastore,
}

impl Calico {
    /// As nearly everywhere; how its objects are served is found out.
    pub async fn start() -> Result<Self, Unavailable> {
        let cluster = Self::serve(calico::V1).await?;
        let store =
            KubernetesDatastore::discover(cluster.client(), None).await.expect("it says what it serves");
        Ok(Self { cluster, api: calico::V1, store: CalicoDatastore::Kubernetes(store) }.with_pools().await)
    }

    /// With definitions of the newer group.
    pub async fn start_v3() -> Result<Self, Unavailable> {
        let cluster = Self::serve(V3).await?;
        let store = KubernetesDatastore::new(cluster.client(), Flavour::ProjectV3);
        Ok(Self { cluster, api: V3, store: CalicoDatastore::Kubernetes(store) }.with_pools().await)
    }

    /// A cluster that serves its kinds, without any object of them.
    async fn serve(api: (&str, &str)) -> Result<Cluster, Unavailable> {
        let cluster = crate::cluster().await?;
        cluster.install(calico::definitions(api)).await;
        for collection in calico::collections(api) {
            cluster.send(Method::DELETE, &collection, None).await.expect("its objects are deleted");
        }
        Ok(cluster)
    }

    async fn with_pools(self) -> Self {
        self.put("IPPool", "pool4", json!({"cidr": "10.77.0.0/24", "blockSize": 29})).await;
        self.put("IPPool", "pool6", json!({"cidr": "fd00:77::/120", "blockSize": 125})).await;
        self
    }

    /// Where objects of a kind are.
    fn path(&self, kind: &str) -> String {
        format!("/apis/{}/{}/{}s", self.api.0, self.api.1, kind.to_lowercase())
    }

    /// Gives addresses back. The datastore can be used.
    pub async fn release(&self, claims: &[Claim]) -> Vec<Outcome> {
        release(&self.store, claims, Mode::Write).await.expect("it can be used")
    }

    /// The kind of its configuration.
    pub fn config_kind(&self) -> &'static str {
        if self.api == calico::V1 { "IPAMConfig" } else { "IPAMConfiguration" }
    }

    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Makes an object, or makes one anew.
    pub async fn put(&self, kind: &str, name: &str, spec: Value) {
        let object = json!({
            "apiVersion": format!("{}/{}", self.api.0, self.api.1),
            "kind": kind,
            "metadata": {"name": name, "annotations": {"projectcalico.org/metadata": "{}"}},
            "spec": spec,
        });
        let path = self.path(kind);
        let _ = self.cluster.send(Method::DELETE, &format!("{path}/{name}"), None).await;
        self.cluster.send(Method::POST, &path, Some(&object)).await.expect("it is made");
    }

    /// A block in which these places are held by the handles of these containers.
    pub async fn block(&self, cidr: &str, held: &[(usize, u8)]) {
        self.put("IPAMBlock", &cidr.replace(['.', ':', '/'], "-"), block(cidr, held)).await;
    }

    /// The handle of a container, that counts so many addresses in these blocks.
    pub async fn handle(&self, container: u8, blocks: &[(&str, i64)]) {
        let id = handle(container);
        let mut spec = counts(blocks);
        spec["handleID"] = json!(id);
        self.put("IPAMHandle", &id, spec).await;
    }

    /// Removes all objects of a kind.
    pub async fn wipe(&self, kind: &str) {
        self.cluster.send(Method::DELETE, &self.path(kind), None).await.expect("they are deleted");
    }

    /// All objects of a kind.
    pub async fn list(&self, kind: &str) -> Vec<Value> {
        let list = self.cluster.send(Method::GET, &self.path(kind), None).await.expect("a list");
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// An object as it is now.
    pub async fn get(&self, kind: &str, name: &str) -> Option<Value> {
        self.cluster.send(Method::GET, &format!("{}/{name}", self.path(kind)), None).await.ok()
    }

    /// Whether a container has a handle.
    pub async fn has_handle(&self, container: u8) -> bool {
        self.get("IPAMHandle", &handle(container)).await.is_some()
    }

    pub async fn allocations(&self, cidr: &str) -> Value {
        let block = self.get("IPAMBlock", &cidr.replace(['.', ':', '/'], "-")).await.expect("a block");
        block["spec"]["allocations"].clone()
    }
}

/// A block of eight addresses in which these places are held by the handles of these containers.
pub fn block(cidr: &str, held: &[(usize, u8)]) -> Value {
    let attributes: Vec<Value> = held.iter().map(|(_, container)| attribute(*container)).collect();
    let mut allocations = vec![Value::Null; 8];
    for (index, (place, _)) in held.iter().enumerate() {
        allocations[*place] = json!(index);
    }
    let unallocated: Vec<usize> = (0..8).filter(|place| allocations[*place].is_null()).collect();
    let numbers: serde_json::Map<String, Value> =
        held.iter().map(|(place, _)| (place.to_string(), json!(SEQUENCE_NUMBER - 1))).collect();
    json!({
        "cidr": cidr, "affinity": "host:node-a", "allocations": allocations, "unallocated": unallocated,
        "attributes": attributes, "sequenceNumber": SEQUENCE_NUMBER,
        "sequenceNumberForAllocation": numbers, "deleted": false, "strictAffinity": false,
    })
}

/// What a handle counts.
pub fn counts(blocks: &[(&str, i64)]) -> Value {
    let blocks: serde_json::Map<String, Value> =
        blocks.iter().map(|(cidr, count)| ((*cidr).to_owned(), json!(count))).collect();
    json!({"block": blocks, "deleted": false})
}

/// The handle of the container of this number.
pub fn handle(container: u8) -> String {
    format!("net.{}", id(container))
}

fn id(container: u8) -> String {
    format!("{container:064x}")
}

/// The claim of an endpoint whose Pod had an address in the container of this number.
pub fn claim(address: &str, container: u8) -> Claim {
    Claim {
        address: address.parse().expect("an address"),
        proof: Proof::Endpoint {
            container: id(container),
            namespace: "ran".to_owned(),
            pod: "du-0".to_owned(),
            nodes: vec!["node-a".to_owned()],
        },
    }
}

fn attribute(container: u8) -> Value {
    json!({
        "handle_id": handle(container),
        "secondary": {
            "namespace": "ran", "node": "node-a", "pod": "du-0", "timestamp": "2026-08-01 10:00:00 +0000 UTC",
        },
    })
}
