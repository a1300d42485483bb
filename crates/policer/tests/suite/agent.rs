//! The agent on a cluster: what it writes about policies, what it tells, and when it does not.

use danm_api::{ApiGroup, DanmKind, NetworkKind};
use http::Method;
use serde_json::{Value, json};
use testkit::{Cluster, eventually, objects};

use crate::{
    policies::{
        NAMESPACE, agent, becomes, broken_selector, clear, condition, events, fine, policies, policy,
        problem, shows,
    },
    program::{finish, program},
};

const WRITTEN: &str = "danm_policer_status_writes_total{result=\"done\"}";

/// A cluster whose definitions let anything in, as those of the reference do.
async fn lenient() -> Option<Cluster> {
    let cluster = crate::cluster().await.ok()?;
    clear(&cluster).await;
    cluster.install_without_schemas().await;
    Some(cluster)
}

fn network(name: &str) -> Value {
    objects::network(ApiGroup::DanmK8sIo, NetworkKind::ClusterNetwork, "", name)
}

fn on_network(name: &str) -> Value {
    json!({"podSelector": {}, "networkSelector": [{"name": name, "type": "ClusterNetwork"}]})
}

/// The versions of two objects, which change with each write.
async fn versions(cluster: &Cluster, objects: [&Value; 2]) -> [Value; 2] {
    let stored = [cluster.get(objects[0]).await, cluster.get(objects[1]).await];
    stored.map(|object| object.expect("it is there")["metadata"]["resourceVersion"].clone())
}

#[tokio::test]
async fn every_flag_has_a_variable_in_the_environment() {
    let mut command = program(&["agent", "--kubeconfig", "/no/such/file"]);
    command.env("DANM_POLICER_NODE_NAME", "node-a").env("DANM_POLICER_DRY_RUN", "true");
    let run = finish(command, "").await;
    assert!(run.error().starts_with("cannot use kubeconfig /no/such/file: "), "{run:#?}");

    let mut command = program(&["agent"]);
    command.env("DANM_POLICER_NODE_NAME", "node-a").env("DANM_POLICER_ADMIN_LISTEN", "nowhere");
    let run = finish(command, "").await;
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("invalid value 'nowhere' for '--admin-listen <ADDR:PORT>'"), "{}", run.err);
}

