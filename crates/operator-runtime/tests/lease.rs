//! Elections on a real API server.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use http::Method;
use kube::Client;
use operator_runtime::{ConnectArgs, Leadership, LeaseConfig, LeaseState, LeaseTimings, Role, connect, lead};
use serde_json::{Value, json};
use testkit::{Cluster, Gate};
use tokio::{sync::watch, time::timeout};

/// As fast as whole seconds in a Lease allow.
const TIMINGS: LeaseTimings = LeaseTimings {
    lease: Duration::from_secs(2),
    renew_deadline: Duration::from_millis(1200),
    retry: Duration::from_millis(200),
};

/// A slow machine under load needs some seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A Lease for one test, on a cluster that it may have for itself.
struct Scene {
    cluster: Cluster,
    name: String,
    timings: LeaseTimings,
}

impl Scene {
    async fn new() -> Option<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let cluster = Cluster::empty().await.ok()?;
        let name = format!("election-{}", COUNT.fetch_add(1, Ordering::SeqCst));
        Some(Self { cluster, name, timings: TIMINGS })
    }

    fn candidate(&self, identity: &str) -> Leadership {
        self.candidate_through(self.cluster.client(), identity)
    }

    fn candidate_through(&self, client: Client, identity: &str) -> Leadership {
        let config = LeaseConfig {
            namespace: "default".to_owned(),
            name: self.name.clone(),
            identity: identity.to_owned(),
            timings: self.timings,
        };
        lead(client, config)
    }

    fn object(&self, spec: &Value) -> Value {
        let metadata = json!({"namespace": "default", "name": self.name});
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec})
    }

    async fn lease(&self) -> Value {
        self.cluster.get(&self.object(&json!({}))).await.expect("there is a Lease")
    }

    async fn patch(&self, patch: &Value) {
        self.cluster.patch(&self.object(&json!({})), patch).await;
    }

    async fn create(&self, spec: &Value) {
        let object = self.object(spec);
        let collection = testkit::collection_of(&object);
        self.cluster.send(Method::POST, &collection, Some(&object)).await.expect("it is not there yet");
    }
}

async fn client(kubeconfig: PathBuf) -> Client {
    let args = ConnectArgs { kubeconfig: Some(kubeconfig), ..ConnectArgs::default() };
    connect(&args).await.expect("the file is good")
}

async fn until(
    state: &mut watch::Receiver<LeaseState>,
    what: &str,
    condition: impl FnMut(&LeaseState) -> bool,
) -> LeaseState {
    let reached = timeout(PATIENCE, state.wait_for(condition)).await;
    let reached = reached.ok().and_then(Result::ok).map(|state| state.clone());
    reached.unwrap_or_else(|| panic!("{what}: still {:?}", state.borrow()))
}

async fn until_leading(candidate: &Leadership) -> LeaseState {
    until(&mut candidate.state(), "to lead", |state| state.role == Role::Leading).await
}

async fn until_behind(candidate: &Leadership, leader: &str) {
    let behind = Role::Standby { holder: Some(leader.to_owned()) };
    until(&mut candidate.state(), "to stand by", |state| state.role == behind).await;
}

#[tokio::test]
async fn one_leads_and_another_takes_over_once_it_is_dead() {
    let Some(scene) = Scene::new().await else { return };
    let a = scene.candidate("a");
    let state = until_leading(&a).await;
    assert!(state.is_leading());
    let b = scene.candidate("b");
    until_behind(&b, "a").await;

    let before = scene.lease().await;
    assert_eq!(before["spec"]["leaseDurationSeconds"], 2);
    drop(a);
    let killed = Instant::now();
    until_leading(&b).await;
    // The last renewal may be as old as a request takes.
    assert!(killed.elapsed() > TIMINGS.lease / 2, "{:?}", killed.elapsed());
    let after = scene.lease().await;
    assert_eq!(after["spec"]["holderIdentity"], "b");
    assert_eq!(after["spec"]["leaseTransitions"], 1);
    assert_ne!(after["spec"]["acquireTime"], before["spec"]["acquireTime"]);
}

#[tokio::test]
async fn a_lease_that_is_given_back_is_taken_at_once() {
    let Some(mut scene) = Scene::new().await else { return };
    scene.timings.lease = PATIENCE * 2;
    let a = scene.candidate("a");
    until_leading(&a).await;
    let b = scene.candidate("b");
    until_behind(&b, "a").await;
    let mut state = a.state();
    let released = Instant::now();
    a.release().await;
    assert!(released.elapsed() < Duration::from_secs(2), "{:?}", released.elapsed());
    assert_eq!(state.borrow_and_update().role, Role::Standby { holder: None });
    until_leading(&b).await;
    assert!(released.elapsed() < Duration::from_secs(5), "{:?}", released.elapsed());
}

