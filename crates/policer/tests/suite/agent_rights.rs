//! An agent with the rights of the manifest, and with fewer, on the real API server: the one in memory knows no rights. That they are
//! no more than it uses is told in `deployment.rs`.

use std::{path::Path, process::Stdio};

use http::Method;
use serde_json::{Value, json};
use testkit::{Cluster, ControlPlane, collection_of, eventually, manifests};
use tokio::process::Command;

use crate::{
    explain_kernel::explain_by,
    policies::{agent_of, becomes, clear, condition, fine, policies, shows},
    program::{Run, finish},
    town::{Town, database, from_web},
};

/// What the manifest allows.
#[derive(Clone, Copy, PartialEq)]
enum Rights {
    All,
    AllButToWrite,
}

/// The right to write what became of policies.
const TO_WRITE: &str = "danmnetworkpolicies/status";

/// Gives the user `policer` these of the rights that the manifest gives to the service account, and no others.
async fn grant(cluster: &Cluster, rights: Rights) {
    for mut object in manifests::objects_in("policer/rbac.yaml") {
        if object["subjects"].is_array() {
            object["subjects"] =
                json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "policer"}]);
        }
        let rules = object.get_mut("rules").and_then(Value::as_array_mut);
        if let Some(rules) = rules.filter(|_| rights == Rights::AllButToWrite) {
            rules.retain(|rule| rule["resources"] != json!([TO_WRITE]));
        }
        put(cluster, &object).await;
    }
    eventually("the authorizer knows", async || {
        may(cluster, "danmnetworkpolicies", "", "list").await
            && may(cluster, "danmnetworkpolicies", "status", "patch").await == (rights == Rights::All)
    })
    .await;
}

/// Puts an object into a cluster, in place of one that an earlier test left.
pub async fn put(cluster: &Cluster, object: &Value) {
    let collection = collection_of(object);
    let name = object["metadata"]["name"].as_str().expect("a name");
    let _ = cluster.send(Method::DELETE, &format!("{collection}/{name}"), None).await;
    // A field that the server does not know is an error.
    let path = format!("{collection}?fieldValidation=Strict");
    cluster.send(Method::POST, &path, Some(object)).await.expect("it is taken");
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
    grant(&cluster, Rights::AllButToWrite).await;
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

    grant(&cluster, Rights::All).await;

    becomes(&cluster, &fine("p"), "Accepted", "True Accepted").await;
    shows(&agent, "danm_policer_troubles", 0.0).await;
}

#[tokio::test]
async fn the_rights_of_the_manifest_are_enough_to_watch_and_to_write() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    clear(&cluster).await;
    let bad = crate::policies::policy("p", &json!({"networkSelector": [{"name": "nowhere"}]}));
    // Of this Pod more is read than its metadata.
    cluster.create([bad.clone(), testkit::objects::pod("bare", "p", "node-b")]).await;
    grant(&cluster, Rights::All).await;
    let kubeconfig = cluster.plane().kubeconfig_of("policer").display().to_string();
    let agent = agent_of(&kubeconfig).await;
    becomes(&cluster, &bad, "ResolvedRefs", "False NetworkNotFound").await;
    shows(&agent, "danm_policer_source_synced{source=\"other pods of namespace bare\"}", 1.0).await;
    eventually("there is an Event", async || crate::policies::events(&cluster, &bad).await.len() == 1).await;
    assert!(agent.stop("TERM").await.1);
}

