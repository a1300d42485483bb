//! The loss of a Node with the real controllers that clean up after it.

use std::time::Duration;

use testkit::objects;

use crate::{
    network::{endpoint, network, pod},
    program::clean,
    running::within,
};

/// The collector looks every 20 s, and believes that a Node is gone after 40 s.
const COLLECTS: Duration = Duration::from_secs(120);

/// The real Pod garbage collector takes the Pods of a Node that is gone; then the addresses go.
#[tokio::test]
async fn a_node_that_is_lost_for_good_gives_its_addresses_back() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let lost = objects::node("node-lost", "True");
    let pod_on_lost = objects::pod("ran", "on-lost", "node-lost");
    cluster.create([objects::node("node-a", "True"), lost.clone()]).await;
    cluster.create([pod_on_lost.clone(), pod("on-a"), network(&[5, 6])]).await;
    let on_lost = objects::with(endpoint("ep-on-lost", "on-lost", "10.0.0.5"), "/spec/Host", "node-lost");
    cluster.create([on_lost, endpoint("ep-on-a", "on-a", "10.0.0.6")]).await;
    let controllers =
        cluster.plane().start_controllers(&["pod-garbage-collector-controller"]).expect("started");
    cluster.delete(&lost).await;

    within(COLLECTS, "the Pod is collected", async || cluster.get(&pod_on_lost).await.is_none()).await;
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
