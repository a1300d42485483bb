//! Users with some rights, on the real API server: the one in memory knows no rights. Each test has a user of its own, so
//! that what is granted in one is not there in another.

use http::Method;
use serde_json::{Value, json};
use testkit::Cluster;

use crate::program::{Run, ask};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const READ: [&str; 3] = ["get", "list", "watch"];
const GROUPS: [&str; 2] = ["danm.k8s.io", "danm.io"];

/// Everything of a namespace that Showalloc reads.
const OF_NAMESPACE: [&str; 5] = ["pods", "danmnets", "tenantnetworks", "danmeps", "reservedips"];

/// Everything else.
const OF_CLUSTER: [&str; 3] = ["nodes", "namespaces", "clusternetworks"];

/// Gives a user the right to do these things with these resources, in one namespace or in all and outside any.
pub async fn grant(
    cluster: &Cluster,
    user: &str,
    namespace: Option<&str>,
    resources: &[&str],
    verbs: &[&str],
) {
    let name = format!("{user}-{}", resources.join("-"));
    let (kind, place) = match namespace {
        Some(namespace) => ("Role", format!("{RBAC}/namespaces/{namespace}")),
        None => ("ClusterRole", RBAC.to_owned()),
    };
    let metadata = json!({"name": name, "namespace": namespace});
    let groups = json!(["", GROUPS[0], GROUPS[1]]);
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "rules": [{"apiGroups": groups, "resources": resources, "verbs": verbs}],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": format!("{kind}Binding"),
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    });
    for object in [role, binding] {
        let collection = format!("{place}/{}s", object["kind"].as_str().unwrap_or_default().to_lowercase());
        cluster.send(Method::POST, &collection, Some(&object)).await.expect("it is taken");
    }
    for resource in resources {
        while !may(cluster, user, namespace, resource, verbs[0]).await {
            tokio::task::yield_now().await;
        }
    }
}

/// The authorizer learns of roles by a watch of its own.
async fn may(cluster: &Cluster, user: &str, namespace: Option<&str>, resource: &str, verb: &str) -> bool {
    let attributes = json!({"group": if resource == "pods" {""} else if resource == "nodes" || resource == "namespaces" {""} else {GROUPS[0]}, "resource": resource, "verb": verb, "namespace": namespace.unwrap_or_default()});
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": attributes},
    });
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let answer = cluster.send(Method::POST, path, Some(&review)).await.expect("an answer");
    answer["status"]["allowed"] == true
}

#[tokio::test]
async fn scratch_rights() {
    let Some(cluster) = crate::town::town().await else { return };
    grant(&cluster, "tenant", Some("ran"), &OF_NAMESPACE, &READ).await;
    grant(&cluster, "neighbour", Some("ran"), &OF_NAMESPACE, &READ).await;
    grant(&cluster, "neighbour", None, &["clusternetworks"], &READ).await;
    grant(&cluster, "judge", Some("ran"), &OF_NAMESPACE, &READ).await;
    grant(&cluster, "judge", None, &OF_CLUSTER, &READ).await;
    grant(&cluster, "reader", None, &[&OF_NAMESPACE[..], &OF_CLUSTER].concat(), &READ).await;
    grant(&cluster, "lister", None, &[&OF_NAMESPACE[..], &OF_CLUSTER].concat(), &["get", "list"]).await;
    grant(&cluster, "no-reservations", None, &[&OF_NAMESPACE[..4], &OF_CLUSTER].concat(), &READ).await;
    grant(&cluster, "only-endpoints", None, &["danmeps"], &READ).await;
    let text = std::fs::read_to_string("/tmp/showalloc-rights").expect("commands");
    for line in text.lines() {
        let begun = std::time::Instant::now();
        let k = cluster.kubeconfig();
        let args: Vec<&str> = ["9", env!("CARGO_BIN_EXE_showalloc")]
            .into_iter()
            .chain(line.split_whitespace())
            .chain(["--kubeconfig", k.to_str().expect("t")])
            .collect();
        let run: Run =
            crate::program::run(crate::program::command(std::path::Path::new("/usr/bin/timeout"), &args))
                .await;
        println!(
            "\n$ {line}   -> {:?} in {:?}\n{}--- stderr\n{}",
            run.code,
            begun.elapsed(),
            run.out,
            run.err
        );
    }
}
