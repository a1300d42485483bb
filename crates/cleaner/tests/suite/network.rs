//! The network that most tests are about, `ran/n` of 10.0.0.0/24, with the Pods and endpoints on it.

use danm_api::{ApiGroup, NetworkKind};
use serde_json::{Value, json};
use testkit::{Cluster, objects};

pub const GROUP: ApiGroup = ApiGroup::DanmK8sIo;

const NAME: &str = "n";

/// The network with these bits set.
pub fn network(set: &[u32]) -> Value {
    objects::with_bits(objects::network(GROUP, NetworkKind::DanmNet, "ran", NAME), set)
}

/// A Pod on `node-a`.
pub fn pod(name: &str) -> Value {
    objects::pod("ran", name, "node-a")
}

/// An endpoint of a Pod, which need not be there.
pub fn endpoint(name: &str, pod: &str, address: &str) -> Value {
    let endpoint = objects::endpoint(GROUP, "ran", name, pod, NAME);
    objects::with(endpoint, "/spec/Interface/Address", format!("{address}/24"))
}

/// The bits that are set.
pub async fn bits(cluster: &Cluster) -> Vec<u32> {
    let network = cluster.get(&network(&[])).await.expect("it is there");
    objects::set_bits(network["spec"]["Options"]["alloc"].as_str().expect("an array"))
}

/// Sets these bits and no other, as somebody else would.
pub async fn set(cluster: &Cluster, bits: &[u32]) {
    cluster.patch(&network(&[]), &json!({"spec": {"Options": {"alloc": objects::alloc(bits)}}})).await;
}
