//! The guide for operators, compared with the program: a flag or a metric that it does not name is a riddle in somebody's worst
//! hour.

use std::collections::BTreeSet;

use danm_api::ApiGroup;
use serde_json::json;
use testkit::{Running, eventually, guide::names, objects};

use crate::{
    policies::{NAMESPACE, broken_selector, policy},
    town::{Town, database, from_web},
};

const GUIDE: &str = "policer.md";

#[test]
fn it_names_every_flag_of_what_runs_on_a_node() {
    let cli = policer::command();
    let commands =
        ["agent", "cleanup", "stats", "explain"].map(|name| cli.find_subcommand(name).expect("it is there"));
    let arguments = commands.into_iter().chain([&cli]).flat_map(clap::Command::get_arguments);
    let arguments = arguments.filter(|it| !it.is_hide_set());
    let flags: BTreeSet<String> = arguments.filter_map(|it| Some(format!("--{}", it.get_long()?))).collect();
    assert!(flags.len() > 10, "{flags:?}");
    names(GUIDE, flags.into_iter().filter(|flag| !["--help", "--version"].contains(&flag.as_str())));
}

/// A metric that counts by a label is there once there is something to count.
#[tokio::test]
async fn it_names_every_metric() {
    let Some(mut town) = Town::new().await else { return };
    town.cluster.install_without_schemas().await;
    let lost = policy("lost", &json!({"podSelector": broken_selector()}));
    let odd = objects::endpoint(ApiGroup::DanmIo, NAMESPACE, "odd", "db", "lan");
    let guests = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "guests"}});
    town.cluster.patch(&guests, &json!({"metadata": {"annotations": {"danm.io/policer": "open"}}})).await;
    town.cluster.create([lost, database(&from_web(), &json!(80)), objects::with(odd, "/spec", "text")]).await;
    let agent = town.agent().await;
    let mut metrics = BTreeSet::new();
    eventually("there is something of everything", async || {
        metrics = metrics_of(&agent).await;
        let counted = [
            "opened_namespaces",
            "pods",
            "policy_problems",
            "status_writes",
            "uncovered_pods",
            "unreadable_objects",
        ];
        counted.into_iter().all(|name| metrics.contains(name))
    })
    .await;
    assert!(metrics.len() >= 15, "{metrics:?}");
    names(GUIDE, metrics);
}

async fn metrics_of(agent: &Running) -> BTreeSet<String> {
    let (_, text) = agent.ask("/metrics").await;
    let names = text.lines().filter_map(|line| line.strip_prefix("# HELP danm_policer_")?.split(' ').next());
    names.map(str::to_owned).collect()
}
