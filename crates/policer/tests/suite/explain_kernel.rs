//! `explain --kernel` on a node: what a kernel has beside what it should have, with the real agent, and after somebody changed it.

use std::{ffi::OsStr, fs};

use serde_json::{Value, json};
use testkit::eventually;

use crate::{
    node::Pod,
    policies::NAMESPACE,
    program::{Run, finish, program},
    town::{Town, database, from_web},
};

/// Explains a connection on this node, between Pods of the policies' namespace.
async fn explain(town: &Town, ends: [&str; 2], arguments: &[&str]) -> Run {
    explain_by(town, &["--kubeconfig".as_ref(), town.cluster.kubeconfig().as_ref()], ends, arguments).await
}

/// The same, by objects that are found in this way.
pub async fn explain_by(town: &Town, way: &[&OsStr], [from, to]: [&str; 2], arguments: &[&str]) -> Run {
    let mut command = program(&["explain", "--kernel", "--port", "TCP/80", "--namespace", NAMESPACE]);
    command.args(["--from", from, "--to", to]).args(arguments).args(town.node.place()).args(way);
    finish(command, "").await
}

async fn document(town: &Town, from: &str) -> Value {
    serde_json::from_str(&explain(town, [from, "db"], &["-o", "json"]).await.clean()).expect("JSON")
}

/// What the database's kernel has, as programs are told.
async fn at_db(town: &Town, from: &str) -> Value {
    document(town, from).await["pairs"][0]["ingress"]["kernel"][0].clone()
}

/// The town, whose database is isolated.
async fn isolated() -> Option<Town> {
    let mut town = Town::new().await?;
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    Some(town)
}

/// Ways in which a table is not what it should be.
fn deviations(row: &Value) -> Vec<&str> {
    row["deviations"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn address(pod: &Pod) -> String {
    pod.address.to_string()
}

#[tokio::test]
async fn beside_an_agent_at_work_the_kernel_is_as_it_should_be_and_says_what_policies_say() {
    let Some(town) = isolated().await else { return };
    let _agent = town.agent().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    town.assert_is_isolated();
    for (from, verdict, by) in [
        ("web", "allow", format!("{NAMESPACE}/db (danm.io) ingress[0]")),
        ("batch", "deny", "no rule allows it".to_owned()),
    ] {
        let document = document(&town, from).await;
        assert_eq!(document["kernel"]["state"], "as-it-should-be", "{document:#}");
        let [row, other] = ["ingress", "egress"].map(|end| document["pairs"][0][end]["kernel"][0].clone());
        assert_eq!((&row["state"], &row["verdict"]), (&json!("as-it-should-be"), &json!(verdict)), "{row:#}");
        assert_eq!((&row["decidedBy"], deviations(&row).len()), (&json!(by), 0));
        let counted = row["counted"].as_array().into_iter().flatten();
        let counted = counted.filter(|count| count["verdict"] == verdict && count["rule"] == json!(by));
        assert!(counted.filter_map(|count| count["packets"].as_u64()).sum::<u64>() > 0, "{row:#}");
        assert_eq!((&other["state"], &other["verdict"]), (&json!("as-it-should-be"), &json!("allow")));
    }
    let text = explain(&town, ["batch", "db"], &[]).await.clean();
    let sentence = format!("KERNEL  as it should be at {NAMESPACE}/batch and {NAMESPACE}/db");
    assert!(text.lines().nth(1) == Some(&sentence), "{text}");
    let line = "      in the kernel: as it should be; it is denied there: no rule allows it";
    assert!(text.lines().any(|told| told == line), "{text}");
    // Without the flag nothing is said of kernels.
    let mut command = program(&["explain", "--port", "TCP/80", "--namespace", NAMESPACE]);
    command
        .args(["--from", "batch", "--to", "db", "-o", "json", "--kubeconfig"])
        .arg(town.cluster.kubeconfig());
    let plain = finish(command, "").await.clean();
    assert!(!plain.contains("kernel"), "{plain}");
}

#[tokio::test]
async fn what_an_audited_policy_would_deny_is_seen_to_pass_in_the_kernel() {
    let Some(mut town) = Town::new().await else { return };
    let mut policy = database(&from_web(), &json!(80));
    policy["spec"]["enforcement"] = json!("audit");
    town.cluster.create([policy]).await;
    let _agent = town.agent().await;
    town.db.comes_to_have_table(true).await;
    // Whoever reads while rules come sees some of them.
    eventually("all rules are there", async || at_db(&town, "batch").await["state"] == "as-it-should-be")
        .await;
    assert!(town.batch.reaches(&town.db, 80));
    let row = at_db(&town, "batch").await;
    assert_eq!((&row["state"], &row["verdict"]), (&json!("as-it-should-be"), &json!("allow")), "{row:#}");
    assert_eq!(row["decidedBy"], "no rule of an audited policy allows it");
    assert_eq!(row["counted"][0]["verdict"], "would-deny", "{row:#}");
    assert_eq!(at_db(&town, "web").await["decidedBy"], format!("{NAMESPACE}/db (danm.io) ingress[0]"));
}

/// Whoever answers judges with rules of its own.
#[tokio::test]
async fn kernels_of_those_who_answer_for_a_service_are_looked_at() {
    let Some(mut town) = isolated().await else { return };
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"namespace": NAMESPACE, "name": "db"},
        "spec": {"clusterIP": "10.0.0.201", "ports": [{"port": 5432, "protocol": "TCP", "targetPort": 80}]},
    });
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {
            "namespace": NAMESPACE, "name": "db-1", "labels": {"kubernetes.io/service-name": "db"},
        },
        "endpoints": [{"addresses": [address(&town.db)], "conditions": {"ready": true}}],
        "ports": [{"port": 80, "protocol": "TCP"}],
    });
    town.cluster.create([service, slice]).await;
    let _agent = town.agent().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    let mut command = program(&["explain", "--kernel", "--port", "TCP/5432", "--namespace", NAMESPACE]);
    command.args(["--from", "batch", "--to", "10.0.0.201", "-o", "json"]).args(town.node.place());
    command.arg("--kubeconfig").arg(town.cluster.kubeconfig());
    let text = finish(command, "").await.clean();
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let row = &document["service"]["answering"][0]["ingress"]["kernel"][0];
    assert_eq!((&row["state"], &row["verdict"]), (&json!("as-it-should-be"), &json!("deny")), "{document:#}");
    let summary = format!("as it should be at {NAMESPACE}/batch and {NAMESPACE}/db");
    assert_eq!(document["kernel"]["summary"], summary);
}

