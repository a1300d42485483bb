//! Users with some rights, on the real API server: the one in memory knows no rights.

use danm_api::DanmKind;
use http::Method;
use serde_json::{Value, json};
use testkit::{Cluster, collection_of, manifests};

use crate::{
    access::fails_with,
    program::clean,
    running::{Running, eventually},
    shapes,
};

const READ: [&str; 2] = ["list", "watch"];

/// Gives the user `cleaner` exactly these rights, as `(group, resource, verbs)`.
async fn grant(cluster: &Cluster, rights: &[(&str, &str, &[&str])]) {
    let rule = |(group, resource, verbs): &(&str, &str, &[&str])| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs});
    let roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "cleaner"},
        "rules": rights.iter().map(rule).collect::<Vec<Value>>(),
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "cleaner"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cleaner"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "cleaner"}],
    });
    // One of an earlier test may be there.
    let _ = cluster.send(Method::DELETE, &format!("{roles}/cleaner"), None).await;
    cluster.send(Method::POST, roles, Some(&role)).await.expect("a role");
    let bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    let _ = cluster.send(Method::DELETE, &format!("{bindings}/cleaner"), None).await;
    for binding in ["danm-cleaner", "danm-cleaner-calico"] {
        let _ = cluster.send(Method::DELETE, &format!("{bindings}/{binding}"), None).await;
    }
    let in_namespace =
        "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-node-lease/rolebindings/danm-cleaner";
    let _ = cluster.send(Method::DELETE, in_namespace, None).await;
    cluster.send(Method::POST, bindings, Some(&binding)).await.expect("a binding");
    let no_right = [("", "events", &["create"][..])];
    let may_listen = rights.iter().any(|(_, resource, _)| *resource == "leases");
    let listen = [("coordination.k8s.io", "leases", &["get"][..])];
    while !may_list_as_granted(cluster, rights).await
        || may_list_as_granted(cluster, &no_right).await
        || may_list_as_granted(cluster, &listen).await != may_listen
    {
        tokio::task::yield_now().await;
    }
}

/// The authorizer learns of roles by a watch of its own.
async fn may_list_as_granted(cluster: &Cluster, rights: &[(&str, &str, &[&str])]) -> bool {
    for (group, resource, verbs) in rights {
        let namespace = if *resource == "leases" { "kube-node-lease" } else { "" };
        let attributes =
            json!({"group": group, "resource": resource, "verb": verbs[0], "namespace": namespace});
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": "cleaner", "resourceAttributes": attributes},
        });
        let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        let answer = cluster.send(Method::POST, path, Some(&review)).await.expect("an answer");
        if answer["status"]["allowed"] != true {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn without_rights_nothing_is_judged() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    shapes::fill(&mut cluster).await;
    grant(
        &cluster,
        &[
            ("", "nodes", &READ),
            ("", "namespaces", &READ),
            ("danm.k8s.io", "*", &READ),
            ("danm.io", "*", &READ),
        ],
    )
    .await;

    let run = clean(&cluster.plane().kubeconfig_of("cleaner"), &[]).await;

    fails_with(&run, &["cannot read pods", "forbidden"]);
    assert_eq!(run.out, "", "no verdict");
}

/// Scenario 64.
#[tokio::test]
async fn what_depends_on_networks_that_cannot_be_read_is_held_and_the_rest_goes() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    shapes::fill(&mut cluster).await;
    grant(
        &cluster,
        &[
            ("", "pods", &["list", "watch", "get"]),
            ("", "nodes", &["list", "watch", "get"]),
            ("coordination.k8s.io", "leases", &["get"]),
            ("", "namespaces", &READ),
            ("danm.k8s.io", "danmeps", &["list", "watch", "delete"]),
            ("danm.k8s.io", "danmnets", &["list", "watch", "get", "patch"]),
            ("danm.k8s.io", "clusternetworks", &["list", "watch", "get", "patch"]),
            ("danm.io", "*", &["list", "watch", "get", "patch", "delete"]),
            ("crd.projectcalico.org", "*", &["list", "get", "update", "delete"]),
        ],
    )
    .await;

    let run = clean(&cluster.plane().kubeconfig_of("cleaner"), &[]).await;

    fails_with(&run, &["tenantnetworks.danm.k8s.io", "forbidden"]);
    let expected = shapes::REPORT.replace(
        "tenant-net dangling pod-gone released 10.0.0.5=danm:free",
        "tenant-net dangling network-unreadable held 10.0.0.5=danm:keep",
    );
    assert_eq!(run.lines().join("\n"), expected);
}

/// Gives the user `cleaner` the rights that the manifest gives to the service account.
async fn deploy(cluster: &Cluster) {
    let of_calico = manifests::objects_in("cleaner/calico-kubernetes/rbac.yaml");
    for mut object in manifests::objects_in("cleaner/rbac.yaml").into_iter().chain(of_calico) {
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        if kind == "ServiceAccount" {
            continue;
        }
        if kind.ends_with("Binding") {
            object["subjects"] =
                json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "cleaner"}]);
        }
        let collection = collection_of(&object);
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        // Those of an earlier test may be there.
        let _ = cluster.send(Method::DELETE, &format!("{collection}/{name}"), None).await;
        cluster.send(Method::POST, &collection, Some(&object)).await.expect("it is taken");
    }
    // Nothing else.
    let bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    let _ = cluster.send(Method::DELETE, &format!("{bindings}/cleaner"), None).await;
    while !may_list_as_granted(cluster, &[("danm.io", "reservedips", &READ)]).await
        || may_list_as_granted(cluster, &[("danm.io", "reservedips", &["delete"])]).await
    {
        tokio::task::yield_now().await;
    }
}

