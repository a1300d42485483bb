//! The agent on real network namespaces: what is written is what connections meet, on either API server, whoever stops and starts.

use std::{
    fs,
    io::Write,
    process::Stdio,
    time::{Duration, Instant},
};

use danm_api::ApiGroup;
use serde_json::{Value, json};
use testkit::{eventually, objects, within};

use crate::{
    node::{labelled, table},
    policies::{NAMESPACE, policy},
    town::{Town, database, from_web},
};

/// Enough for whatever is noticed by looking.
const SOON: Duration = Duration::from_secs(1);

fn tell(what: &str, took: Duration) {
    eprintln!("{what}: {:.1} ms", took.as_secs_f64() * 1e3);
}

#[tokio::test]
async fn a_connection_is_judged_by_what_is_written_now() {
    let Some(mut town) = Town::new().await else { return };
    let _agent = town.agent().await;
    let Town { cluster, db, web, batch, guest, node } = &mut town;
    assert!(web.reaches(db, 80) && batch.reaches(db, 80) && guest.reaches(db, 80), "nobody isolates it");

    cluster.create([database(&from_web(), &json!(80))]).await;
    tell("a policy comes", batch.comes_to_reach(db, 80, false).await);
    assert!(web.reaches(db, 80) && !web.reaches(db, 81) && !guest.reaches(db, 80));
    assert!(db.reaches(web, 80), "it asks whom it likes");
    assert_eq!(web.table(), None, "nobody isolates it");

    let db_policy = database(&from_web(), &json!(81));
    cluster.patch(&db_policy, &json!({"spec": db_policy["spec"]})).await;
    tell("its port changes", web.comes_to_reach(db, 81, true).await);
    assert!(!web.reaches(db, 80));

    let named = database(&from_web(), &json!("sql"));
    cluster.patch(&named, &json!({"spec": named["spec"]})).await;
    tell("it names a port", web.comes_to_reach(db, 80, true).await);
    assert!(!web.reaches(db, 81));

    cluster.patch(&batch.object, &json!({"metadata": {"labels": {"app": "web"}}})).await;
    tell("a peer's label comes", batch.comes_to_reach(db, 80, true).await);
    cluster.patch(&batch.object, &json!({"metadata": {"labels": {"app": "batch"}}})).await;
    tell("a peer's label goes", batch.comes_to_reach(db, 80, false).await);

    let elsewhere = json!({"spec": {"Interface": {"Address": "10.77.9.9/24"}}});
    cluster.patch(&web.endpoint, &elsewhere).await;
    tell("a peer's address goes", web.comes_to_reach(db, 80, false).await);
    let back = json!({"spec": {"Interface": web.endpoint["spec"]["Interface"]}});
    cluster.patch(&web.endpoint, &back).await;
    tell("a peer's address comes back", web.comes_to_reach(db, 80, true).await);

    let red = json!([{"namespaceSelector": {"matchLabels": {"team": "red"}}}]);
    let guests = database(&red, &json!(80));
    cluster.patch(&guests, &json!({"spec": guests["spec"]})).await;
    tell("its peers change", web.comes_to_reach(db, 80, false).await);
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "guests"}});
    cluster.patch(&namespace, &json!({"metadata": {"labels": {"team": "red"}}})).await;
    tell("a namespace's label comes", guest.comes_to_reach(db, 80, true).await);
    cluster.patch(&namespace, &json!({"metadata": {"labels": {"team": null}}})).await;
    tell("a namespace's label goes", guest.comes_to_reach(db, 80, false).await);

    cluster.delete(&guests).await;
    tell("the policy goes", batch.comes_to_reach(db, 81, true).await);
    db.comes_to_have_table(false).await;
    assert_eq!(table(&node.host), None, "the node is never isolated");
}

#[tokio::test]
async fn a_pod_that_comes_is_isolated_once_an_endpoint_names_it() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let _agent = town.agent().await;
    let mut gaps = Vec::new();
    for name in ["db-1", "db-2", "db-3"] {
        let pod = town.node.pod_without_endpoint(&mut town.cluster, labelled(name, "db")).await;
        let mut pod = pod.expect("there was a namespace before");
        pod.listen();
        let begun = Instant::now();
        town.cluster.create([pod.endpoint.clone()]).await;
        eventually("it is isolated", async || !town.batch.reaches(&pod, 80)).await;
        gaps.push(begun.elapsed());
        assert!(town.web.reaches(&pod, 80));
    }
    gaps.into_iter().for_each(|gap| tell("from a DanmEp to isolation", gap));
}

