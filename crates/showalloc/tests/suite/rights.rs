//! Users with some rights, on the real API server: the one in memory knows no rights. Each test has users of its own, so
//! that what is granted in one is not there in another.

use http::Method;
use serde_json::{Value, json};
use testkit::Cluster;

use crate::{
    check::rows,
    following::Follower,
    program::{Run, ask, ask_all, json},
    town::town,
};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const GROUPS: [&str; 3] = ["", "danm.k8s.io", "danm.io"];
const READ: [&str; 3] = ["get", "list", "watch"];
const LIST: [&str; 2] = ["get", "list"];

/// Everything of a namespace that Showalloc reads.
const OF_NAMESPACE: [&str; 5] = ["pods", "danmnets", "tenantnetworks", "danmeps", "reservedips"];

/// Everything else.
const OF_CLUSTER: [&str; 3] = ["nodes", "namespaces", "clusternetworks"];

/// What users may do.
struct Right<'a> {
    user: &'a str,
    /// In which namespace; in all and outside any, if in none.
    namespace: Option<&'a str>,
    resources: &'a [&'a str],
    verbs: &'a [&'a str],
}

async fn grant(cluster: &Cluster, right: Right<'_>) {
    let Right { user, namespace, resources, verbs } = right;
    let (kind, place) = match namespace {
        Some(namespace) => ("Role", format!("{RBAC}/namespaces/{namespace}")),
        None => ("ClusterRole", RBAC.to_owned()),
    };
    let group = "rbac.authorization.k8s.io";
    let metadata = json!({"name": user, "namespace": namespace});
    let role = json!({
        "apiVersion": format!("{group}/v1"),
        "kind": kind,
        "metadata": metadata,
        "rules": [{"apiGroups": GROUPS, "resources": resources, "verbs": verbs}],
    });
    let binding = json!({
        "apiVersion": format!("{group}/v1"),
        "kind": format!("{kind}Binding"),
        "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": kind, "name": user},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    });
    for object in [role, binding] {
        let kind = object["kind"].as_str().expect("a kind").to_lowercase();
        cluster.send(Method::POST, &format!("{place}/{kind}s"), Some(&object)).await.expect("it is taken");
    }
    // The authorizer learns of roles by a watch of its own.
    while !may(cluster, user, namespace, (resources[0], verbs[0])).await {
        tokio::task::yield_now().await;
    }
}

async fn may(cluster: &Cluster, user: &str, namespace: Option<&str>, (resource, verb): (&str, &str)) -> bool {
    let group = if resource.contains("danm") || resource.contains("network") { GROUPS[1] } else { GROUPS[0] };
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": {
            "group": group, "resource": resource, "verb": verb, "namespace": namespace.unwrap_or_default(),
        }},
    });
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let answer = cluster.send(Method::POST, path, Some(&review)).await.expect("an answer");
    answer["status"]["allowed"] == true
}

/// Somebody who may read the namespace `ran`, and of the cluster what is said.
async fn tenant(cluster: &Cluster, user: &str, of_cluster: &[&str]) {
    let namespace = Some("ran");
    grant(cluster, Right { user, namespace, resources: &OF_NAMESPACE, verbs: &READ }).await;
    if !of_cluster.is_empty() {
        grant(cluster, Right { user, namespace: None, resources: of_cluster, verbs: &READ }).await;
    }
}

fn classes(run: &Run) -> Vec<String> {
    rows(&json(&run.out))
        .into_iter()
        .map(|(class, _, addresses, ..)| format!("{class} {addresses}"))
        .collect()
}

#[tokio::test]
async fn whoever_may_read_one_namespace_gets_what_is_in_it_and_is_told_what_is_not_to_be_seen() {
    let Some(cluster) = town().await else { return };
    tenant(&cluster, "tenant", &[]).await;
    let note = "note: nodes, namespaces, clusternetworks.danm.k8s.io, clusternetworks.danm.io cannot be read (nodes is \
                forbidden: User \"tenant\" cannot list resource \"nodes\" in API group \"\" at the cluster scope: \
                Forbidden); so it is not known who lives, and nobody is suspected";

    let networks = ask(&cluster, "networks -n ran -o name --as tenant").await;
    assert_eq!(networks.sentence(0), note);
    assert_eq!(networks.out.lines().count(), 6, "{}", networks.out);

    let shown = ask(&cluster, "show internal -n ran --as tenant").await;
    assert_eq!(shown.sentence(0), note);
    assert!(shown.out.contains("ran/gone") && !shown.out.contains("suspect"), "{}", shown.out);

    let report = ask(&cluster, "check -n ran -o json --exit-code --as tenant").await;
    assert_eq!(report.sentence(1), note);
    let document = json(&report.out);
    assert_eq!((&document["isJudged"], &document["limits"]), (&json!(false), &json!(note)));
    let found = [
        "leaked-bit 10.1.0.101",
        "leaked-bit 10.0.0.8-10.0.0.9",
        "missing-bit 10.0.0.10",
        "conflict 10.0.0.11",
        "unreadable-array ",
        "missing-network ",
        "unreadable-endpoint ",
    ];
    assert_eq!(classes(&report), found, "nobody else can hold these, and nobody is called dead");

    let map = ask(&cluster, "map overlap -n ran --as tenant").await;
    assert_eq!(map.sentence(0), note);
}

