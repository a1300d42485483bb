//! Who may write the annotation that opens, by the policy of the manifests, on the real API server: the one in memory knows no rights.

use std::path::PathBuf;

use serde_json::{Value, json};
use testkit::{Cluster, eventually, manifests, objects};

use crate::{
    agent_rights::{kubectl_of, put},
    policies::NAMESPACE,
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/policer/opening.yaml");

/// Another namespace than that in which somebody gets the right.
const ELSEWHERE: &str = "guests";

const OPEN: &str = "danm.io/policer=open";

/// Somebody who may write Namespaces and Pods, and bind them, where the manifest is in force.
struct Writer {
    kubeconfig: PathBuf,
}

/// What the user `policer` may do everywhere.
fn rights() -> [Value; 2] {
    let rule = |resources: &[&str], verbs: &[&str]| json!({"apiGroups": [""], "resources": resources, "verbs": verbs});
    let rules = [
        rule(&["namespaces", "pods"], &["get", "create", "patch", "update"]),
        rule(&["namespaces/finalize"], &["update"]),
        rule(&["namespaces/status", "pods/status"], &["get", "patch"]),
        rule(&["pods/binding", "bindings"], &["create"]),
    ];
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "writer"}, "rules": rules,
    });
    [role, binding("ClusterRoleBinding", "writer", &Value::Null)]
}

/// The right that the manifest asks for, as the guide gives it.
fn right_to_open() -> [Value; 2] {
    let rule = json!({"apiGroups": ["danm.k8s.io"], "resources": ["danmnetworkpolicies"], "verbs": ["open"]});
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "opener"}, "rules": [rule],
    });
    [role, binding("RoleBinding", "opener", &json!(NAMESPACE))]
}

fn binding(kind: &str, role: &str, namespace: &Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
        "metadata": {"name": role, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "policer"}],
    })
}

impl Writer {
    /// Once the manifest is in force.
    async fn new(cluster: &mut Cluster) -> Self {
        for namespace in [NAMESPACE, ELSEWHERE] {
            cluster.create([objects::pod(namespace, "p", "")]).await;
        }
        for object in rights() {
            put(cluster, &object).await;
        }
        let writer = Self { kubeconfig: cluster.plane().kubeconfig_of("policer") };
        admin(cluster, &["apply", "--filename", FILE]).await;
        eventually("rights and policy are in force", async || {
            writer.may(&["annotate", "namespace", NAMESPACE, "other=open", "--dry-run=server"]).await
                && !writer.may(&["annotate", "namespace", NAMESPACE, OPEN, "--dry-run=server"]).await
        })
        .await;
        writer
    }

    async fn may(&self, arguments: &[&str]) -> bool {
        kubectl_of(&self.kubeconfig, arguments, "").await.code == Some(0)
    }

    /// What this comes to with a text to read: nothing that is wrong, or what.
    async fn tries(&self, arguments: &[&str], input: &Value) -> Result<(), String> {
        let run = kubectl_of(&self.kubeconfig, arguments, &input.to_string()).await;
        if run.code == Some(0) { Ok(()) } else { Err(run.err) }
    }

    /// Asserts that the policy refuses something, and that its words say what is missing.
    async fn is_refused(&self, arguments: &[&str], input: &Value) {
        let error = self.tries(arguments, input).await.expect_err(&format!("{arguments:?}"));
        let words = "policer needs the right to \"open\" danmnetworkpolicies.danm.k8s.io in namespace";
        assert!(error.contains(words), "{arguments:?}: {error}");
    }
}

/// Runs kubectl as who may do everything.
async fn admin(cluster: &Cluster, arguments: &[&str]) {
    let run = kubectl_of(&cluster.kubeconfig(), arguments, "").await;
    assert_eq!(run.code, Some(0), "{run:#?}");
}

fn annotated(mut object: Value) -> Value {
    object["metadata"]["annotations"] = json!({"danm.io/policer": "open"});
    object
}

/// A Pod as somebody writes it.
fn pod(namespace: &str, name: &str) -> Value {
    let spec = json!({"containers": [{"name": "c", "image": "none.invalid/none"}]});
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec})
}

fn patch(object: &Value) -> String {
    json!({"metadata": {"annotations": object["metadata"]["annotations"]}}).to_string()
}