#[tokio::test]
async fn what_somebody_does_to_a_table_without_an_owner_is_undone_within_a_second_and_told() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let kubeconfig = town.cluster.kubeconfig();
    let agent = town.node.agent_with(&["--without-owned-tables"], &kubeconfig).await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    for command in ["flush table inet danm_policer", "delete table inet danm_policer", "flush ruleset"] {
        town.db.namespace.run("nft", command);
        let begun = Instant::now();
        eventually("it is undone", async || !town.batch.reaches(&town.db, 80)).await;
        tell(command, begun.elapsed());
        assert!(begun.elapsed() < SOON, "{command}: {:?}", begun.elapsed());
        assert!(town.web.reaches(&town.db, 80));
    }
    town.db.is_told(&town.cluster, "PolicyTampered somebody changed the rules").await;
    assert_eq!(town.db.state(&agent).await["state"], "enforced");
}

#[tokio::test]
async fn an_interface_that_the_kernel_does_not_have_is_told() {
    let Some(mut town) = Town::new().await else { return };
    let mut endpoint = town.db.endpoint.clone();
    endpoint["metadata"]["name"] = json!("db-dpdk0");
    endpoint["spec"]["Interface"] = json!({"Name": "dpdk0", "Address": "10.77.0.1/24"});
    town.cluster.create([endpoint, database(&from_web(), &json!(80))]).await;
    let agent = town.agent().await;
    town.db
        .is_told(&town.cluster, "InterfaceNotEnforced an endpoint of this Pod names the interface dpdk0, ")
        .await;
    eventually("it is shown", async || town.db.state(&agent).await["absentInterfaces"] == json!(["dpdk0"]))
        .await;
    assert_eq!(agent.metric("danm_policer_absent_interfaces").await, Some(1.0));
    town.assert_is_isolated();
}

/// Runtimes have interfaces made before they start the first process.
#[tokio::test]
async fn a_pod_whose_endpoint_comes_before_its_first_process_is_isolated_once_that_is_there() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let agent = town.agent().await;
    let pod = town.node.pod_without_endpoint(&mut town.cluster, labelled("db-1", "db")).await;
    let mut pod = pod.expect("there was a namespace before");
    pod.listen();
    town.node.end(&pod.namespace);
    town.cluster.create([pod.endpoint.clone()]).await;
    eventually("it is waited for", async || pod.state(&agent).await["state"] == "waiting").await;
    assert_eq!((pod.table(), pod.state(&agent).await["refusedPaths"].clone()), (None, json!([])));

    let uid = town.cluster.get(&pod.object).await.expect("it is there")["metadata"]["uid"].clone();
    town.node.run(&pod.namespace, uid.as_str().expect("a uid"));
    tell("from the first process to isolation", town.batch.comes_to_reach(&pod, 80, false).await);
    eventually("it is enforced", async || pod.state(&agent).await["state"] == "enforced").await;
}

#[tokio::test]
async fn an_agent_that_is_killed_leaves_rules_and_the_next_one_takes_them_over_as_they_are() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let agent = town.agent().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    let before = town.db.handles();

    agent.kill().await;
    town.assert_is_isolated();

    let agent = town.agent().await;
    eventually("its rules are looked after", async || town.db.state(&agent).await["state"] == "enforced")
        .await;
    assert_eq!(town.db.handles(), before, "nothing was made anew");
    town.assert_is_isolated();

    agent.kill().await;
    let other_port = database(&from_web(), &json!(81));
    town.cluster.patch(&other_port, &json!({"spec": other_port["spec"]})).await;
    let closed = json!({"podSelector": {"matchLabels": {"app": "batch"}}, "ingress": []});
    town.cluster.create([policy("batch", &closed)]).await;
    town.assert_is_isolated();
    let agent = town.agent().await;
    town.web.comes_to_reach(&town.db, 80, false).await;
    town.web.comes_to_reach(&town.batch, 80, false).await;
    assert!(town.web.reaches(&town.db, 81));
    assert_eq!(town.db.handles()[0], before[0], "the table is the same");

    let (_, is_success) = agent.stop("TERM").await;
    assert!(is_success && !town.web.reaches(&town.db, 80), "rules stay");

    town.cluster.delete(&other_port).await;
    let _agent = town.agent().await;
    town.web.comes_to_reach(&town.db, 80, true).await;
    town.db.comes_to_have_table(false).await;
    assert!(town.batch.table().is_some());
}