#[tokio::test]
async fn whoever_stands_by_gives_nothing_back() {
    let Some(scene) = Scene::new().await else { return };
    let (a, b) = (scene.candidate("a"), scene.candidate("b"));
    let (a, b, leader) = tokio::select! {
        _ = until_leading(&a) => (a, b, "a"),
        _ = until_leading(&b) => (b, a, "b"),
    };
    until_behind(&b, leader).await;
    b.release().await;
    assert_eq!(scene.lease().await["spec"]["holderIdentity"], leader);
    assert!(a.state().borrow().is_leading());
}

#[tokio::test]
async fn what_others_wrote_on_a_lease_survives_and_is_told() {
    let Some(scene) = Scene::new().await else { return };
    scene.create(&json!({})).await;
    scene.patch(&json!({"metadata": {"labels": {"team": "x"}, "annotations": {"first": "1"}}})).await;
    let a = scene.candidate("a");
    let state = until_leading(&a).await;
    assert_eq!(state.annotations.get("first").map(String::as_str), Some("1"));
    scene.patch(&json!({"metadata": {"annotations": {"second": "2"}}})).await;
    let told = |state: &LeaseState| state.annotations.contains_key("second");
    let state = until(&mut a.state(), "to be told", told).await;
    assert!(state.is_leading());
    a.release().await;
    let lease = scene.lease().await;
    assert_eq!(lease["metadata"]["labels"], json!({"team": "x"}));
    assert_eq!(lease["metadata"]["annotations"], json!({"first": "1", "second": "2"}));
    assert_eq!(lease["spec"]["holderIdentity"], "");
}

#[tokio::test]
async fn a_renew_time_that_is_hours_wrong_changes_nothing() {
    for renewed in ["2001-01-01T00:00:00.000000Z", "2199-01-01T00:00:00.000000Z"] {
        let Some(scene) = Scene::new().await else { return };
        let spec = json!({"holderIdentity": "dead", "leaseDurationSeconds": 2, "renewTime": renewed});
        scene.create(&spec).await;
        let started = Instant::now();
        let a = scene.candidate("a");
        until_behind(&a, "dead").await;
        until_leading(&a).await;
        assert!(started.elapsed() >= TIMINGS.lease, "{renewed}: {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_leader_whose_lease_is_deleted_steps_down_and_tries_again() {
    let Some(scene) = Scene::new().await else { return };
    let a = scene.candidate("a");
    let mut state = a.state();
    until_leading(&a).await;
    scene.cluster.delete(&scene.object(&json!({}))).await;
    until(&mut state, "to step down", |state| state.role == Role::Standby { holder: None }).await;
    until_leading(&a).await;
    assert_eq!(scene.lease().await["spec"]["leaseTransitions"], 0);
}

#[tokio::test]
async fn a_leader_that_is_cut_off_has_stepped_down_before_another_leads() {
    let Some(scene) = Scene::new().await else { return };
    let gate = Gate::open(scene.cluster.client(), 6).await.expect("the loopback is free");
    let a = scene.candidate_through(client(gate.kubeconfig()).await, "a");
    until_leading(&a).await;
    let b = scene.candidate("b");
    gate.closed().await;
    let took_over = until_leading(&b).await;
    let stepped_down = a.state().borrow().clone();
    assert!(matches!(stepped_down.role, Role::Unknown { .. }), "{stepped_down:?}");
    assert!(stepped_down.since < took_over.since, "{:?}", took_over.since - stepped_down.since);
}

#[tokio::test]
async fn a_lease_that_may_not_be_used_is_told_with_the_reason() {
    let Some(mut scene) = Scene::new().await else { return };
    let without_rights = scene.cluster.plane().kubeconfig_of("cleaner");
    let a = scene.candidate_through(client(without_rights).await, "a");
    let told =
        |state: &LeaseState| matches!(&state.role, Role::Unknown { reason } if reason.contains("forbidden"));
    let state = until(&mut a.state(), "to be refused", told).await;
    let text = state.role.to_string();
    assert!(text.contains(&format!("Lease default/{}", scene.name)), "{text}");
}