#[tokio::test]
async fn an_address_that_somebody_may_hold_who_cannot_be_seen_is_not_called_leaked() {
    let Some(cluster) = town().await else { return };
    tenant(&cluster, "neighbour", &["clusternetworks"]).await;
    tenant(&cluster, "judge", &OF_CLUSTER).await;
    let all = json(&ask(&cluster, "show backbone -4 -o json").await.clean());
    assert_eq!((&all["counts"]["allocated"], &all["counts"]["leaked"]), (&json!(2), &json!(0)));
    for user in ["neighbour", "judge"] {
        let shown = ask(&cluster, &format!("show backbone -n ran -4 -o json --as {user}")).await;
        let note = shown.sentence(0);
        let unseen = "note: of other namespaces than ran you may not see pods, danmeps.danm.k8s.io, danmeps.danm.io, \
                      reservedips.danm.io";
        assert!(note.starts_with(unseen), "{note}");
        assert_eq!(note.contains("nobody is suspected"), user == "neighbour", "{note}");
        let map = json(&shown.out);
        assert_eq!(map["counts"], all["counts"], "{user}");
        let run = |address: &str| -> Value {
            let mut runs = map["runs"].as_array().into_iter().flatten();
            runs.find(|run| run["start"] == address).cloned().unwrap_or_default()
        };
        assert_eq!(run("10.2.0.5")["endpoints"][0]["pod"], "web-0", "{user}");
        assert_eq!(run("10.2.0.6")["endpoints"], json!([]), "{user} does not see whose it is");
    }
    // With Nodes, what is in the namespace is judged as by somebody who sees everything.
    let report = ask(&cluster, "check -n ran -o json --as judge").await;
    let everything = ask(&cluster, "check -n ran -o json").await;
    assert_eq!(classes(&report), classes(&everything));
    assert_eq!(json(&report.out)["isJudged"], true);
    let unjudged = ask(&cluster, "check -n ran -o json --as neighbour").await;
    assert!(
        !classes(&unjudged).iter().any(|problem| problem.starts_with("suspect-endpoint")),
        "{unjudged:#?}"
    );
}

#[tokio::test]
async fn whoever_may_read_everything_is_told_nothing_besides() {
    let Some(cluster) = town().await else { return };
    let everything = [&OF_NAMESPACE[..], &OF_CLUSTER].concat();
    grant(&cluster, Right { user: "reader", namespace: None, resources: &everything, verbs: &READ }).await;
    grant(&cluster, Right { user: "lister", namespace: None, resources: &everything, verbs: &LIST }).await;
    let commands = [
        "networks -A -o json",
        "show -n ran internal -o json",
        "ip 10.0.0.6 -o name",
        "map backbone",
        "check -n core",
    ];
    for command in commands {
        let users = ["", "--as reader", "--as lister"].map(|user| format!("{command} {user}"));
        let shown: Vec<String> = ask_all(&cluster, &users).await.into_iter().map(Run::clean).collect();
        assert!(shown.iter().all(|one| *one == shown[0]), "{command}: {shown:#?}");
    }
    let report = ask(&cluster, "check -A -o json --as lister").await;
    assert_eq!((report.code, &*report.err), (Some(0), ""));
    assert_eq!(rows(&json(&report.out)).len(), 10);

    // Who may not watch cannot follow, and is told so.
    let follower = ask(&cluster, "networks -A -w -o name --as lister").await;
    let sentence = follower.sentence(2);
    assert!(
        sentence.starts_with("error: cannot follow ") && sentence.contains("cannot watch resource"),
        "{sentence}"
    );
    let mut follower = Follower::start(&cluster, "networks -A -w -o name --as reader");
    assert_eq!(follower.lines(8).await.len(), 8);
}

#[tokio::test]
async fn whoever_may_read_nothing_gets_one_sentence() {
    let Some(cluster) = town().await else { return };
    for command in
        ["networks -A", "networks -n ran", "show", "show backbone", "check -A --exit-code", "map dn/internal"]
    {
        let run = ask(&cluster, &format!("{command} --as nobody")).await;
        let error = run.error();
        assert!(error.starts_with("cannot read danmnets.danm.k8s.io: "), "{command}: {error}");
        assert!(error.contains("User \"nobody\" cannot list resource \"danmnets\""), "{command}: {error}");
        assert!(!error.contains("Status {"), "{command}: {error}");
    }
    let run = ask(&cluster, "ip 10.0.0.5 --as nobody").await;
    assert!(
        run.error().starts_with("cannot read danmeps.danm.k8s.io: danmeps.danm.k8s.io is forbidden: "),
        "{run:#?}"
    );
}

#[tokio::test]
async fn whoever_may_read_endpoints_only_is_not_told_that_there_are_no_networks() {
    let Some(cluster) = town().await else { return };
    grant(&cluster, Right { user: "counter", namespace: None, resources: &["danmeps"], verbs: &READ }).await;
    let networks = ask(&cluster, "networks -A --as counter").await;
    assert!(networks.error().starts_with("cannot read danmnets.danm.k8s.io: "), "{networks:#?}");
    let found = ask(&cluster, "ip ran/web-0 -o json --as counter").await;
    assert!(
        found.sentence(0).starts_with("note: pods, nodes, namespaces, danmnets.danm.k8s.io, "),
        "{found:#?}"
    );
    let evidence = json(&found.out)["items"][0]["evidence"][0].clone();
    let evidence = evidence.as_str().unwrap_or_default();
    assert!(evidence.ends_with("clusternetworks.danm.k8s.io cannot be read"), "{evidence}");
}