/// Every field of it is one that the API server knows.
#[tokio::test]
async fn the_deployment_of_the_manifest_is_valid() {
    let Ok(cluster) = crate::cluster().await else { return };
    let deployment = manifests::objects_in("cleaner/deployment.yaml").remove(0);
    let path = format!("{}?dryRun=All&fieldValidation=Strict", collection_of(&deployment));
    cluster.send(Method::POST, &path, Some(&deployment)).await.expect("it is taken");
}

#[tokio::test]
async fn the_rights_of_the_manifest_are_enough_for_a_pass() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    shapes::fill(&mut cluster).await;
    deploy(&cluster).await;

    let run = clean(&cluster.plane().kubeconfig_of("cleaner"), &[]).await;

    run.ends_with(0);
    assert_eq!(run.lines().join("\n"), shapes::REPORT);
}

#[tokio::test]
async fn the_rights_of_the_manifest_are_enough_for_the_controller() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let lease = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/danm-cleaner";
    let _ = cluster.send(Method::DELETE, lease, None).await;
    shapes::fill(&mut cluster).await;
    deploy(&cluster).await;

    let cleaner = Running::start(&cluster.plane().kubeconfig_of("cleaner"), &["--log-format", "text"]).await;

    eventually("the dead are gone", async || cluster.names(DanmKind::DanmEp).await == shapes::survivors())
        .await;
    eventually("there is an Event", async || {
        let events = cluster.send(Method::GET, "/api/v1/namespaces/ran/events", None).await.expect("events");
        events["items"].to_string().contains("AddressesReleased")
    })
    .await;
    assert!(cluster.send(Method::GET, lease, None).await.is_ok(), "it holds the Lease");
    assert!(!cleaner.log().contains("forbidden"), "{}", cleaner.log());
}

#[tokio::test]
async fn the_rights_of_the_manifest_are_enough_to_tell_of_the_brake() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let lease = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/danm-cleaner";
    let _ = cluster.send(Method::DELETE, lease, None).await;
    shapes::fill(&mut cluster).await;
    deploy(&cluster).await;

    let kubeconfig = cluster.plane().kubeconfig_of("cleaner");
    let cleaner = Running::start(&kubeconfig, &["--max-release", "0", "--max-release-min", "0"]).await;

    eventually("it holds", async || cleaner.metric("danm_cleaner_brake").await == Some(1.0)).await;
    let lease = cluster.send(Method::GET, lease, None).await.expect("it holds the Lease");
    let uid = lease["metadata"]["uid"].as_str().expect("a uid");
    // As kubectl describe asks for them.
    let path = format!("/api/v1/namespaces/kube-system/events?fieldSelector=involvedObject.uid%3D{uid}");
    eventually("there is an Event", async || {
        let events = cluster.send(Method::GET, &path, None).await.expect("events");
        events["items"].to_string().contains("BrakeHolds")
    })
    .await;
}

/// What a kubelet has stopped is known from its Lease; whoever may not read that takes nobody's word for it.
#[tokio::test]
async fn where_kubelets_may_not_be_listened_to_what_rests_on_them_stays() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    shapes::fill(&mut cluster).await;
    let all = ["list", "watch", "get", "patch", "delete"];
    grant(
        &cluster,
        &[("", "*", &["list", "watch", "get"]), ("danm.k8s.io", "*", &all), ("danm.io", "*", &all)],
    )
    .await;

    let run = clean(&cluster.plane().kubeconfig_of("cleaner"), &[]).await;

    fails_with(&run, &["could not be released"]);
    let rows = run.rows();
    let row = |name: &str| rows.iter().find(|row| row["name"] == name).expect("a row").clone();
    assert_eq!(row("dead")["action"], "failed");
    assert!(
        row("dead")["error"].as_str().is_some_and(|error| error.contains("lease kube-node-lease/node-a"))
    );
    assert_eq!(row("lost-node")["action"], "released", "no kubelet has a say in that");
}

#[tokio::test]
async fn a_network_that_may_not_be_written_keeps_its_endpoints_and_they_are_told() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    shapes::fill(&mut cluster).await;
    let before = cluster.names(DanmKind::DanmEp).await;
    grant(
        &cluster,
        &[
            ("", "*", &["list", "watch", "get"]),
            ("coordination.k8s.io", "leases", &["get"]),
            ("danm.k8s.io", "*", &["list", "watch", "get"]),
            ("danm.io", "*", &["list", "watch", "get", "patch", "delete"]),
        ],
    )
    .await;

    let run = clean(&cluster.plane().kubeconfig_of("cleaner"), &[]).await;

    fails_with(&run, &["could not be released"]);
    let rows = run.rows();
    let dead = rows.iter().find(|row| row["name"] == "dead").expect("a row");
    assert_eq!(dead["action"], "failed");
    assert!(dead["error"].as_str().is_some_and(|error| error.contains("forbidden")), "{dead:#}");
    let left: Vec<String> = before.into_iter().filter(|name| name != "new-dialect").collect();
    assert_eq!(cluster.names(DanmKind::DanmEp).await, left, "only the other dialect's may go");
}