#[tokio::test]
async fn without_an_api_server_what_was_last_known_is_enforced() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let agent = town.agent().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    eventually("it is kept", async || town.node.state().join("pods-of-this-node").exists()).await;
    let before = town.db.handles();
    agent.kill().await;

    let nowhere = town.way_to_nowhere();
    let agent = town.node.agent_of(&nowhere).await;
    eventually("its rules are looked after", async || town.db.state(&agent).await["state"] == "enforced")
        .await;
    assert_eq!(town.db.handles(), before);
    town.assert_is_isolated();
    agent.kill().await;

    // As in a Pod that was made anew while nobody looked.
    town.db.namespace.run("nft", "delete table inet danm_policer");
    assert!(town.batch.reaches(&town.db, 80));
    let agent = town.node.agent_of(&nowhere).await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    town.assert_is_isolated();
    assert_eq!(agent.ask("/ready").await.0, 503);
}

#[tokio::test]
async fn if_what_was_known_is_lost_pods_with_rules_keep_them_and_others_are_closed_until_everything_is_listed()
 {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let agent = town.agent().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    let kept = town.node.state().join("pods-of-this-node");
    eventually("it is kept", async || kept.exists()).await;
    let before = town.db.handles();
    agent.kill().await;
    fs::write(&kept, "what is this?").expect("written");

    let agent = town.agent().await;
    town.batch.comes_to_have_table(false).await;
    eventually("its rules are looked after", async || town.db.state(&agent).await["state"] == "enforced")
        .await;
    assert!(agent.log().contains("what was last known is lost"), "{}", agent.log());
    assert_eq!(town.db.handles()[0], before[0], "the table is the same");
    town.assert_is_isolated();
}

#[tokio::test]
async fn the_table_is_the_agents_alone() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let agent = town.agent().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    for change in ["delete table inet danm_policer", "flush table inet danm_policer"] {
        let output = town.db.namespace.attempt("nft", change);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains("Operation not permitted"), "{change}: {told}");
    }
    // It does not name tables of others.
    town.db.namespace.run("nft", "flush ruleset");
    town.assert_is_isolated();
    let run = town.node.clean_up(&[]).await;
    assert_eq!(run.code, Some(2), "{run:#?}");
    assert!(run.err.contains("an agent is at work"), "{run:#?}");
    town.assert_is_isolated();
    drop(agent);
}

#[tokio::test]
async fn a_false_network_namespace_is_told_and_changes_nothing() {
    let Some(mut town) = Town::new().await else { return };
    let host = town.node.host.path();
    town.node.name("host", &host);
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let agent = town.agent().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    let of_web = town.web.endpoint["spec"]["netns"].as_str().expect("a path").to_owned();
    for (path, reason) in [
        ("/var/run/netns/host", "it is the network namespace of the node itself"),
        ("/proc/1/ns/net", "it is the network namespace of the node itself"),
        (&of_web, "is in it, and none of this Pod"),
        ("/var/run/netns/../netns/host", "it is neither a plain name"),
        ("/var/run/netns/gone", "there is nothing at that path"),
    ] {
        town.cluster.patch(&town.db.endpoint, &json!({"spec": {"netns": path}})).await;
        eventually(&format!("{path} is refused"), async || {
            let refused = town.db.state(&agent).await["refusedPaths"].clone();
            refused[0]["path"] == path && refused[0]["reason"].as_str().is_some_and(|it| it.contains(reason))
        })
        .await;
        let event = format!("NetnsRefused an endpoint of this Pod names the network namespace {path}, ");
        town.db.is_told(&town.cluster, &event).await;
        assert_eq!(agent.metric("danm_policer_refused_netns_paths").await, Some(1.0));
        town.assert_is_isolated();
        assert_eq!((table(&town.node.host), town.web.table()), (None, None), "{path}");
    }
    town.cluster.patch(&town.db.endpoint, &json!({"spec": {"netns": null}})).await;
    eventually("nothing is refused", async || {
        agent.metric("danm_policer_refused_netns_paths").await == Some(0.0)
    })
    .await;
    town.assert_is_isolated();
}

