//! The loss of a Node with the real controllers that clean up after it.

use std::time::Duration;

use danm_api::{ApiGroup, NetworkKind};
use testkit::objects;

use crate::program::clean;

const GROUP: ApiGroup = ApiGroup::DanmK8sIo;

/// The real Pod garbage collector takes the Pods of a Node that is gone; then the addresses go.
#[tokio::test]
async fn a_node_that_is_lost_for_good_gives_its_addresses_back() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let lost = objects::node("node-lost", "True");
    let pods = [objects::pod("ran", "on-lost", "node-lost"), objects::pod("ran", "on-a", "node-a")];
    cluster.create([objects::node("node-a", "True"), lost.clone()]).await;
    cluster.create(pods.clone()).await;
    cluster
        .create([objects::with_bits(objects::network(GROUP, NetworkKind::DanmNet, "ran", "n"), &[5, 6])])
        .await;
    let endpoint = |pod: &str, host: &str, address: &str| {
        let endpoint = objects::endpoint(GROUP, "ran", &format!("ep-{pod}"), pod, "n");
        let endpoint = objects::with(endpoint, "/spec/Interface/Address", address);
        objects::with(endpoint, "/spec/Host", host)
    };
    cluster
        .create([endpoint("on-lost", "node-lost", "10.0.0.5/24"), endpoint("on-a", "node-a", "10.0.0.6/24")])
        .await;
    let controllers =
        cluster.plane().start_controllers(&["pod-garbage-collector-controller"]).expect("started");
    cluster.delete(&lost).await;

    while cluster.get(&pods[0]).await.is_some() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    drop(controllers);
    let run = clean(&cluster.kubeconfig(), &[]).await;

    run.ends_with(0);
    assert_eq!(
        run.lines(),
        [
            "ep-on-a live pod-exists kept 10.0.0.6=danm:keep",
            "ep-on-lost dangling node-gone released 10.0.0.5=danm:free",
        ]
    );
}
