//! What people get who may not, cannot or should not: one sentence, exit 2, and no verdict on what could not be
//! read.

use std::io::Write;

use danm_api::DanmKind;
use http::Method;
use serde_json::{Value, json};
use testkit::{Cluster, objects};

use crate::{
    program::{Run, clean, run},
    shapes,
};

const READ: [&str; 2] = ["list", "watch"];

/// Asserts that a run failed with one sentence and told nothing else.
fn fails_with(run: &Run, words: &[&str]) {
    run.ends_with(2);
    let last = run.log.lines().last().unwrap_or_default();
    assert!(last.starts_with("error: "), "{}", run.log);
    for word in words {
        assert!(last.contains(word), "{word:?} is missing in: {last}");
    }
    assert!(!run.log.contains("panicked"), "{}", run.log);
}

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
    cluster.send(Method::POST, bindings, Some(&binding)).await.expect("a binding");
    while !may_list_as_granted(cluster, rights).await {
        tokio::task::yield_now().await;
    }
}

/// The authorizer learns of roles by a watch of its own.
async fn may_list_as_granted(cluster: &Cluster, rights: &[(&str, &str, &[&str])]) -> bool {
    for (group, resource, verbs) in rights {
        let attributes = json!({"group": group, "resource": resource, "verb": verbs[0]});
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
async fn wrong_usage_is_told_in_one_sentence() {
    let missing = run(&["--once", "--kubeconfig", "/no/such/file"]).await;
    fails_with(&missing, &["/no/such/file"]);
    for arguments in [
        &["--once", "--grace", "5"][..],
        &["--once", "--max-release", "150%"],
        &["--once", "--no-such-flag"],
        &["--once", "--log-format", "xml"],
        &["sweep"],
    ] {
        let run = run(arguments).await;
        run.ends_with(2);
        assert!(run.log.starts_with("error: ") && run.out.is_empty(), "{arguments:?}: {}", run.log);
    }
}

#[tokio::test]
async fn a_kubeconfig_that_is_none_is_told() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"clusters: [this is no kubeconfig").expect("written");
    let path = file.path().to_str().expect("text");
    fails_with(&run(&["--once", "--kubeconfig", path]).await, &[path]);
}

#[tokio::test]
async fn an_api_server_that_is_not_there_is_told() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let config = format!(
        "{{apiVersion: v1, kind: Config, current-context: c, contexts: [{{name: c, context: {{cluster: c}}}}], \
         clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]}}"
    );
    file.write_all(config.as_bytes()).expect("written");
    let run = clean(file.path(), &[]).await;
    fails_with(&run, &["API server", "refused"]);
    assert_eq!(run.out, "");
}

#[tokio::test]
async fn without_rights_nothing_is_judged() {
    let Ok(mut cluster) = Cluster::empty().await else { return };
    shapes::fill(&mut cluster).await;
    grant(&cluster, &[("", "nodes", &READ), ("danm.k8s.io", "*", &READ), ("danm.io", "*", &READ)]).await;

    let run = clean(&cluster.plane().kubeconfig_of("cleaner"), &[]).await;

    fails_with(&run, &["cannot read pods", "forbidden"]);
    assert_eq!(run.out, "", "no verdict");
}

/// Row 64.
#[tokio::test]
async fn what_depends_on_networks_that_cannot_be_read_is_held_and_the_rest_goes() {
    let Ok(mut cluster) = Cluster::empty().await else { return };
    shapes::fill(&mut cluster).await;
    grant(
        &cluster,
        &[
            ("", "pods", &["list", "watch", "get"]),
            ("", "nodes", &["list", "watch", "get"]),
            ("danm.k8s.io", "danmeps", &["list", "watch", "delete"]),
            ("danm.k8s.io", "danmnets", &["list", "watch", "get", "patch"]),
            ("danm.k8s.io", "clusternetworks", &["list", "watch", "get", "patch"]),
            ("danm.io", "*", &["list", "watch", "get", "patch", "delete"]),
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

/// The table of the README.
#[tokio::test]
async fn the_rights_that_the_readme_names_are_enough() {
    let Ok(mut cluster) = Cluster::empty().await else { return };
    shapes::fill(&mut cluster).await;
    let mut rights: Vec<(&str, &str, &[&str])> =
        vec![("", "pods", &["get", "list", "watch"]), ("", "nodes", &["get", "list", "watch"])];
    for group in ["danm.k8s.io", "danm.io"] {
        rights.push((group, "danmeps", &["list", "watch", "delete"]));
        for networks in ["danmnets", "clusternetworks", "tenantnetworks"] {
            rights.push((group, networks, &["get", "list", "watch", "patch"]));
        }
    }
    rights.push(("danm.io", "reservedips", &READ));
    grant(&cluster, &rights).await;

    let run = clean(&cluster.plane().kubeconfig_of("cleaner"), &[]).await;

    run.ends_with(0);
    assert_eq!(run.lines().join("\n"), shapes::REPORT);
}

#[tokio::test]
async fn a_network_that_may_not_be_written_keeps_its_endpoints_and_they_are_told() {
    let Ok(mut cluster) = Cluster::empty().await else { return };
    shapes::fill(&mut cluster).await;
    let before = cluster.names(DanmKind::DanmEp).await;
    grant(
        &cluster,
        &[
            ("", "*", &["list", "watch", "get"]),
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

#[tokio::test]
async fn a_cluster_without_danm_is_told() {
    let Ok(mut cluster) = Cluster::empty().await else { return };
    cluster.uninstall().await;

    let run = clean(&cluster.plane().kubeconfig(), &[]).await;

    fails_with(&run, &["DanmEps", "danm.io", "danm.k8s.io"]);
    assert_eq!(run.out, "");
}

/// Objects that no CRD of ours would let in: the reference's own have no schemas.
#[tokio::test]
async fn malformed_objects_are_named_once_and_hold_up_nobody() {
    let Ok(mut cluster) = Cluster::empty().await else { return };
    cluster.install_without_schemas().await;
    shapes::fill(&mut cluster).await;
    let like = |name: &str, pointer: &str, value: Value| {
        let group = danm_api::ApiGroup::DanmK8sIo;
        objects::with(objects::endpoint(group, "ran", name, name, "n"), pointer, value)
    };
    let network = |name: &str, pointer: &str, value: Value| {
        let kind = danm_api::NetworkKind::DanmNet;
        objects::with(objects::network(danm_api::ApiGroup::DanmK8sIo, kind, "ran", name), pointer, value)
    };
    let malformed = [
        like("odd-spec", "/spec", json!("text")),
        like("odd-interface", "/spec/Interface", json!(["10.0.0.5"])),
        like("odd-kind", "/spec/apiType", json!("Service")),
        network("odd-net", "/spec/Options", json!(7)),
        network("odd-cidr", "/spec/Options/cidr", json!("10.0.0.0/99")),
    ];
    cluster.create(malformed).await;

    let run = clean(&cluster.plane().kubeconfig(), &[]).await;

    run.ends_with(0);
    for name in ["odd-spec", "odd-interface", "odd-kind", "odd-net", "odd-cidr", "broken"] {
        let named =
            run.log.lines().filter(|line| line.contains(&format!("ran/{name} cannot be used"))).count();
        assert_eq!(named, 1, "{name}: {}", run.log);
    }
    let odd = |name: &str| format!("{name} unknown unreadable-endpoint held");
    let mut lines = run.lines();
    lines.retain(|line| ![odd("odd-spec"), odd("odd-interface"), odd("odd-kind")].contains(line));
    assert_eq!(lines.join("\n"), shapes::REPORT);
}
