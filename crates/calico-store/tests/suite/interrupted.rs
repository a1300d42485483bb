//! Whoever gives addresses back may be killed at any request. What is left is mended by whoever comes next.

use calico_store::{CalicoDatastore, Flavour, KubernetesDatastore, Mode, Outcome, release};
use serde_json::json;
use testkit::Gate;

use crate::calico::{Calico, claim};

const V4: &str = "10.77.0.0/29";

/// A client on the way through a gate.
async fn through(gate: &Gate) -> CalicoDatastore {
    let kubeconfig = kube::config::Kubeconfig::read_from(gate.kubeconfig()).expect("a kubeconfig");
    let options = kube::config::KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("a configuration");
    let client = kube::Client::try_from(config).expect("a client");
    CalicoDatastore::Kubernetes(KubernetesDatastore::new(client, Flavour::CrdV1))
}

async fn prepare(calico: &Calico) {
    calico.block(V4, &[(1, 1), (2, 1), (3, 4)]).await;
    calico.handle(1, &[(V4, 2)]).await;
    calico.handle(4, &[(V4, 1)]).await;
}

/// Scenario 51, at every request.
#[tokio::test]
async fn killed_at_any_request_the_next_release_ends_it() {
    let Ok(calico) = Calico::start().await else { return };
    let claims = [claim("10.77.0.1", 1), claim("10.77.0.2", 1)];
    prepare(&calico).await;
    let gate = Gate::open(calico.cluster().client(), usize::MAX).await.expect("a port");
    release(&through(&gate).await, &claims, Mode::Write).await.expect("it can be used");
    let requests = gate.requests().len();
    assert!(requests >= 7, "{:#?}", gate.requests());

    for last in 1..=requests {
        prepare(&calico).await;
        let gate = Gate::open(calico.cluster().client(), last).await.expect("a port");
        let store = through(&gate).await;
        tokio::select! {
            released = release(&store, &claims, Mode::Write) => panic!("it ended: {released:?}"),
            () = gate.closed() => {}
        }

        let released = calico.release(&claims).await;

        let is_done =
            |outcome: &Outcome| matches!(outcome, Outcome::Released { .. } | Outcome::AlreadyFree(_));
        assert!(released.iter().all(is_done), "{last}: {released:?}");
        assert_eq!(
            calico.allocations(V4).await,
            json!([null, null, null, 0, null, null, null, null]),
            "{last}"
        );
        assert!(!calico.has_handle(1).await, "{last}: {:#?}", gate.requests());
        assert!(calico.has_handle(4).await, "{last}");
    }
}