#[tokio::test]
async fn whoever_may_write_namespaces_and_pods_opens_none_without_the_right_by_any_way() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let writer = Writer::new(&mut cluster).await;
    let nothing = Value::Null;
    let word = patch(&annotated(json!({})));
    let namespaced = ["--namespace", NAMESPACE];

    writer.is_refused(&["annotate", "namespace", NAMESPACE, OPEN], &nothing).await;
    writer.is_refused(&["annotate", "namespace", NAMESPACE, "danm.io/policer=ajar"], &nothing).await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "opened"}});
    writer.is_refused(&["create", "--filename=-"], &annotated(namespace.clone())).await;
    for subresource in ["status", "finalize"] {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/{subresource}");
        let mut object = annotated(namespace.clone());
        object["metadata"]["name"] = json!(NAMESPACE);
        object["spec"] = json!({"finalizers": ["kubernetes"]});
        if subresource == "finalize" {
            writer.is_refused(&["replace", "--raw", &path, "--filename=-"], &object).await;
        } else {
            let arguments =
                ["patch", "namespace", NAMESPACE, "--subresource=status", "--type=merge", "--patch", &word];
            writer.is_refused(&arguments, &nothing).await;
        }
    }

    let create = [&["create", "--filename=-"][..], &namespaced].concat();
    writer.is_refused(&create, &annotated(pod(NAMESPACE, "new"))).await;
    for subresource in [&["--type=merge"][..], &["--type=merge", "--subresource=status"]] {
        let arguments = [&["patch", "pod", "p", "--patch", &word][..], subresource, &namespaced].concat();
        writer.is_refused(&arguments, &nothing).await;
    }
    // What a Binding is annotated with, its Pod is afterwards.
    let target = json!({"apiVersion": "v1", "kind": "Node", "name": "node-a"});
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p", "namespace": NAMESPACE}, "target": target});
    for collection in ["pods/p/binding", "bindings"] {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/{collection}");
        writer.is_refused(&["create", "--raw", &path, "--filename=-"], &annotated(binding.clone())).await;
    }
    admin(&cluster, &["delete", "--filename", FILE]).await;
}

#[tokio::test]
async fn what_else_is_written_passes_and_so_does_taking_the_annotation_away() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let writer = Writer::new(&mut cluster).await;
    admin(&cluster, &["annotate", "namespace", NAMESPACE, OPEN]).await;
    admin(&cluster, &["annotate", "pod", "p", OPEN, "--namespace", NAMESPACE]).await;
    let nothing = Value::Null;
    for object in [["namespace", NAMESPACE], ["pod", "p"]] {
        let of = |word: &'static str, what: &'static str| {
            [&[word][..], &object, &[what, "--namespace", NAMESPACE]].concat()
        };
        let passes = async |arguments: Vec<&str>| writer.tries(&arguments, &nothing).await;
        assert_eq!(passes(of("label", "team=red")).await, Ok(()), "it is opened as it was");
        writer
            .is_refused(&[&of("annotate", "danm.io/policer=ajar")[..], &["--overwrite"]].concat(), &nothing)
            .await;
        assert_eq!(passes(of("annotate", "danm.io/policer-")).await, Ok(()));
        assert_eq!(passes(of("annotate", "other=open")).await, Ok(()));
        assert_eq!(passes(of("annotate", "other-")).await, Ok(()));
        assert_eq!(passes(of("label", "team-")).await, Ok(()));
    }
    let create = ["create", "--filename=-", "--namespace", NAMESPACE];
    assert_eq!(writer.tries(&create, &pod(NAMESPACE, "new")).await, Ok(()));
    admin(&cluster, &["delete", "--filename", FILE]).await;
}

#[tokio::test]
async fn whoever_has_the_right_in_a_namespace_opens_that_and_its_pods_and_no_others() {
    let Ok(mut cluster) = crate::cluster().await else { return };
    let writer = Writer::new(&mut cluster).await;
    for object in right_to_open() {
        put(&cluster, &object).await;
    }
    let nothing = Value::Null;
    eventually("the authorizer knows", async || {
        writer.may(&["annotate", "namespace", NAMESPACE, OPEN, "--dry-run=server"]).await
    })
    .await;
    let create = |namespace| ["create", "--dry-run=server", "--filename=-", "--namespace", namespace];
    assert_eq!(writer.tries(&create(NAMESPACE), &annotated(pod(NAMESPACE, "new"))).await, Ok(()));
    let of_pod = |namespace| ["annotate", "--dry-run=server", "pod", "p", OPEN, "--namespace", namespace];
    assert_eq!(writer.tries(&of_pod(NAMESPACE), &nothing).await, Ok(()));

    writer.is_refused(&["annotate", "namespace", ELSEWHERE, OPEN], &nothing).await;
    writer.is_refused(&create(ELSEWHERE), &annotated(pod(ELSEWHERE, "new"))).await;
    writer.is_refused(&of_pod(ELSEWHERE), &nothing).await;
    for object in right_to_open() {
        cluster.delete(&object).await;
    }
    admin(&cluster, &["delete", "--filename", FILE]).await;
}

#[test]
fn the_manifest_names_one_policy_and_puts_it_in_force() {
    let [policy, binding] = &manifests::objects_in("policer/opening.yaml")[..] else { panic!("two objects") };
    assert_eq!(
        binding["spec"],
        json!({"policyName": policy["metadata"]["name"], "validationActions": ["Deny"]})
    );
    assert_eq!(policy["spec"]["failurePolicy"], "Fail");
}
