//! `networks`: all networks in a table, and again what changes.

use std::{collections::BTreeSet, process::ExitCode};

use super::{
    following::{further, next_burst, sentence},
    selected,
};
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
    let mut header = None;
    let text = if before.is_empty() && output.is_for_people() {
        sentence(format!("no networks {}", reading.place()), output)
    } else {
        text(&before, &[], &mut header, output)?
    };
    let mut is_read = print(&text)?;
    while args.watch && is_read {
        next_burst(&mut reading).await?;
        let now = reading.look_and_remember(look_at);
        if now.iter().any(|one| !before.contains(one)) {
            is_read = print(&further(self::text(&now, &before, &mut header, output)?, output))?;
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

/// Those of all networks that are not as they were before.
fn text(
    all: &[NetworkOverview],
    before: &[NetworkOverview],
    header: &mut Option<Line>,
    output: Output,
) -> anyhow::Result<String> {
    let is_news = |one: &NetworkOverview| !before.contains(one);
    let changed = || all.iter().filter(|one| is_news(one));
    if let Some(document) = output.document(&NetworkList::new(changed().cloned().collect()))? {
        return Ok(document);
    }
    let lines = if output.format == Format::Name {
        names(changed())
    } else {
        let mut lines = table(all, output.is_wide(), true, &output.screen).into_iter();
        let columns = lines.next().filter(|_| output.has_headers);
        // Rows that come later stand in the same columns, as long as these stay where they are.
        let is_told = columns == *header;
        header.clone_from(&columns);
        let rows = lines.zip(all).filter(|(_, one)| is_news(one)).map(|(line, _)| line);
        columns.filter(|_| !is_told).into_iter().chain(rows).collect()
    };
    Ok(lines_text(&lines, &output.screen))
}

/// Each name once: a network has a line for each of its families.
fn names<'a>(networks: impl Iterator<Item = &'a NetworkOverview>) -> Vec<Line> {
    let mut told = BTreeSet::new();
    networks.map(|one| name(&one.network)).filter(|name| told.insert(name.clone())).map(Line::from).collect()
}
