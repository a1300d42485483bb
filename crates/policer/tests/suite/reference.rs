//! After the reference Policer: its rules, made by the real `iptables`, are told, and taken away where that is asked for.

use std::{env, io::Write, process::Stdio};

use serde_json::json;
use testkit::eventually;

use crate::{
    namespace::Namespace,
    node::Pod,
    town::{Town, database, from_web},
};

const SCRIPT: &str = include_str!("../../../policy-dataplane/tests/kernel/reference-rules.sh");

const CHAINS: [&str; 4] = [
    "ip filter DANM_EGRESS_V4",
    "ip filter DANM_INGRESS_V4",
    "ip6 filter DANM_EGRESS_V6",
    "ip6 filter DANM_INGRESS_V6",
];

/// The reference isolates a Pod, and lets nobody in.
fn isolate(pod: &Pod) {
    let mut script = pod.namespace.command("sh");
    script.args(["-s", "--", "iptables-nft", "ip6tables-nft", "192.0.2.9", "2001:db8::9"]);
    let mut script = script.stdin(Stdio::piped()).spawn().expect("sh");
    script.stdin.take().expect("it is piped").write_all(SCRIPT.as_bytes()).expect("it reads");
    assert!(script.wait().expect("it ends").success());
}

fn has_its_rules(pod: &Pod) -> bool {
    pod.namespace.run("iptables-nft-save", "").contains("REJECT")
}

/// A database that the reference has isolated by the policy that there is, and another Pod by one that is gone. None without iptables.
async fn town() -> Option<Town> {
    let rule = "-A INPUT -m conntrack --ctstate NEW -j REJECT";
    if !Namespace::new()?.attempt("iptables-nft", rule).status.success() {
        assert!(env::var_os("CI").is_none(), "CI skips nothing, and iptables-nft cannot be used");
        eprintln!("SKIPPED: iptables-nft cannot be used");
        return None;
    }
    let mut town = Town::new().await?;
    town.cluster.create([database(&from_web(), &json!(80))]).await;
    [&town.db, &town.batch].into_iter().for_each(isolate);
    assert!(!town.web.reaches(&town.db, 80) && !town.web.reaches(&town.batch, 80));
    Some(town)
}

#[tokio::test]
async fn rules_of_the_reference_are_told_and_taken_away_where_that_is_asked_for() {
    let Some(town) = town().await else { return };
    let pods_with =
        |certainty| format!("danm_policer_pods_with_reference_rules{{certainty=\"{certainty}\"}}");
    let agent = town.agent().await;
    for (pod, state) in [(&town.db, "enforced"), (&town.batch, "open")] {
        pod.is_told(&town.cluster, "ReferenceRulesFound the reference Policer has left rules").await;
        eventually("it is shown", async || {
            pod.state(&agent).await["referenceRules"]["chains"] == json!(CHAINS)
        })
        .await;
        assert_eq!(pod.state(&agent).await["state"], state);
        assert!(has_its_rules(pod) && !town.web.reaches(pod, 80));
    }
    eventually("it is a metric", async || agent.metric(&pods_with("found")).await == Some(2.0)).await;
    assert_eq!(agent.metric(&pods_with("suspected")).await, Some(0.0));
    assert_eq!(agent.metric("danm_policer_pods{state=\"open\"}").await, None, "it is to have no rules");
    assert_eq!(town.web.state(&agent).await, json!(null), "there is nothing to tell of others");
    agent.kill().await;

    let agent = town.node.agent_with(&["--remove-reference-rules"], &town.cluster.kubeconfig()).await;
    agent.ready().await;

    for pod in [&town.db, &town.batch] {
        pod.is_told(&town.cluster, "ReferenceRulesRemoved rules of the reference Policer were taken away")
            .await;
        town.web.comes_to_reach(pod, 80, true).await;
        assert!(!has_its_rules(pod));
    }
    town.assert_is_isolated();
    eventually("none has them", async || agent.metric(&pods_with("found")).await == Some(0.0)).await;
    let rules = town.db.state(&agent).await["referenceRules"].clone();
    assert_eq!(rules, json!({"chains": [], "suspicions": [], "removals": 1, "problem": null}));
}

#[tokio::test]
async fn cleanup_takes_rules_of_the_reference_away_where_ours_are_and_elsewhere_if_told_so() {
    let Some(town) = town().await else { return };
    let _agent = town.agent().await;
    eventually("ours are there", async || town.db.table().is_some()).await;
    let words = format!("rules of the reference Policer would be taken away, with {}", CHAINS.join(", "));

    let run = town.node.clean_up(&["--reference=everywhere", "--dry-run"]).await;
    assert_eq!((run.code, run.out.matches(&words).count()), (Some(0), 2), "{run:#?}");
    assert!(has_its_rules(&town.db) && has_its_rules(&town.batch));

    let run = town.node.clean_up(&["--reference"]).await;
    assert_eq!((run.code, run.out.lines().count()), (Some(2), 1), "{run:#?}");
    assert!(run.out.contains("were taken away"), "{run:#?}");
    assert!(run.err.contains("stay, because none of ours are there"), "{run:#?}");
    assert!(!has_its_rules(&town.db) && has_its_rules(&town.batch));
    town.assert_is_isolated();

    let run = town.node.clean_up(&["--reference=everywhere"]).await;
    assert_eq!((run.code, run.out.lines().count()), (Some(0), 1), "{run:#?}");
    assert!(!has_its_rules(&town.batch) && town.web.reaches(&town.batch, 80));
    town.assert_is_isolated();
    let run = town.node.clean_up(&["--reference"]).await;
    assert_eq!((run.code, &*run.out), (Some(0), ""), "{run:#?}");
}
