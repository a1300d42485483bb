//! Policies that are audited, with the real agent: they deny nothing, say what they would deny, and are enforced once that is written.

use danm_api::ApiGroup;
use serde_json::{Value, json};
use testkit::eventually;

use crate::{
    policies::{NAMESPACE, becomes, shows},
    town::{Town, database, from_web},
};

fn audited() -> Value {
    let mut policy = database(&from_web(), &json!(80));
    policy["spec"]["enforcement"] = json!("audit");
    policy
}

#[tokio::test]
async fn what_an_audited_policy_would_deny_passes_and_is_counted_until_it_is_enforced() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.create([audited()]).await;
    let agent = town.agent().await;
    town.db.comes_to_have_table(true).await;
    let at = format!("{{namespace=\"{NAMESPACE}\",direction=\"ingress\",interface=\"eth0\"}}");
    let metric = format!("danm_policer_audited_packets_total{at}");
    assert!(town.web.reaches(&town.db, 80));
    eventually("rules have counted", async || {
        assert!(town.batch.reaches(&town.db, 80) && town.batch.reaches(&town.db, 81), "nothing is denied");
        agent.metric(&metric).await > Some(0.0)
    })
    .await;
    shows(&agent, "danm_policer_audited_policies", 1.0).await;
    let accepted = becomes(&town.cluster, &audited(), "Accepted", "True Accepted").await;
    assert!(accepted["message"].as_str().is_some_and(|it| it.ends_with("denies nothing")), "{accepted}");
    assert_eq!(agent.metric("danm_policer_isolation_gap_seconds_count").await, Some(0.0));

    let state = town.db.state(&agent).await;
    let gate = json!({
        "interface": "eth0", "direction": "ingress", "enforcement": "audit", "rules": 1,
        "policies": [format!("{NAMESPACE}/db (danm.io)")], "policiesNotShown": 0,
    });
    assert_eq!((&state["state"], &state["rules"][0]), (&json!("audited"), &gate));

    let run = town.node.stats(&["-o", "json"]).await;
    let document: Value = serde_json::from_str(&run.clean()).expect("JSON");
    let rows = document["statistics"].as_array().cloned().unwrap_or_default();
    let count = |verdict: &str| rows.iter().filter(|row| row["verdict"] == verdict).count();
    assert!(count("would-deny") > 0 && count("deny") == 0, "{rows:#?}");
    let flows = document["deniedFlows"].as_array().cloned().unwrap_or_default();
    let from_batch = flows.iter().filter(|flow| flow["from"] == town.batch.address.to_string());
    let ports: Vec<&Value> =
        from_batch.filter(|flow| flow["verdict"] == "would-deny").map(|flow| &flow["port"]).collect();
    assert_eq!(ports, [&json!(80), &json!(81)]);

    let question = ["explain", "--from", "tenant/batch", "--to", "tenant/db", "--port", "TCP/80"];
    let mut command = crate::program::program(&question);
    command.arg("--kubeconfig").arg(town.cluster.kubeconfig());
    let told = crate::program::finish(command, "").await.clean();
    let name = format!("{NAMESPACE}/db ({})", ApiGroup::DanmIo.name());
    assert!(
        told.starts_with("ALLOWED") && told.contains(&format!("only because {name} is audited")),
        "{told}"
    );

    town.cluster.patch(&audited(), &json!({"spec": {"enforcement": "enforce"}})).await;
    town.batch.comes_to_reach(&town.db, 80, false).await;
    town.assert_is_isolated();
    shows(&agent, "danm_policer_audited_policies", 0.0).await;
    town.cluster.patch(&audited(), &json!({"spec": {"enforcement": "audit"}})).await;
    town.batch.comes_to_reach(&town.db, 80, true).await;
    town.cluster.delete(&audited()).await;
    town.db.comes_to_have_table(false).await;
}
