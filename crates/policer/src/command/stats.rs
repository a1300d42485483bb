//! `stats`: what rules have counted in the kernels of a node's Pods. Asks no API server and no agent: what is there is read, whoever put it
//! there.

use std::{collections::BTreeMap, os::fd::AsFd};

use anyhow::{Context, ensure};
use policy_dataplane::{Count, Node, PodUid, Process, Socket};
use policy_engine::NamespacedName;
use serde::Serialize;

use crate::{
    agent::pods_of_this_node,
    cli::{StatsArgs, TextFormat},
    output::{json, note, print},
    statistic::Statistic,
    view::statistics,
};

/// What programs get.
#[derive(Serialize)]
struct Document {
    statistics: Vec<Statistic>,
}

pub(crate) fn run(args: &StatsArgs) -> anyhow::Result<()> {
    let node = Node::open(args.place.proc.clone(), args.place.roots())?;
    let residents = node.residents()?;
    let names = names(args);
    let (mut statistics, mut failed) = (Vec::new(), 0);
    for process in residents.everywhere() {
        match counts(&node, process) {
            Ok(counts) => {
                let of_count =
                    |count| Statistic::new(names.get(&process.pod), &process.pod, process.namespace, count);
                statistics.extend(counts.iter().map(of_count));
            }
            Err(error) => {
                note(&format!("{} of the Pod with uid {}: {error:#}", process.namespace, process.pod));
                failed += 1;
            }
        }
    }
    statistics.sort_by_key(|it| (it.pod_name(), it.interface.clone(), it.direction.clone(), it.rule.clone()));
    match args.output {
        TextFormat::Text => print(&statistics::text(&statistics, &args.look.screen()))?,
        TextFormat::Json => print(&json(&Document { statistics })?)?,
    }
    ensure!(failed == 0, "the rules in {failed} network namespaces could not be read");
    Ok(())
}

/// What the rules in the namespace of a process have counted.
fn counts(node: &Node, process: &Process) -> anyhow::Result<Vec<Count>> {
    let netns = node.enter(process)?;
    let socket = Socket::open_at(netns.as_fd()).context("failed to enter it")?;
    socket.counts().context("failed to read what its rules have counted")
}

/// The names of Pods by their uids, as far as the agent has kept them.
fn names(args: &StatsArgs) -> BTreeMap<PodUid, NamespacedName> {
    let kept = pods_of_this_node(&args.state.folder).into_iter();
    kept.filter_map(|(name, uid)| Some((PodUid::new(&uid)?, name))).collect()
}
