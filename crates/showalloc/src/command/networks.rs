//! `networks`: all networks in a table, and again what changes.

use std::process::ExitCode;

use super::{following::next_burst, selected};
use crate::{
    cli::{Cli, Format, NetworksArgs, SortBy},
    look::Look,
    output::{Output, print},
    overview::{NetworkList, NetworkOverview, Order, misunderstood, overviews, sort},
    run::read,
    view::{
        line::{Line, text as lines_text},
        overview::table,
        show::name,
    },
};

pub(crate) async fn run(cli: &Cli, args: &NetworksArgs) -> anyhow::Result<ExitCode> {
    let output = Output::new(&args.output).without_pictures()?;
    let mut reading = read(cli, &args.selection, &[]).await?;
    let look_at = |look: &Look<'_>| sorted(look, args);
    let mut before = reading.look_and_remember(look_at);
    let text = if before.is_empty() && output.is_for_people() {
        format!("no networks {}\n", reading.place())
    } else {
        text(&before, output)?
    };
    let mut is_read = print(&text)?;
    while args.watch && is_read {
        next_burst(&mut reading).await?;
        let now = reading.look_and_remember(look_at);
        let changed: Vec<NetworkOverview> = now.iter().filter(|one| !before.contains(one)).cloned().collect();
        if !changed.is_empty() {
            is_read = print(&self::text(&changed, Output { has_headers: false, ..output })?)?;
        }
        before = now;
    }
    Ok(ExitCode::SUCCESS)
}

fn sorted(look: &Look<'_>, args: &NetworksArgs) -> Vec<NetworkOverview> {
    let mut all: Vec<NetworkOverview> = selected::networks(look, &[])
        .flat_map(|(id, record)| overviews(look, id, record, |family| args.family.wants(family)))
        .chain(misunderstood(look))
        .collect();
    sort(&mut all, order(args.sort_by));
    all
}

const fn order(sort_by: SortBy) -> Order {
    match sort_by {
        SortBy::Name => Order::Name,
        SortBy::Size => Order::Size,
        SortBy::Used => Order::Used,
        SortBy::Free => Order::Free,
        SortBy::Leaked => Order::Leaked,
        SortBy::Util => Order::Utilisation,
    }
}

fn text(networks: &[NetworkOverview], output: Output) -> anyhow::Result<String> {
    if let Some(document) = output.document(&NetworkList::new(networks.to_vec()))? {
        return Ok(document);
    }
    let lines = if output.format == Format::Name {
        let mut names: Vec<Line> = networks.iter().map(|one| name(&one.network).into()).collect();
        names.dedup();
        names
    } else {
        table(networks, output.is_wide(), output.has_headers, &output.screen)
    };
    Ok(lines_text(&lines, &output.screen))
}
