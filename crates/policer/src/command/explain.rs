//! `explain`: which policy and which rule decides about a connection, by files or by what a cluster holds now.

use operator_runtime::connect;

use crate::{
    cli::{Cli, ExplainArgs, TextFormat},
    cluster,
    explanation::Question,
    files,
    inventory::Inventory,
    output::{json, print},
    parties::parties,
    view::explanation,
};

pub(crate) async fn run(cli: &Cli, args: &ExplainArgs) -> anyhow::Result<()> {
    let (inventory, namespace) = read(cli, args).await?;
    let world = inventory.world();
    let (from, to) = (parties(world, &args.from, &namespace)?, parties(world, &args.to, &namespace)?);
    let question = Question { inventory: &inventory, from: &from, to: &to, probe: args.port };
    let explained = question.explain()?;
    match args.output {
        TextFormat::Json => print(&json(&explained)?),
        TextFormat::Text => print(&explanation::text(&explained, &args.look.screen())),
    }
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
