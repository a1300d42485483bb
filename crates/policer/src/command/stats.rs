//! `stats`: what rules have counted and denied in the kernels of a node's Pods. Asks no API server and no agent: what is there is read, whoever put it
//! there.

use std::{collections::BTreeMap, os::fd::AsFd};

use anyhow::{Context, ensure};
use policy_dataplane::{Count, DeniedFlow, Node, PodUid, Process, Socket};
use policy_engine::NamespacedName;
use serde::Serialize;

use crate::{
    agent::pods_of_this_node,
    cli::{StatsArgs, TextFormat},
    flow_row::FlowRow,
    output::{json, note, print},
    statistic::Statistic,
    view::{denied_flows, statistics},
};

/// What programs get.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    statistics: Vec<Statistic>,
    denied_flows: Vec<FlowRow>,
}

pub(crate) fn run(args: &StatsArgs) -> anyhow::Result<()> {
    let node = Node::open(args.place.proc.clone(), args.place.roots())?;
    let residents = node.residents()?;
    let names = names(args);
    let (mut statistics, mut denied_flows, mut failed) = (Vec::new(), Vec::new(), 0);
    for process in residents.everywhere() {
        let pod = names.get(&process.pod);
        match read(&node, process) {
            Ok((counts, flows)) => {
                let of_count = |count| Statistic::new(pod, &process.pod, process.namespace, count);
                statistics.extend(counts.iter().map(of_count));
                denied_flows.extend(flows.iter().map(|flow| FlowRow::new(pod, &process.pod, flow)));
            }
            Err(error) => {
                note(&format!("{} of the Pod with uid {}: {error:#}", process.namespace, process.pod));
                failed += 1;
            }
        }
    }
    statistics
        .sort_by_key(|it| (it.pod.to_string(), it.interface.clone(), it.direction.clone(), it.rule.clone()));
    denied_flows.sort();
    match args.output {
        TextFormat::Text => {
            let screen = args.look.screen();
            print(&(statistics::text(&statistics, &screen) + &denied_flows::text(&denied_flows, &screen)))?;
        }
        TextFormat::Json => print(&json(&Document { statistics, denied_flows })?)?,
    }
    ensure!(failed == 0, "the rules in {failed} network namespaces could not be read");
    Ok(())
}

/// What the rules in the namespace of a process have counted, and denied lately.
fn read(node: &Node, process: &Process) -> anyhow::Result<(Vec<Count>, Vec<DeniedFlow>)> {
    let netns = node.enter(process)?;
    let socket = Socket::open_at(netns.as_fd()).context("failed to enter it")?;
    let counts = socket.counts().context("failed to read what its rules have counted")?;
    let flows = socket.denied_flows().context("failed to read what its rules have denied")?;
    Ok((counts, flows))
}

/// The names of Pods by their uids, as far as the agent has kept them.
fn names(args: &StatsArgs) -> BTreeMap<PodUid, NamespacedName> {
    let kept = pods_of_this_node(&args.state.folder).into_iter();
    kept.filter_map(|(name, uid)| Some((PodUid::new(&uid)?, name))).collect()
}
