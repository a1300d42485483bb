//! Two Cleaners of which one acts: what happens in the middle of a large batch when that one is killed, or told to
//! stop. Each request at which a single one can be killed is `crash.rs`'s.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use testkit::Cluster;

use crate::{
    batch::{Batch, DEAD},
    running::{Running, eventually},
};

const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";

/// All of a batch may go: the brake is tested elsewhere.
const ARGUMENTS: [&str; 2] = ["--max-release", "100%"];

/// The Lease, as it is held by somebody who is gone and will not be missed for an hour.
async fn withhold_lease(cluster: &Cluster) {
    // One of an earlier test may be there.
    let _ = cluster.send(Method::DELETE, &format!("{LEASES}/danm-cleaner"), None).await;
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"namespace": "kube-system", "name": "danm-cleaner"},
        "spec": {"holderIdentity": "nobody", "leaseDurationSeconds": 3600},
    });
    cluster.send(Method::POST, LEASES, Some(&lease)).await.expect("a Lease");
}

async fn give_lease(cluster: &Cluster) {
    let spec = json!({"spec": {"holderIdentity": ""}});
    cluster.send(Method::PATCH, &format!("{LEASES}/danm-cleaner"), Some(&spec)).await.expect("patched");
}

async fn holder(cluster: &Cluster) -> Value {
    let lease = cluster.send(Method::GET, &format!("{LEASES}/danm-cleaner"), None).await.expect("a Lease");
    lease["spec"]["holderIdentity"].clone()
}

async fn leads(cleaner: &Running) -> bool {
    cleaner.metric("danm_cleaner_leading").await == Some(1.0)
}

/// Waits until one of two leads. Gives the leader, and the standby.
async fn sorted(one: Running, other: Running) -> (Running, Running) {
    eventually("one leads", async || leads(&one).await || leads(&other).await).await;
    if leads(&one).await { (one, other) } else { (other, one) }
}

/// Two that have seen everything; one of them leads by now, and is at work.
async fn pair(cluster: &Cluster) -> (Running, Running) {
    withhold_lease(cluster).await;
    let one = Running::start(&cluster.kubeconfig(), &ARGUMENTS).await;
    let other = Running::start(&cluster.kubeconfig(), &ARGUMENTS).await;
    one.idle().await;
    other.idle().await;
    give_lease(cluster).await;
    sorted(one, other).await
}

/// Scenarios 24, 25 and 28 with a standby: what the dead leader freed is given to others before the next one leads,
/// whether or not the endpoint is gone, or the dead one knew what came of its requests.
#[tokio::test]
async fn a_leader_killed_in_the_middle_of_a_batch_is_replaced_in_under_five_seconds_and_nothing_is_done_twice()
 {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let mut batch = Batch::fill(&mut cluster).await;
    let (mut leader, mut standby) = pair(&cluster).await;
    let mut contested = 0;
    for gone in [1, 250, 500, 750, 1000] {
        eventually("enough are gone", async || DEAD - batch.left(&cluster).await >= gone).await;
        let dead = holder(&cluster).await;

        leader.kill().await;

        let killed = Instant::now();
        let left = batch.left(&cluster).await;
        assert!(left > 0 && left < DEAD, "{left} of {DEAD} are left: that is not the middle");
        contested += batch.give_away(&mut cluster).await;
        let next = Running::start(&cluster.kubeconfig(), &ARGUMENTS).await;
        eventually("another leads", async || holder(&cluster).await != dead).await;
        let took = killed.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?} after the kill at {gone}");
        eprintln!("killed with {left} left, replaced after {took:?}");
        next.idle().await;
        (leader, standby) = sorted(standby, next).await;
    }
    batch.ends_clean(&cluster).await;
    assert!(
        contested > 0,
        "no address was freed whose endpoint was still there: nothing was put to the test"
    );
    drop((leader, standby));
}

/// Scenario 65. What is under way may be finished, or be left to the next.
#[tokio::test]
async fn a_leader_told_to_stop_in_the_middle_of_a_batch_is_replaced_in_under_two_seconds() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let mut batch = Batch::fill(&mut cluster).await;
    let (leader, standby) = pair(&cluster).await;
    eventually("it is at work", async || DEAD - batch.left(&cluster).await >= 200).await;

    let left = batch.left(&cluster).await;
    assert!(left > 0, "nothing is left: that is not the middle");
    let told = Instant::now();
    let (ended, success) = leader.stop().await;
    eventually("another leads", async || leads(&standby).await).await;

    let took = told.elapsed();
    assert!(success, "it ends in order");
    assert!(took < Duration::from_secs(2), "{took:?}, and {ended:?} to end");
    eprintln!("told with {left} left, ended after {ended:?}, replaced after {took:?}");
    batch.give_away(&mut cluster).await;
    batch.ends_clean(&cluster).await;
}