#[tokio::test]
async fn conditions_are_written_and_follow_the_policy() {
    let Some(mut cluster) = lenient().await else { return };
    cluster.create([fine("p")]).await;
    let agent = agent(&cluster).await;
    agent.ready().await;

    let accepted = becomes(&cluster, &fine("p"), "Accepted", "True Accepted").await;
    assert_eq!(accepted["observedGeneration"], 1);
    let resolved = becomes(&cluster, &fine("p"), "ResolvedRefs", "True ResolvedRefs").await;
    shows(&agent, &policies("accepted"), 1.0).await;
    assert_eq!(events(&cluster, &fine("p")).await, [""; 0]);

    cluster
        .patch(&fine("p"), &json!({"spec": {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/33"}}]}]}}))
        .await;
    let accepted = becomes(&cluster, &fine("p"), "Accepted", "False EntriesNotUnderstood").await;
    assert_eq!(accepted["observedGeneration"], 2);
    let field = "spec.ingress[0].from[0].ipBlock.cidr";
    assert!(accepted["message"].as_str().is_some_and(|it| it.starts_with(field)), "{accepted}");
    let (_, still) = condition(&cluster, &fine("p"), "ResolvedRefs").await.expect("it is there");
    assert_eq!(still["lastTransitionTime"], resolved["lastTransitionTime"]);
    eventually("there is an Event", async || {
        let told = events(&cluster, &fine("p")).await;
        told.len() == 1 && told[0].starts_with(&format!("EntriesNotUnderstood {field} "))
    })
    .await;
    shows(&agent, &problem("p", field), 1.0).await;
    shows(&agent, &policies("entries-not-understood"), 1.0).await;
    assert!(
        agent.log().contains(&format!("DanmNetworkPolicy {NAMESPACE}/p (danm.io): {field} ")),
        "{}",
        agent.log()
    );
    assert_eq!(agent.metric("danm_policer_policy_problems_not_shown").await, Some(0.0));

    cluster.delete(&fine("p")).await;
    shows(&agent, &policies("entries-not-understood"), 0.0).await;
    assert_eq!(agent.metric(&problem("p", field)).await, None);
    let (_, is_success) = agent.stop("TERM").await;
    assert!(is_success);
}

fn written_before() -> Value {
    let condition = |kind: &str, reason: &str| {
        json!({"type": kind, "status": "True", "reason": reason, "message": "",
               "lastTransitionTime": "2020-01-01T00:00:00Z", "observedGeneration": 1})
    };
    json!([condition("Programmed", "Elsewhere"), condition("ResolvedRefs", "Old")])
}

#[tokio::test]
async fn the_time_of_a_change_and_conditions_of_others_stay_and_a_stale_version_is_not_written_about() {
    let Some(mut cluster) = lenient().await else { return };
    let created = cluster.create_one(fine("p")).await.expect("it is taken");
    let path = format!("{}/p/status", testkit::collection_of(&fine("p")));
    let old = json!({"status": {"conditions": written_before()}});
    cluster.send(Method::PATCH, &path, Some(&old)).await.expect("it is taken");
    // What the agent relies on.
    let mut stale = old.clone();
    stale["metadata"]["resourceVersion"] = created["metadata"]["resourceVersion"].clone();
    stale["status"]["conditions"][0]["reason"] = json!("TooLate");
    let answer =
        cluster.send(Method::PATCH, &path, Some(&stale)).await.expect_err("there is a later version");
    assert!(answer.contains("the object has been modified"), "{answer}");

    let _agent = agent(&cluster).await;

    let resolved = becomes(&cluster, &fine("p"), "ResolvedRefs", "True ResolvedRefs").await;
    assert_eq!(resolved["lastTransitionTime"], "2020-01-01T00:00:00Z");
    let (_, others) = condition(&cluster, &fine("p"), "Programmed").await.expect("it stays");
    assert_eq!(others, written_before()[0]);
}

#[tokio::test]
async fn a_broken_selector_leaves_the_last_version_in_force_and_is_told() {
    let Some(mut cluster) = lenient().await else { return };
    cluster.create([fine("p")]).await;
    let agent = agent(&cluster).await;
    becomes(&cluster, &fine("p"), "Accepted", "True Accepted").await;

    cluster.patch(&fine("p"), &json!({"spec": {"podSelector": broken_selector()}})).await;

    let field = "spec.podSelector.matchLabels[app]";
    let accepted = becomes(&cluster, &fine("p"), "Accepted", "False EarlierVersionInForce").await;
    assert!(accepted["message"].as_str().is_some_and(|it| it.starts_with(field)), "{accepted}");
    eventually("there is an Event", async || {
        let told = events(&cluster, &fine("p")).await;
        told.len() == 1 && told[0].starts_with(&format!("EarlierVersionInForce {field} "))
    })
    .await;
    shows(&agent, &problem("p", field), 1.0).await;
    shows(&agent, &policies("earlier-version"), 1.0).await;
    let state = agent.state().await;
    let flawed = &state["flawedPolicies"][0];
    assert_eq!((&flawed["name"], &flawed["state"]), (&json!("p"), &json!("earlier-version")));
    assert_eq!(flawed["problems"][0]["field"], field);
    assert_eq!(
        agent.metric(&format!("danm_policer_uncovered_pods{{namespace=\"{NAMESPACE}\"}}")).await,
        None
    );
}

#[tokio::test]
async fn pods_that_a_policy_never_covered_are_counted() {
    let Some(mut cluster) = lenient().await else { return };
    let lost = policy("lost", &json!({"podSelector": broken_selector()}));
    cluster.create([objects::pod(NAMESPACE, "a", "node-a"), objects::pod(NAMESPACE, "b", "node-a")]).await;
    cluster.create([objects::pod("other", "a", "node-a"), lost.clone()]).await;
    // No policy is about these.
    let on_host = objects::with(objects::pod(NAMESPACE, "h", "node-a"), "/spec/hostNetwork", true);
    let ended = |name, node| objects::with(objects::pod(NAMESPACE, name, node), "/status/phase", "Failed");
    cluster.create([on_host, ended("e", "node-a"), ended("f", "node-b")]).await;
    cluster.create([objects::pod(NAMESPACE, "c", "node-b")]).await;
    let agent = agent(&cluster).await;

    becomes(&cluster, &lost, "Accepted", "False NotUnderstood").await;
    let uncovered = |namespace: &str| format!("danm_policer_uncovered_pods{{namespace=\"{namespace}\"}}");
    shows(&agent, &uncovered(NAMESPACE), 3.0).await;
    shows(&agent, &policies("not-understood"), 1.0).await;
    assert_eq!(agent.metric(&uncovered("other")).await, None);
    cluster.delete(&objects::pod(NAMESPACE, "b", "node-a")).await;
    cluster.delete(&objects::pod(NAMESPACE, "c", "node-b")).await;
    shows(&agent, &uncovered(NAMESPACE), 1.0).await;
}

#[tokio::test]
async fn pods_that_no_endpoint_names_are_read_in_full_and_others_are_not() {
    let Some(mut cluster) = lenient().await else { return };
    cluster.create([objects::pod("bare", "p", "node-b"), objects::pod("named", "p", "node-b")]).await;
    cluster.create([objects::pod("named", "here", "node-a")]).await;
    for name in ["p", "here"] {
        cluster.create([objects::endpoint(ApiGroup::DanmIo, "named", name, name, "n")]).await;
    }
    let agent = agent(&cluster).await;
    agent.ready().await;
    let state = agent.state().await;
    assert_eq!(state["localPods"], 1);
    assert_eq!(state["sources"]["other pods of namespace bare"], "synced");
    assert_eq!(state["sources"]["other pods of namespace named"], Value::Null);
}

#[tokio::test]
async fn a_network_that_is_made_later_resolves_what_names_it() {
    let Some(mut cluster) = lenient().await else { return };
    let policy = policy("p", &on_network("lan1"));
    cluster.create([policy.clone()]).await;
    let agent = agent(&cluster).await;
    becomes(&cluster, &policy, "ResolvedRefs", "False NetworkNotFound").await;
    eventually("there is an Event", async || {
        events(&cluster, &policy).await
            == ["NetworkNotFound spec.networkSelector names ClusterNetwork lan1, and there is no such network"]
    })
    .await;
    eventually("it is shown", async || {
        agent.state().await["flawedPolicies"][0]["unresolved"][0]["field"] == "spec.networkSelector"
    })
    .await;

    cluster.create([network("lan1")]).await;

    becomes(&cluster, &policy, "ResolvedRefs", "True ResolvedRefs").await;
    assert_eq!(events(&cluster, &policy).await.len(), 1);
    cluster.delete(&network("lan1")).await;
    becomes(&cluster, &policy, "ResolvedRefs", "False NetworkNotFound").await;
}

#[tokio::test]
async fn of_two_agents_one_writes_and_the_next_repeats_nothing() {
    let Some(mut cluster) = lenient().await else { return };
    let bad = policy("bad", &json!({"podSelector": {}, "ingress": [{"from": [{}]}]}));
    cluster.create([fine("p"), bad.clone()]).await;
    let first = agent(&cluster).await;
    becomes(&cluster, &bad, "Accepted", "False EntriesNotUnderstood").await;
    becomes(&cluster, &fine("p"), "Accepted", "True Accepted").await;
    eventually("there is an Event", async || events(&cluster, &bad).await.len() == 1).await;
    shows(&first, WRITTEN, 2.0).await;
    let second = agent(&cluster).await;
    second.ready().await;
    shows(&second, &policies("accepted"), 1.0).await;
    assert_eq!(
        (first.metric("danm_policer_leading").await, second.state().await["leading"].clone()),
        (Some(1.0), json!(false))
    );

    // Both see it, and one of them writes.
    cluster.create([fine("both")]).await;
    becomes(&cluster, &fine("both"), "Accepted", "True Accepted").await;
    shows(&first, WRITTEN, 3.0).await;
    shows(&second, &policies("accepted"), 2.0).await;
    assert!(!second.ask("/metrics").await.1.contains("danm_policer_status_writes_total{"));

    // Then the second leads.
    let before = versions(&cluster, [&fine("p"), &bad]).await;
    assert!(first.stop("INT").await.1);
    shows(&second, "danm_policer_leading", 1.0).await;
    // Whatever it had to say about these it says before what it says about a later one.
    cluster.create([fine("zz")]).await;
    becomes(&cluster, &fine("zz"), "Accepted", "True Accepted").await;
    shows(&second, WRITTEN, 1.0).await;
    assert_eq!(versions(&cluster, [&fine("p"), &bad]).await, before);
    assert_eq!(events(&cluster, &bad).await.len(), 1);
}

#[tokio::test]
async fn definitions_that_come_later_are_watched_and_nothing_is_written_before_they_are_read() {
    let Some(mut cluster) = lenient().await else { return };
    cluster.uninstall().await;
    let agent = agent(&cluster).await;
    agent.ready().await;
    assert_eq!(agent.state().await["sources"].as_object().map(serde_json::Map::len), Some(5));

    cluster.install_without_schemas().await;
    cluster.create([network("lan1"), policy("p", &on_network("lan1"))]).await;

    becomes(&cluster, &policy("p", &json!({})), "ResolvedRefs", "True ResolvedRefs").await;
    for kind in [DanmKind::NetworkPolicy, DanmKind::DanmEp, DanmKind::Network(NetworkKind::DanmNet)] {
        for group in ApiGroup::ALL {
            let source = format!("{}.{group}", kind.plural());
            shows(&agent, &format!("danm_policer_source_synced{{source=\"{source}\"}}"), 1.0).await;
        }
    }
    assert_eq!(events(&cluster, &policy("p", &json!({}))).await, [""; 0], "nothing was ever missing");
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_counted_named_and_holds_up_nobody() {
    let Some(mut cluster) = lenient().await else { return };
    let endpoint = objects::endpoint(ApiGroup::DanmIo, NAMESPACE, "odd", "a", "n");
    cluster.create([endpoint.clone(), fine("p")]).await;
    let agent = agent(&cluster).await;
    becomes(&cluster, &fine("p"), "Accepted", "True Accepted").await;
    cluster.patch(&endpoint, &json!({"spec": "text"})).await;

    let unreadable = "danm_policer_unreadable_objects{kind=\"DanmEp\"}";
    shows(&agent, unreadable, 1.0).await;
    let state = agent.state().await;
    assert_eq!(state["unreadable"][0]["name"], format!("{NAMESPACE}/odd"));
    assert!(
        agent.log().contains(&format!("danmeps.danm.io {NAMESPACE}/odd cannot be read")),
        "{}",
        agent.log()
    );
    agent.ready().await;
    cluster.delete(&endpoint).await;
    eventually("it is gone", async || agent.metric(unreadable).await.is_none()).await;
    assert!(cluster.send(Method::GET, "/version", None).await.is_ok());
}