#[tokio::test]
async fn endpoints_and_policies_that_are_broken_hold_up_no_others() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.install_without_schemas().await;
    let _agent = town.agent().await;
    for (name, interface) in [
        ("none", json!({"Name": "eth1", "Address": "none", "AddressIPv6": "none"})),
        ("empty", json!({"Name": "eth1", "Address": "", "AddressIPv6": ""})),
        ("unparsable", json!({"Name": "eth1", "Address": "10.0.0.0.0/99", "AddressIPv6": "::::"})),
        ("interface", json!({"Name": "an interface / of no kernel", "Address": "10.77.5.5/24"})),
    ] {
        let endpoint = objects::endpoint(ApiGroup::DanmIo, NAMESPACE, &format!("odd-{name}"), "db", "other");
        town.cluster.create([objects::with(endpoint, "/spec/Interface", interface)]).await;
    }
    let broken = json!({"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [{"from": [{"ipBlock": {"cidr": "x"}}]}]});
    town.cluster.create([policy("broken", &broken), database(&from_web(), &json!(80))]).await;
    // The broken one isolates, and comes first.
    town.batch.comes_to_reach(&town.db, 80, false).await;
    town.web.comes_to_reach(&town.db, 80, true).await;
    town.assert_is_isolated();
    town.cluster.delete(&policy("db", &json!({}))).await;
    town.web.comes_to_reach(&town.db, 80, false).await;
}

#[tokio::test]
async fn a_pod_whose_endpoints_vanish_keeps_its_rules_and_one_that_vanishes_is_let_go() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let agent = town.agent().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;

    town.cluster.delete(&town.db.endpoint).await;
    // What comes later is enforced, so what came before was looked at.
    let batch = json!({"podSelector": {"matchLabels": {"app": "batch"}}, "ingress": []});
    town.cluster.create([policy("batch", &batch)]).await;
    town.web.comes_to_reach(&town.batch, 80, false).await;
    town.assert_is_isolated();

    town.cluster.delete(&town.db.object).await;
    eventually("it is forgotten", async || town.db.state(&agent).await.is_null()).await;
    town.assert_is_isolated();
    assert!(town.node.has_cable(1));
    drop(town.db);
    // Its name on the node is the node's to take away.
    town.node.forget_names();
    within(SOON, "its cable is gone", async || !town.node.has_cable(1)).await;
}

#[tokio::test]
async fn another_pod_of_the_same_name_is_isolated_and_nothing_is_written_to_the_one_before() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let _agent = town.agent().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    let before = town.db.handles();

    town.cluster.delete(&town.db.endpoint).await;
    town.cluster.delete(&town.db.object).await;
    let again = town.node.pod(&mut town.cluster, labelled("db", "db")).await.expect("a namespace");
    town.batch.comes_to_reach(&again, 80, false).await;
    assert!(town.web.reaches(&again, 80));
    let other_port = database(&from_web(), &json!(81));
    town.cluster.patch(&other_port, &json!({"spec": other_port["spec"]})).await;
    town.web.comes_to_reach(&again, 80, false).await;
    assert_eq!(town.db.handles(), before);
    town.assert_is_isolated();
}