#[tokio::test]
async fn kernels_are_held_against_objects_in_files_too() {
    let Some(town) = isolated().await else { return };
    let _agent = town.agent().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("objects.json");
    let mut policy = database(&from_web(), &json!(80));
    for (port, state) in [(80, "as-it-should-be"), (81, "differs")] {
        policy["spec"]["ingress"][0]["ports"][0]["port"] = json!(port);
        let mut items = vec![policy.clone()];
        for pod in [&town.db, &town.web] {
            for object in [&pod.object, &pod.endpoint] {
                items.push(town.cluster.get(object).await.expect("it is there"));
            }
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        fs::write(&file, list.to_string()).expect("written");
        let way = ["--objects".as_ref(), file.as_os_str()];
        let text = explain_by(&town, &way, ["web", "db"], &["-o", "json"]).await.clean();
        let document: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(document["kernel"]["state"], state, "{document:#}");
        let row = &document["pairs"][0]["ingress"]["kernel"][0];
        let expected = format!("lacks rule {NAMESPACE}/db (danm.io) ingress[0], and has rule {NAMESPACE}/db");
        assert!(port == 80 || deviations(row)[0].contains(&expected), "{row:#}");
    }
}

#[tokio::test]
async fn what_somebody_did_to_rules_while_no_agent_ran_is_named() {
    let Some(town) = isolated().await else { return };
    let agent = town.node.agent_with(&["--without-owned-tables"], &town.cluster.kubeconfig()).await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    agent.kill().await;
    let before = at_db(&town, "web").await;
    assert_eq!(before["state"], "as-it-should-be", "{before:#}");

    let table = town.db.table().expect("it has one");
    let set = table.split_whitespace().find(|word| word.starts_with("pods_") && word.ends_with("_v4"));
    let set = set.expect("a set of Pods");
    let change = |change: &str| town.db.namespace.run("nft", change);

    change(&format!("delete element inet danm_policer {set} {{ {} }}", address(&town.web)));
    let row = at_db(&town, "web").await;
    assert_eq!((&row["state"], &row["verdict"]), (&json!("differs"), &json!("deny")), "{row:#}");
    let told = deviations(&row);
    assert!(told.len() == 1 && told[0].ends_with(&format!(") lacks {}", address(&town.web))), "{told:?}");
    assert!(!town.web.reaches(&town.db, 80));
    let text = explain(&town, ["web", "db"], &[]).await.clean();
    assert!(text.starts_with("ALLOWED  "), "{text}");
    assert!(text.contains("it is denied there, though policies allow it: no rule allows it"), "{text}");
    assert!(text.contains(&format!("\nKERNEL  not as it should be at {NAMESPACE}/db; ")), "{text}");

    change(&format!("add element inet danm_policer {set} {{ {} }}", address(&town.web)));
    assert_eq!(at_db(&town, "web").await["state"], "as-it-should-be");
    // Its first packets pass by that, and nobody remembers them.
    change("insert rule inet danm_policer judge_ingress accept comment \"\u{1b}[2J\"");
    let row = at_db(&town, "batch").await;
    assert_eq!((&row["state"], &row["verdict"]), (&json!("differs"), &json!("deny")), "{row:#}");
    assert_eq!(row["decidedBy"], "of its replies, no rule allows it");
    change("insert rule inet danm_policer judge_ingress_replies accept");
    let row = at_db(&town, "batch").await;
    assert_eq!((&row["state"], &row["verdict"]), (&json!("differs"), &json!("allow")), "{row:#}");
    let chains = ["judge_ingress", "judge_ingress_replies"];
    assert_eq!(deviations(&row), chains.map(|chain| format!("the chain {chain} has rule number 1 too much")));
    assert_eq!(row["decidedBy"], "rule 1 of the chain judge_ingress");
    assert!(town.batch.reaches(&town.db, 80));

    change("flush chain inet danm_policer ingress_eth0");
    let row = at_db(&town, "web").await;
    let missing = format!("lacks rule number 1, {NAMESPACE}/db (danm.io) ingress[0]");
    assert!(deviations(&row).iter().any(|told| told.contains(&missing)), "{row:#}");

    change("delete table inet danm_policer");
    let document = document(&town, "batch").await;
    assert_eq!((&document["verdict"], &document["kernel"]["state"]), (&json!("deny"), &json!("no-rules")));
    let row = &document["pairs"][0]["ingress"]["kernel"][0];
    assert_eq!((&row["verdict"], &row["state"]), (&json!("allow"), &json!("no-rules")), "{row:#}");
}

#[tokio::test]
async fn what_cannot_be_seen_from_a_node_is_not_said_to_be_right() {
    let Some(mut town) = isolated().await else { return };
    let _agent = town.agent().await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    town.node.end(&town.web.namespace);
    let document = document(&town, "web").await;
    assert_eq!(document["kernel"]["state"], "not-seen", "{document:#}");
    let row = &document["pairs"][0]["egress"]["kernel"][0];
    assert_eq!((&row["state"], &row["verdict"]), (&json!("not-seen"), &Value::Null), "{row:#}");
    assert!(row["reason"].as_str().is_some_and(|it| it.starts_with("no process of it is on this node")));

    // Of an interface that the kernel does not have no rule says anything.
    let mut endpoint = town.db.endpoint.clone();
    endpoint["metadata"]["name"] = json!("db-dpdk0");
    endpoint["spec"]["Interface"] = json!({"Name": "dpdk0", "Address": "10.77.9.1/24"});
    town.cluster.create([endpoint]).await;
    eventually("it has rules for it", async || {
        town.db.table().is_some_and(|table| table.contains("ingress_dpdk0"))
    })
    .await;
    let text = explain(&town, ["batch", "db@dpdk0"], &[]).await.clean();
    assert!(text.contains("the kernel has no interface dpdk0: no rule sees what goes by it"), "{text}");
}

#[tokio::test]
async fn without_a_look_at_processes_there_is_an_error_that_says_what_is_needed() {
    let Some(town) = isolated().await else { return };
    let mut command = program(&["explain", "--kernel", "--port", "TCP/80", "--namespace", NAMESPACE]);
    command.args(["--from", "web", "--to", "db", "--proc", "/nonexistent", "--kubeconfig"]);
    command.arg(town.cluster.kubeconfig());
    let run = finish(command, "").await;
    assert!(run.error().starts_with("--kernel needs root on the node of a Pod"), "{run:#?}");
}