#[tokio::test]
async fn the_rights_of_the_manifest_are_enough_to_enforce() {
    let Some(mut town) = Town::new().await else { return };
    grant(&town.cluster, Rights::All).await;
    let policy = database(&from_web(), &json!(80));
    town.cluster.create([policy.clone()]).await;
    let kubeconfig = town.cluster.plane().kubeconfig_of("policer");

    let agent = town.node.agent_of(&kubeconfig).await;

    agent.ready().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    town.assert_is_isolated();
    becomes(&town.cluster, &policy, "Accepted", "True Accepted").await;
    town.cluster.patch(&town.db.endpoint, &json!({"spec": {"netns": "/proc/1/ns/net"}})).await;
    town.db.is_told(&town.cluster, "NetnsRefused ").await;
    let log = agent.log();
    assert!(!log.contains("forbidden"), "{log}");
    assert!(agent.stop("TERM").await.1);
    let lease = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/danm-policer";
    let lease = town.cluster.send(Method::GET, lease, None).await.expect("there is a Lease");
    assert!(lease["spec"]["holderIdentity"].as_str().unwrap_or_default().is_empty(), "given back: {lease}");
}

/// As in the container of an agent, where the guide runs it.
#[tokio::test]
async fn the_rights_of_the_manifest_are_enough_to_explain_what_kernels_have() {
    let Some(mut town) = Town::new().await else { return };
    grant(&town.cluster, Rights::All).await;
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let kubeconfig = town.cluster.plane().kubeconfig_of("policer");
    let _agent = town.node.agent_of(&kubeconfig).await;
    town.batch.comes_to_reach(&town.db, 80, false).await;

    let way = ["--kubeconfig".as_ref(), kubeconfig.as_os_str()];
    let text = explain_by(&town, &way, ["batch", "db"], &[]).await.clean();

    assert!(text.contains("in the kernel: as it should be; it is denied there: no rule allows it"), "{text}");
}

/// Runs kubectl on a cluster, as the guide does.
async fn kubectl(cluster: &Cluster, arguments: &[&str]) -> String {
    let run = kubectl_of(&cluster.kubeconfig(), arguments, "").await;
    assert_eq!(run.code, Some(0), "{run:#?}");
    run.out
}

/// Runs kubectl as somebody, with a text to read.
pub async fn kubectl_of(kubeconfig: &Path, arguments: &[&str], input: &str) -> Run {
    let mut command = Command::new(ControlPlane::binary("kubectl"));
    command.arg("--kubeconfig").arg(kubeconfig).args(["--namespace", "kube-system"]);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command, input).await
}

#[tokio::test]
async fn a_real_api_server_takes_the_manifests_and_the_removal_and_gives_the_agent_back() {
    let Ok(cluster) = crate::cluster().await else { return };
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/policer");
    let (own, all_nodes) = (format!("--filename={folder}"), format!("--filename={folder}/all-nodes"));
    kubectl(&cluster, &["apply", &own, &all_nodes]).await;
    let installed = daemon_set(&cluster).await;

    kubectl(
        &cluster,
        &["patch", "daemonset", "danm-policer", &format!("--patch-file={folder}/removal/patch.yaml")],
    )
    .await;
    let mut patched = daemon_set(&cluster).await;
    assert_eq!(patched["updateStrategy"]["rollingUpdate"]["maxUnavailable"], "100%");
    let pod = &mut patched["template"]["spec"];
    assert_eq!(pod["initContainers"][0]["args"], json!(["cleanup"]));
    let variables = &mut pod["containers"][0]["env"];
    let is_dry_run = |it: &Value| *it == json!({"name": "DANM_POLICER_DRY_RUN", "value": "true"});
    assert!(variables.as_array().expect("variables").iter().any(is_dry_run), "{variables}");
    variables.as_array_mut().expect("variables").retain(|it| !is_dry_run(it));
    assert_eq!(pod["containers"], installed["template"]["spec"]["containers"], "the rest is as it was");

    kubectl(&cluster, &["replace", &format!("{own}/daemonset.yaml")]).await;
    assert_eq!(daemon_set(&cluster).await, installed);
    kubectl(&cluster, &["delete", &own, &all_nodes, "--ignore-not-found"]).await;
}

async fn daemon_set(cluster: &Cluster) -> Value {
    let stored = kubectl(cluster, &["get", "daemonset", "danm-policer", "--output=json"]).await;
    let stored: Value = serde_json::from_str(&stored).expect("JSON");
    stored["spec"].clone()
}
