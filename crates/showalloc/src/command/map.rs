//! `map`: networks as pictures.

use std::process::ExitCode;

use anyhow::Context;

use super::selected::{ensure_all_are_there, ensure_something, maps};
use crate::{
    cli::{Cli, Format, MapArgs},
    document::{AllocationMap, AllocationMapList},
    output::{Output, note, print},
    part::part_of,
    run::read,
    view::{
        cells::cells,
        grid::grid,
        line::{Line, text as lines_text},
        order::Order,
        show::overview,
        svg::svg,
    },
};

pub(crate) async fn run(cli: &Cli, args: &MapArgs) -> anyhow::Result<ExitCode> {
    let output = Output::new(&args.output);
    let reading = read(cli, &args.selection, &args.targets).await?;
    ensure_all_are_there(&reading, &args.targets)?;
    let (maps, problems) = maps(&reading.look(), &args.targets, args.part.family);
    ensure_something(&maps, &problems, &args.targets)?;
    problems.iter().for_each(|problem| note(&format!("note: {problem}")));
    print(&text(maps, args, output)?)?;
    Ok(ExitCode::SUCCESS)
}

fn text(maps: Vec<AllocationMap>, args: &MapArgs, output: Output) -> anyhow::Result<String> {
    match output.format {
        Format::Table | Format::Wide => pictures(&maps, args, output),
        Format::Svg => {
            let maps = part_of(maps, args.part.cidr)?;
            let cells: Result<Vec<_>, _> = maps.iter().map(|map| cells(map, args.part.cidr)).collect();
            Ok(svg(&cells?, order(args)))
        }
        Format::Name => Ok(super::show::names(&maps)),
        Format::Json | Format::Yaml => {
            let list = AllocationMapList::new(part_of(maps, args.part.cidr)?);
            let document = match &list.items[..] {
                [map] => output.document(map)?,
                _ => output.document(&list)?,
            };
            document.context("a document")
        }
    }
}

fn pictures(maps: &[AllocationMap], args: &MapArgs, output: Output) -> anyhow::Result<String> {
    let screen = &output.screen;
    let mut lines = Vec::new();
    for map in maps.iter().filter(|map| args.part.cidr.is_none_or(|part| map.cidr.contains(&part))) {
        let cells = cells(map, args.part.cidr)?;
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.extend(overview(map, screen));
        lines.extend(grid(&cells, order(args), screen));
    }
    if lines.is_empty() {
        part_of(maps.to_vec(), args.part.cidr)?;
    }
    Ok(lines_text(&lines, screen))
}

const fn order(args: &MapArgs) -> Order {
    if args.hilbert { Order::Hilbert } else { Order::Rows }
}
