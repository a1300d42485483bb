//! An agent with some rights, on the real API server: the one in memory knows no rights.

use http::Method;
use serde_json::{Value, json};
use testkit::{Cluster, eventually};

use crate::policies::{agent_of, becomes, clear, condition, fine, policies, shows};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const GROUP: &str = "rbac.authorization.k8s.io";

/// The rights that an agent needs, but for that to write the status of policies.
fn rights() -> Vec<Value> {
    let rule = |groups: &[&str], resources: &[&str], verbs: &[&str]| json!({"apiGroups": groups, "resources": resources, "verbs": verbs});
    let read = ["list", "watch"];
    let danm = ["danmeps", "danmnets", "tenantnetworks", "clusternetworks", "danmnetworkpolicies"];
    vec![
        rule(&[""], &["namespaces", "pods", "services"], &read),
        rule(&["discovery.k8s.io"], &["endpointslices"], &read),
        rule(&["danm.k8s.io", "danm.io"], &danm, &read),
        rule(&[""], &["events"], &["create"]),
        rule(&["coordination.k8s.io"], &["leases"], &["create", "get", "update"]),
    ]
}

fn to_write() -> Value {
    json!({"apiGroups": ["danm.k8s.io", "danm.io"], "resources": ["danmnetworkpolicies/status"], "verbs": ["patch"]})
}

/// Gives the user `policer` exactly these rights.
async fn grant(cluster: &Cluster, rules: &[Value]) {
    let metadata = json!({"name": "policer"});
    let role = json!({"apiVersion": format!("{GROUP}/v1"), "kind": "ClusterRole", "metadata": metadata, "rules": rules});
    let binding = json!({
        "apiVersion": format!("{GROUP}/v1"),
        "kind": "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": "policer"},
        "subjects": [{"apiGroup": GROUP, "kind": "User", "name": "policer"}],
    });
    for (collection, object) in [("clusterroles", role), ("clusterrolebindings", binding)] {
        // One of an earlier test may be there.
        let _ = cluster.send(Method::DELETE, &format!("{RBAC}/{collection}/policer"), None).await;
        cluster
            .send(Method::POST, &format!("{RBAC}/{collection}"), Some(&object))
            .await
            .expect("it is taken");
    }
    let may_write = rules.contains(&to_write());
    eventually("the authorizer knows", async || {
        may(cluster, "danmnetworkpolicies", "", "list").await
            && may(cluster, "danmnetworkpolicies", "status", "patch").await == may_write
    })
    .await;
}

async fn may(cluster: &Cluster, resource: &str, subresource: &str, verb: &str) -> bool {
    let attributes =
        json!({"group": "danm.io", "resource": resource, "subresource": subresource, "verb": verb});
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": "policer", "resourceAttributes": attributes},
    });
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let answer = cluster.send(Method::POST, path, Some(&review)).await.expect("an answer");
    answer["status"]["allowed"] == true
}

#[tokio::test]
async fn whoever_may_not_write_says_so_and_goes_on_to_report() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    clear(&cluster).await;
    cluster.create([fine("p")]).await;
    grant(&cluster, &rights()).await;
    let kubeconfig = cluster.plane().kubeconfig_of("policer").display().to_string();

    let agent = agent_of(&kubeconfig).await;

    agent.ready().await;
    eventually("it says so", async || {
        agent.log().contains("cannot write status.conditions of DanmNetworkPolicy tenant/p (danm.io): ")
            && agent.log().contains("User \"policer\" cannot patch resource \"danmnetworkpolicies/status\"")
    })
    .await;
    shows(&agent, "danm_policer_troubles", 1.0).await;
    assert!(agent.state().await["troubles"].to_string().contains("forbidden"));
    cluster.create([fine("q")]).await;
    shows(&agent, &policies("accepted"), 2.0).await;
    assert!(condition(&cluster, &fine("p"), "Accepted").await.is_none());

    grant(&cluster, &[rights(), vec![to_write()]].concat()).await;

    becomes(&cluster, &fine("p"), "Accepted", "True Accepted").await;
    shows(&agent, "danm_policer_troubles", 0.0).await;
}

#[tokio::test]
async fn the_rights_that_are_listed_are_enough() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    clear(&cluster).await;
    let bad = crate::policies::policy("p", &json!({"networkSelector": [{"name": "nowhere"}]}));
    // Of this Pod more is read than its metadata.
    cluster.create([bad.clone(), testkit::objects::pod("bare", "p", "node-b")]).await;
    grant(&cluster, &[rights(), vec![to_write()]].concat()).await;
    let kubeconfig = cluster.plane().kubeconfig_of("policer").display().to_string();
    let agent = agent_of(&kubeconfig).await;
    becomes(&cluster, &bad, "ResolvedRefs", "False NetworkNotFound").await;
    shows(&agent, "danm_policer_source_synced{source=\"other pods of namespace bare\"}", 1.0).await;
    eventually("there is an Event", async || crate::policies::events(&cluster, &bad).await.len() == 1).await;
    assert!(agent.stop("TERM").await.1);
}