#[tokio::test]
async fn what_is_allowed_and_denied_is_counted_for_people_programs_and_metrics() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let agent = town.agent().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    town.assert_is_isolated();
    eventually("names are kept", async || town.node.state().join("pods-of-this-node").exists()).await;

    let run = town.node.stats(&["-o", "json"]).await;
    let document: Value = serde_json::from_str(&run.clean()).expect("JSON");
    let rows = document["statistics"].as_array().cloned().unwrap_or_default();
    let of = |verdict: &str| {
        let mut rows = rows.iter().filter(|row| row["verdict"] == verdict && row["pod"] == "db");
        rows.next().cloned().unwrap_or_default()
    };
    let (allowed, denied) = (of("allow"), of("deny"));
    assert_eq!(allowed["rule"], format!("{NAMESPACE}/db (danm.io) ingress[0]"));
    for row in [&allowed, &denied] {
        assert_eq!(
            (&row["namespace"], &row["direction"], &row["interface"]),
            (&json!(NAMESPACE), &json!("ingress"), &json!("eth0"))
        );
        assert!(row["packets"].as_u64() > Some(0) && row["bytes"].as_u64() >= row["packets"].as_u64());
    }
    let text = town.node.stats(&[]).await.clean();
    assert!(
        text.lines().any(|line| line.starts_with(&format!("{NAMESPACE}/db ")) && line.contains("  deny  ")),
        "{text}"
    );

    let at = format!("namespace=\"{NAMESPACE}\",direction=\"ingress\",interface=\"eth0\",reason=\"policy\"");
    let metric = format!("danm_policer_denied_packets_total{{{at}}}");
    eventually("it is a metric", async || agent.metric(&metric).await > Some(0.0)).await;

    let flow = format!(
        "{NAMESPACE}/db eth0 ingress: denied from {} to {} TCP/80",
        town.batch.address, town.db.address
    );
    assert!(text.lines().any(|line| line == flow), "{text}");
    let at = format!("namespace=\"{NAMESPACE}\",direction=\"ingress\",enforcement=\"enforce\"");
    let metric = format!("danm_policer_denied_flows_total{{{at}}}");
    eventually("flows are a metric", async || agent.metric(&metric).await > Some(0.0)).await;
    let (batch, db) = (town.batch.address, town.db.address);
    let line = format!(
        "denied pod={NAMESPACE}/db interface=eth0 direction=ingress source={batch} destination={db} protocol=\"TCP\" port=80"
    );
    let log = agent.log();
    assert!(log.contains(&line), "{log}");
}

#[tokio::test]
async fn cleanup_takes_rules_away_that_nobody_looks_after() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    let agent = town.agent().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    agent.kill().await;

    let run = town.node.clean_up(&["--dry-run"]).await;
    assert_eq!((run.code, run.out.lines().count()), (Some(0), 1), "{run:#?}");
    assert!(run.out.contains("would be taken away"), "{run:#?}");
    town.assert_is_isolated();

    let run = town.node.clean_up(&[]).await;
    assert_eq!((run.code, run.out.lines().count()), (Some(0), 1), "{run:#?}");
    assert!(run.out.contains("were taken away"), "{run:#?}");
    assert_eq!(town.db.table(), None);
    assert!(town.batch.reaches(&town.db, 80));
    let run = town.node.clean_up(&[]).await;
    assert_eq!((run.code, &*run.out), (Some(0), ""), "{run:#?}");
}

/// Root in a Pod may be there first. Then the Pod is as root there wants it, and not without being told.
#[tokio::test]
async fn a_table_of_our_name_that_somebody_in_the_pod_owns_is_told_and_taken_over_once_its_owner_has_gone() {
    let Some(mut town) = Town::new().await else { return };
    let mut owner = town.db.namespace.command("nft");
    let mut owner =
        owner.arg("--interactive").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("nft");
    let mut orders = owner.stdin.take().expect("it is piped");
    orders.write_all(b"add table inet danm_policer { flags owner; }\n").expect("it reads");
    town.db.comes_to_have_table(true).await;
    town.cluster.create([database(&from_web(), &json!(80))]).await;

    let agent = town.agent().await;

    town.db.is_told(&town.cluster, "PolicyNotEnforced ").await;
    let state = town.db.state(&agent).await;
    assert_eq!(state["state"], "failed");
    assert!(
        state["reason"].as_str().is_some_and(|it| it.contains("another process owns the table")),
        "{state}"
    );
    assert!(town.batch.reaches(&town.db, 80));

    drop(orders);
    owner.wait().expect("it ends");
    town.db.is_told(&town.cluster, "PolicyEnforced ").await;
    town.assert_is_isolated();
}
