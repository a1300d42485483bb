//! `explain`: which policy and which rule decides about a connection, by files or by what a cluster holds now; and what the kernels of this
//! node have for it.

use std::collections::BTreeSet;

use operator_runtime::connect;
use policy_engine::{NamespacedName, exchange};

use crate::{
    cli::{Cli, ExplainArgs, TextFormat},
    cluster,
    explanation::{Kernels, Question},
    files,
    inventory::Inventory,
    kernel::look,
    output::{json, print},
    parties::{Party, parties},
    place::places,
    view::explanation,
};

pub(crate) async fn run(cli: &Cli, args: &ExplainArgs) -> anyhow::Result<()> {
    let (inventory, namespace) = read(cli, args).await?;
    let world = inventory.world();
    let (from, to) = (parties(world, &args.from, &namespace)?, parties(world, &args.to, &namespace)?);
    let kernels = if args.kernel { Some(kernels(args, &inventory, [&from, &to])?) } else { None };
    let question =
        Question { inventory: &inventory, from: &from, to: &to, probe: args.port, kernels: kernels.as_ref() };
    let explained = question.explain()?;
    match args.output {
        TextFormat::Json => print(&json(&explained)?),
        TextFormat::Text => print(&explanation::text(&explained, &args.look.screen())),
    }
}

/// What the kernels of this node have for the Pods at both ends, and for those who answer if it is a Service's address.
fn kernels(args: &ExplainArgs, inventory: &Inventory, ends: [&Vec<Party>; 2]) -> anyhow::Result<Kernels> {
    let world = inventory.world();
    let [_, to] = ends;
    let exchanges = to.iter().filter_map(|party| exchange(world, party.address, args.port.traffic()));
    let answering: BTreeSet<_> =
        exchanges.flat_map(|exchange| exchange.answering).map(|(address, _)| address).collect();
    let named = ends.into_iter().flatten().filter_map(|party| Some(party.place.as_ref()?.pod.clone()));
    let holders = places(world).into_iter().filter(|place| answering.contains(&place.address));
    let pods: BTreeSet<NamespacedName> = named.chain(holders.map(|place| place.pod)).collect();
    Ok(Kernels::compare(inventory, look(&args.place, world, pods)?))
}

/// The objects, and the namespace of Pods that are named without one.
async fn read(cli: &Cli, args: &ExplainArgs) -> anyhow::Result<(Inventory, String)> {
    if !args.objects.is_empty() {
        let namespace = args.namespace.clone().unwrap_or_else(|| files::DEFAULT_NAMESPACE.to_owned());
        return Ok((files::read(&args.objects)?, namespace));
    }
    let client = connect(&cli.connect).await?;
    let namespace = args.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
    Ok((cluster::read(&client).await?, namespace))
}
