//! `show`: the addresses of networks and who holds them.

use std::{collections::BTreeSet, process::ExitCode};

use super::{
    following::{further, next_burst, seconds_now, sentence},
    selected::{ensure_all_are_there, ensure_something, maps},
};
use crate::{
    cli::{Cli, Format, ShowArgs},
    document::{AllocationMap, AllocationMapList, Run},
    look::Look,
    output::{Output, note, print},
    part::part_of,
    run::read,
    view::{
        cells::cells,
        line::{Line, text as lines_text},
        order::Order,
        show::{Detail, name, overview, runs, show},
        svg::svg,
    },
};

/// What is to be shown of a look: the maps, and what cannot be mapped.
type Maps = (Vec<AllocationMap>, Vec<String>);

pub(crate) async fn run(cli: &Cli, args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let output = Output::new(&args.output);
    let mut reading = read(cli, &args.selection, &args.targets).await?;
    ensure_all_are_there(&reading, &args.targets)?;
    let look_at = |look: &Look<'_>| selected(look, args);
    let (maps, problems) = reading.look_and_remember(look_at)?;
    ensure_something(&maps, &problems, &args.targets)?;
    problems.iter().for_each(|problem| note(&format!("note: {problem}")));
    let is_nothing = maps.is_empty() && problems.is_empty() && output.is_for_people();
    let text = if is_nothing {
        sentence(format!("no addresses to show {}", reading.place()), output)
    } else {
        text(&maps, args, output)?
    };
    let mut is_read = print(&text)?;
    if !args.watch {
        return Ok(ExitCode::SUCCESS);
    }
    let mut before = rows(&maps);
    while is_read {
        next_burst(&mut reading).await?;
        let (maps, _) = reading.look_and_remember(look_at)?;
        is_read = print(&further(changes(&maps, &before, args, output)?, output))?;
        before = rows(&maps);
    }
    Ok(ExitCode::SUCCESS)
}

fn selected(look: &Look<'_>, args: &ShowArgs) -> anyhow::Result<Maps> {
    let (maps, problems) = maps(look, &args.targets, args.part.family);
    Ok((part_of(maps, args.part.cidr)?, problems))
}

fn text(maps: &[AllocationMap], args: &ShowArgs, output: Output) -> anyhow::Result<String> {
    if let [map] = maps
        && let Some(document) = output.document(map)?
    {
        return Ok(document);
    }
    if let Some(document) = output.document(&AllocationMapList::new(maps.to_vec()))? {
        return Ok(document);
    }
    Ok(match output.format {
        Format::Svg => {
            let cells: Result<Vec<_>, _> = maps.iter().map(|map| cells(map, args.part.cidr)).collect();
            svg(&cells?, Order::Rows)
        }
        Format::Name => names(maps),
        _ => {
            let detail = detail(args, output);
            let blocks = maps.iter().map(|map| show(map, detail, &output.screen));
            let blocks: Vec<String> = blocks.map(|lines| lines_text(&lines, &output.screen)).collect();
            blocks.join("\n")
        }
    })
}

fn detail(args: &ShowArgs, output: Output) -> Detail {
    Detail {
        is_every_address: args.all,
        is_wide: output.is_wide(),
        has_headers: output.has_headers,
        now: seconds_now(),
    }
}

/// The networks' names as kubectl spells them.
pub(crate) fn names(maps: &[AllocationMap]) -> String {
    let names: BTreeSet<String> = maps.iter().map(|map| name(&map.network) + "\n").collect();
    names.into_iter().collect()
}

/// Every run with what it is of.
fn rows(maps: &[AllocationMap]) -> BTreeSet<String> {
    let rows = maps.iter().flat_map(|map| map.runs.iter().map(move |run| row(map, run)));
    rows.collect()
}

fn row(map: &AllocationMap, run: &Run) -> String {
    format!("{:?} {run:?}", map.network)
}

/// What is not as it was: documents as a whole, for people the runs that changed.
fn changes(
    maps: &[AllocationMap],
    before: &BTreeSet<String>,
    args: &ShowArgs,
    output: Output,
) -> anyhow::Result<String> {
    if rows(maps) == *before {
        return Ok(String::new());
    }
    let is_news = |map: &AllocationMap, run: &Run| !before.contains(&row(map, run));
    if output.format == Format::Name {
        let changed = maps.iter().filter(|map| map.runs.iter().any(|run| is_news(map, run)));
        return Ok(names(&changed.cloned().collect::<Vec<_>>()));
    }
    if !output.is_for_people() {
        return text(maps, args, output);
    }
    let detail = Detail { has_headers: false, ..detail(args, output) };
    let mut lines = Vec::new();
    for map in maps {
        let changed = map.runs.iter().filter(|run| is_news(map, run));
        let changed: Vec<Run> = changed.cloned().collect();
        if !changed.is_empty() {
            lines.push(Line::default());
            lines.extend(overview(map, &output.screen));
            lines.extend(runs(&changed, detail, &output.screen));
        }
    }
    Ok(lines_text(&lines, &output.screen))
}
