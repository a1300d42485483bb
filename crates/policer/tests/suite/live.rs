//! `explain` on a cluster: what is served and may be read is listed, nothing is written, and what is missing is told.

use danm_api::DanmKind;
use http::Method;
use operator_runtime::read_manifests;
use sandbox::{Effect, Fault, Match};
use serde_json::json;
use testkit::{Cluster, Server};

use crate::program::{Run, finish, objects, program, run_on};

const ASKED: &str = "explain --from shop/web-0@eth1 --to shop/db-0 --port TCP/5432";

/// A cluster that serves policies, with the objects of the shop.
async fn shop() -> Cluster {
    let cluster = Cluster::empty_on(Server::Sandbox).await.expect("it is in this process");
    let manifests = read_manifests(objects("shop.yaml").as_ref()).expect("we wrote it");
    let objects = manifests.into_iter().flat_map(|manifest| manifest.objects);
    cluster.sandbox().load(objects).expect("loaded");
    cluster
}

async fn ask(cluster: &Cluster, arguments: &str) -> Run {
    let mut command = program(&arguments.split_whitespace().collect::<Vec<_>>());
    command.arg("--kubeconfig").arg(cluster.kubeconfig());
    finish(command, "").await
}

#[tokio::test]
async fn a_cluster_is_explained_like_the_files_it_was_made_from_and_only_read() {
    let cluster = shop().await;
    cluster.sandbox().clear_requests();
    for arguments in [
        ASKED,
        "explain --from shop/web-0 --to 10.96.0.20 --port TCP/5432",
        "explain --from lab/batch-0 --to shop/web-0 --port TCP/80 -o json",
    ] {
        let (expected, _) = run_on("shop.yaml", arguments).await.told();
        assert_eq!(ask(&cluster, arguments).await.clean(), expected, "{arguments}");
    }
    let requests = cluster.sandbox().requests();
    assert!(
        !requests.is_empty() && requests.iter().all(|request| request.method == Method::GET),
        "{requests:#?}"
    );
}

#[tokio::test]
async fn more_objects_than_are_asked_for_at_once_are_read_to_the_end() {
    let cluster = shop().await;
    let many = (0..1200).map(|number| testkit::objects::pod("crowd", &format!("p{number:04}"), "node-a"));
    cluster.sandbox().load(many).expect("loaded");
    let run = ask(&cluster, "explain --from shop/web-0 --to crowd/p1199 --port TCP/80").await;
    assert_eq!(
        run.error(),
        "no address of Pod crowd/p1199 is known: no DanmEp tells one, nor does its status, which counts where there is no DanmEp"
    );
    assert!(ask(&cluster, ASKED).await.clean().starts_with("ALLOWED"));
}

#[tokio::test]
async fn a_list_that_expires_on_the_way_is_begun_anew() {
    let cluster = shop().await;
    let many = (0..600).map(|number| testkit::objects::pod("crowd", &format!("p{number:04}"), "node-a"));
    cluster.sandbox().load(many).expect("loaded");
    let expires = Fault::new(Match::any().path("/api/v1/pods"), Effect::ExpireContinue).times(1);
    let expires = cluster.sandbox().inject(expires);
    assert!(ask(&cluster, ASKED).await.clean().starts_with("ALLOWED"));
    assert_eq!(cluster.sandbox().hits(expires), 1);
}

#[tokio::test]
async fn what_may_not_be_read_and_does_not_decide_is_told_in_one_sentence() {
    let cluster = shop().await;
    forbid(&cluster, "/api/v1/services");
    forbid(&cluster, "/apis/discovery.k8s.io/v1/endpointslices");
    let (text, notes) = ask(&cluster, ASKED).await.told();
    assert!(text.starts_with("ALLOWED"), "{text}");
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].starts_with("note: services, endpointslices cannot be read ("), "{notes:?}");
    assert!(notes[0].ends_with("): the answer does without"), "{notes:?}");
}

#[tokio::test]
async fn without_what_decides_there_is_no_answer() {
    for (path, name) in [
        ("/api/v1/pods", "pods"),
        ("/api/v1/namespaces", "namespaces"),
        ("/apis/danm.k8s.io/v1/danmeps", "danmeps.danm.k8s.io"),
        ("/apis/danm.io/v1/danmnetworkpolicies", "danmnetworkpolicies.danm.io"),
    ] {
        let cluster = shop().await;
        forbid(&cluster, path);
        let run = ask(&cluster, ASKED).await;
        assert!(run.error().starts_with(&format!("cannot read {name}: ")), "{run:#?}");
        assert_eq!(run.err.lines().count(), 1, "{run:#?}");
    }
}

#[tokio::test]
async fn a_cluster_without_policies_or_without_danm_is_told() {
    let cluster = Cluster::empty_on(Server::Sandbox).await.expect("it is in this process");
    let manifests = read_manifests(objects("shop.yaml").as_ref()).expect("we wrote it");
    let all = manifests.into_iter().flat_map(|manifest| manifest.objects);
    cluster.sandbox().load(all.filter(|object| object["kind"] != "DanmNetworkPolicy")).expect("loaded");
    cluster.uninstall_kind(DanmKind::NetworkPolicy).await;
    let (text, notes) =
        ask(&cluster, "explain --from shop/web-0@eth1 --to shop/db-0 --port TCP/80").await.told();
    assert!(text.starts_with("ALLOWED"), "{text}");
    assert_eq!(notes, ["note: the API server serves no DanmNetworkPolicies: nothing is isolated"]);
    cluster.uninstall_kind(DanmKind::DanmEp).await;
    let error = ask(&cluster, ASKED).await;
    assert!(
        error.error().starts_with("the API server serves DanmEps neither in danm.io nor in danm.k8s.io: ")
    );
}

/// Objects that no definition of ours would let in.
#[tokio::test]
async fn what_cannot_be_read_in_a_cluster_holds_up_nobody() {
    let cluster = shop().await;
    cluster.install_without_schemas().await;
    let broken = json!({"apiVersion": "danm.io/v1", "kind": "DanmEp", "metadata": {"name": "odd", "namespace": "shop"}, "spec": "text"});
    cluster.sandbox().load([broken]).expect("loaded");
    let (text, notes) = ask(&cluster, ASKED).await.told();
    assert!(text.starts_with("ALLOWED"), "{text}");
    assert!(
        notes.len() == 1 && notes[0].starts_with("warning: DanmEp shop/odd cannot be read: "),
        "{notes:?}"
    );
}

#[tokio::test]
async fn a_way_to_a_server_that_there_is_not_is_told() {
    let run = crate::program::run(ASKED).await;
    assert!(run.error().starts_with("found no way to an API server: "), "{run:#?}");
    let run = crate::program::run(&format!("{ASKED} --kubeconfig /no/such/file")).await;
    assert!(run.error().starts_with("cannot use kubeconfig /no/such/file: "), "{run:#?}");
}

fn forbid(cluster: &Cluster, path: &str) {
    cluster.sandbox().inject(Fault::new(
        Match::any().method(Method::GET).path(path),
        Effect::Status { code: 403, retry_after: None },
    ));
}
