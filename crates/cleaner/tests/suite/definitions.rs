//! The CRDs on a real API server: what kubectl shows of the objects, and that nothing of them is lost.

use danm_api::{ApiGroup, DanmKind, NetworkKind};
use serde_json::json;
use testkit::{Cluster, ControlPlane, objects, samples};
use tokio::process::Command;

use crate::program::clean;

/// What kubectl prints.
pub async fn kubectl(cluster: &mut Cluster, arguments: &[&str]) -> String {
    let kubeconfig = cluster.kubeconfig();
    let mut kubectl = Command::new(ControlPlane::binary("kubectl"));
    let output =
        kubectl.arg("--kubeconfig").arg(kubeconfig).args(arguments).output().await.expect("it was built");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn kubectl_knows_the_short_names_and_shows_the_columns() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let network = objects::network(ApiGroup::DanmK8sIo, NetworkKind::TenantNetwork, "ran", "t");
    cluster.create([objects::with_bits(network, &[])]).await;
    let endpoint = objects::endpoint(ApiGroup::DanmK8sIo, "ran", "e", "p", "t");
    cluster.create([objects::with(endpoint, "/spec/Interface/Address", "10.0.0.5/24")]).await;

    let networks = kubectl(&mut cluster, &["get", "tnet.danm.k8s.io", "-A"]).await;
    let endpoints = kubectl(&mut cluster, &["get", "dep.danm.k8s.io", "-n", "ran", "-o", "wide"]).await;

    for word in ["NAMESPACE", "NAME", "ipvlan", "10.0.0.0/24"] {
        assert!(networks.contains(word), "{word} is missing:\n{networks}");
    }
    for word in ["POD", "10.0.0.5/24", "node-a"] {
        assert!(endpoints.contains(word), "{word} is missing:\n{endpoints}");
    }
}

#[tokio::test]
async fn the_server_takes_every_sample_and_gives_it_back_whole() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    for object in samples::objects() {
        if DanmKind::ALL.iter().all(|kind| object["kind"] != kind.name()) {
            continue;
        }
        let created = cluster.create_one(object.clone()).await;
        let stored = match created {
            Ok(stored) => stored,
            Err(reason) if reason.contains("AlreadyExists") => continue,
            Err(reason) => panic!("{reason}"),
        };
        assert_eq!(stored["spec"], object["spec"], "{}", object["metadata"]["name"]);
    }
}

#[tokio::test]
async fn a_release_keeps_every_field_it_does_not_know() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let network = objects::network(ApiGroup::DanmIo, NetworkKind::DanmNet, "ran", "n");
    let network =
        objects::with(objects::with_bits(network, &[5]), "/spec/future", json!({"deep": [1, null, "x"]}));
    let network =
        objects::with(network, "/spec/Options/vendor", json!({"a": 18_446_744_073_709_551_615_u64}));
    let network = objects::with(network, "/metadata/annotations/other", "kept");
    cluster.create([objects::node("node-a", "True"), network.clone()]).await;
    let endpoint = objects::endpoint(ApiGroup::DanmIo, "ran", "dead", "gone", "n");
    cluster.create([objects::with(endpoint, "/spec/Interface/Address", "10.0.0.5/24")]).await;
    let mut before = cluster.get(&network).await.expect("it was made");

    clean(&cluster.kubeconfig(), &[]).await.ends_with(0);

    let mut after = cluster.get(&network).await.expect("it is there");
    assert_eq!(after["spec"]["Options"]["alloc"], json!(objects::alloc(&[])));
    assert!(after["metadata"]["annotations"]["danm.io/cleaner-released"].is_string());
    after["metadata"]["annotations"].as_object_mut().expect("annotations").remove("danm.io/cleaner-released");
    for object in [&mut before, &mut after] {
        object["spec"]["Options"]["alloc"] = json!(null);
        for volatile in ["resourceVersion", "generation", "managedFields"] {
            object["metadata"][volatile] = json!(null);
        }
    }
    assert_eq!(after, before);
}
