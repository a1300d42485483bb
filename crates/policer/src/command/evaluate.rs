//! `evaluate`: who may talk to whom, as a matrix.

use anyhow::Context;
use policy_engine::World;
use serde::Serialize;

use crate::{
    cli::{EvaluateArgs, MatrixFormat, Via},
    document::EndpointRow,
    files,
    inventory::{Inventory, list},
    matrix::Matrix,
    output::{notes, print},
    view::truth_table,
};

pub(crate) fn run(args: &EvaluateArgs) -> anyhow::Result<()> {
    let inventory = files::read(&args.objects.paths)?;
    let mut probes = args.probe.clone();
    let mut seen = Vec::new();
    probes.retain(|probe| {
        !seen.contains(probe) && {
            seen.push(*probe);
            true
        }
    });
    let matrix = match args.via {
        Via::Policy => Matrix::by_policies(&inventory, &probes),
        Via::Ruleset => Matrix::by_rulesets(&inventory, &probes),
    };
    notes(&remarks(&inventory));
    match args.output {
        MatrixFormat::Json => print(&document(&matrix)?),
        MatrixFormat::Table => print(&truth_table::text(&matrix, args.via, &args.look.screen())),
    }
}

/// One result a line: it may be a quarter of a million of them, and people compare two such documents.
fn document(matrix: &Matrix) -> anyhow::Result<String> {
    let probes: Vec<String> = matrix.probes.iter().map(ToString::to_string).collect();
    let probes = serde_json::to_string(&probes).context("cannot write JSON")?;
    let endpoints = lines(matrix.places.iter().map(EndpointRow::from))?;
    let results = lines(matrix.rows())?;
    Ok(format!("{{\"probes\": {probes},\n\"endpoints\": [{endpoints}],\n\"results\": [{results}]}}\n"))
}

fn lines(rows: impl Iterator<Item = impl Serialize>) -> anyhow::Result<String> {
    let mut text = String::new();
    for row in rows {
        text.push_str(if text.is_empty() { "\n" } else { ",\n" });
        text.push_str(&serde_json::to_string(&row).context("cannot write JSON")?);
    }
    Ok(text)
}

/// What is not in the matrix, or not judged, and why.
fn remarks(inventory: &Inventory) -> Vec<String> {
    let world = inventory.world();
    let note = |what: &str, names: Vec<String>| {
        (!names.is_empty()).then(|| format!("note: {what}: {}", list(&names)))
    };
    let on_host = names(world, |pod, _| pod.is_on_host_network && !pod.has_ended);
    let ended = names(world, |pod, _| pod.has_ended);
    let without_address = world.pods().filter(|(name, pod)| {
        pod.is_peer() && world.endpoints_of(name).count() > 0 && world.addresses_of(name).is_empty()
    });
    let without_address: Vec<String> = without_address.map(|(name, _)| name.to_string()).collect();
    let without_endpoint = names(world, |pod, endpoints| pod.is_peer() && endpoints == 0);
    [
        note("part of their nodes, and not in the matrix", on_host),
        note("ended, and not in the matrix", ended),
        note("without an address that is known, and not in the matrix", without_address),
        note("without a DanmEp, so that no policy is enforced at them", without_endpoint),
        inventory.strays(),
        inventory.opened(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn names(world: &World, is_meant: impl Fn(&policy_engine::Pod, usize) -> bool) -> Vec<String> {
    let meant = world.pods().filter(|(name, pod)| is_meant(pod, world.endpoints_of(name).count()));
    meant.map(|(name, _)| name.to_string()).collect()
}
