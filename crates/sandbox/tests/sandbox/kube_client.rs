//! The client that our programs use: it finds, lists, watches and writes here as it does elsewhere.

use futures::{StreamExt, TryStreamExt, pin_mut};
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Pod};
use kube::{
    Api, Client, Discovery, ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions},
    config::{KubeConfigOptions, Kubeconfig},
    discovery,
    runtime::watcher::{self, Event, watcher},
};
use serde_json::{Value, json};

use crate::api_client::Server;

fn pods(names: std::ops::Range<usize>) -> impl Iterator<Item = Value> {
    names.map(|number| {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("p{number:03}"), "namespace": "apps", "uid": format!("uid-{number}")},
            "spec": {"nodeName": "n", "containers": [{"name": "c"}]},
            "status": {"phase": "Running"},
        })
    })
}

#[tokio::test]
async fn its_kubeconfig_is_understood() {
    let server = Server::start();
    let kubeconfig = Kubeconfig::from_yaml(&server.sandbox.kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    let version = Client::try_from(config).unwrap().apiserver_version().await.unwrap();
    assert_eq!(version.major, "1");
}

#[tokio::test]
async fn it_discovers_the_kinds() {
    let server = Server::start();
    let found = Discovery::new(server.client.clone()).run().await.unwrap();
    for group in ["danm.io", "danm.k8s.io", "crd.projectcalico.org", "coordination.k8s.io"] {
        assert!(found.has_group(group), "{group}");
    }
    let group = discovery::group(&server.client, "danm.io").await.unwrap();
    let (_, capabilities) = group.recommended_kind("DanmEp").unwrap();
    assert!(capabilities.supports_operation("watch"));
}

#[tokio::test]
async fn loaded_objects_keep_uid_and_status_and_are_listed_in_chunks() {
    let server = Server::start();
    assert_eq!(server.sandbox.load(pods(0..25)), Ok(25));
    let api: Api<Pod> = Api::all(server.client.clone());
    let mut names = Vec::new();
    let mut params = ListParams::default().limit(10);
    loop {
        let chunk = api.list(&params).await.unwrap();
        names.extend(chunk.items.iter().map(ResourceExt::name_any));
        match chunk.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    assert_eq!((names.len(), names[24].as_str()), (25, "p024"));
    let metadata = api.list_metadata(&ListParams::default()).await.unwrap();
    assert_eq!(metadata.items[3].metadata.uid.as_deref(), Some("uid-3"));
    let pod = Api::<Pod>::namespaced(server.client.clone(), "apps").get("p003").await.unwrap();
    assert_eq!(pod.status.unwrap().phase.as_deref(), Some("Running"));
}

#[tokio::test]
async fn its_watcher_lists_then_follows() {
    let server = Server::start();
    server.sandbox.load(pods(0..3)).unwrap();
    for config in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
        let api: Api<Pod> = Api::namespaced(server.client.clone(), "apps");
        let events = watcher(api.clone(), config);
        pin_mut!(events);
        let mut initial = 0;
        loop {
            match events.try_next().await.unwrap().unwrap() {
                Event::Init => {}
                Event::InitApply(_) => initial += 1,
                Event::InitDone => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(initial, 3);
        api.delete("p000", &DeleteParams::default().grace_period(0)).await.unwrap();
        let event = events.next().await.unwrap().unwrap();
        assert!(matches!(event, Event::Delete(pod) if pod.name_any() == "p000"));
        server.sandbox.load(pods(0..1)).unwrap();
    }
}

#[tokio::test]
async fn it_patches_and_deletes_under_conditions() {
    let server = Server::start();
    let gvk = kube::api::GroupVersionKind::gvk("danm.io", "v1", "DanmNet");
    let (resource, _) = discovery::pinned_kind(&server.client, &gvk).await.unwrap();
    let api: Api<DynamicObject> = Api::namespaced_with(server.client.clone(), "default", &resource);
    let net = DynamicObject::new("n", &resource).data(json!({"spec": {"NetworkID": "n"}}));
    let made = api.create(&PostParams::default(), &net).await.unwrap();
    let patch = |version: &str| {
        Patch::Merge(json!({"metadata": {"resourceVersion": version}, "spec": {"NetworkID": "m"}}))
    };
    let version = made.resource_version().unwrap();
    let changed = api.patch("n", &PatchParams::default(), &patch(&version)).await.unwrap();
    let late = api
        .patch(
            "n",
            &PatchParams::default(),
            &Patch::Merge(json!({"metadata": {"resourceVersion": version}, "spec": {"NetworkID": "x"}})),
        )
        .await;
    assert!(matches!(late, Err(kube::Error::Api(status)) if status.is_conflict()));
    let condition = |uid: &str| {
        let conditions =
            Preconditions { uid: Some(uid.to_owned()), resource_version: changed.resource_version() };
        DeleteParams { preconditions: Some(conditions), ..DeleteParams::default() }
    };
    let other = api.delete("n", &condition("other")).await;
    assert!(matches!(other, Err(kube::Error::Api(status)) if status.is_conflict()));
    api.delete("n", &condition(&changed.uid().unwrap())).await.unwrap();
    assert!(api.get_opt("n").await.unwrap().is_none());
}

#[tokio::test]
async fn a_lease_passes_from_hand_to_hand() {
    let server = Server::start();
    let api: Api<Lease> = Api::namespaced(server.client.clone(), "kube-system");
    let lease: Lease =
        serde_json::from_value(json!({"metadata": {"name": "l"}, "spec": {"holderIdentity": "a"}})).unwrap();
    let mut held = api.create(&PostParams::default(), &lease).await.unwrap();
    let stale = held.clone();
    held.spec.as_mut().unwrap().holder_identity = Some("b".to_owned());
    api.replace("l", &PostParams::default(), &held).await.unwrap();
    let late = api.replace("l", &PostParams::default(), &stale).await;
    assert!(matches!(late, Err(kube::Error::Api(status)) if status.is_conflict()));
}
