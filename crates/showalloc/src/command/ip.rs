//! `ip`: who holds an address, and which addresses a Pod holds.

use std::process::ExitCode;

use super::following::{seconds_now, sentence};
use crate::{
    cli::{Cli, Format, IpArgs, Subject},
    document::EndpointRow,
    look::Look,
    lookup::{AddressLookup, Place},
    output::{Output, print},
    run::read_everything,
    view::{
        age::age,
        line::{Line, text as lines_text},
        palette::ink,
        table::Table,
    },
};

/// From everything to what the address is, and whose.
const LAYOUTS: [&[usize]; 3] =
    [&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], &[0, 1, 2, 3, 4, 5, 9, 10], &[0, 1, 4, 5, 10]];

pub(crate) async fn run(cli: &Cli, args: &IpArgs) -> anyhow::Result<ExitCode> {
    let output = Output::new(&args.output).without_pictures()?;
    let meant = match &args.subject {
        Subject::Pod { namespace, .. } => Some(namespace.as_str()),
        Subject::Address(_) => None,
    };
    let mut reading = read_everything(cli, meant).await?;
    let lookup = reading.look_and_remember(|look| found(look, &args.subject));
    print(&text(&lookup, output)?)?;
    Ok(ExitCode::SUCCESS)
}

fn found(look: &Look<'_>, subject: &Subject) -> AddressLookup {
    match subject {
        Subject::Address(address) => AddressLookup::of_address(look, *address),
        Subject::Pod { namespace, name } => AddressLookup::of_pod(look, namespace, name),
    }
}

fn text(lookup: &AddressLookup, output: Output) -> anyhow::Result<String> {
    if let Some(document) = output.document(lookup)? {
        return Ok(document);
    }
    if lookup.items.is_empty() && output.is_for_people() {
        return Ok(sentence(
            format!("{} is on no network, and no endpoint names it", lookup.subject),
            output,
        ));
    }
    let lines = if output.format == Format::Name { names(lookup) } else { table(lookup, output) };
    Ok(lines_text(&lines, &output.screen))
}

fn names(lookup: &AddressLookup) -> Vec<Line> {
    let endpoints = lookup.items.iter().filter_map(|place| Some((place, place.endpoint.as_ref()?)));
    let name = |(place, endpoint): (&Place, &EndpointRow)| {
        Line::from(format!("danmep.{}/{}", place.network.group, endpoint.name))
    };
    endpoints.map(name).collect()
}

fn table(lookup: &AddressLookup, output: Output) -> Vec<Line> {
    let headers = [
        "ADDRESS",
        "NETWORK",
        "KIND",
        "NAMESPACE",
        "STATE",
        "POD",
        "INTERFACE",
        "HOST",
        "AGE",
        "ENDPOINT",
        "SEEN",
    ];
    let mut table = Table::new(&headers).with_layouts(&LAYOUTS);
    lookup.items.iter().for_each(|place| table.push(row(place, output.is_wide())));
    table.lines(output.has_headers, &output.screen)
}

fn row(place: &Place, is_wide: bool) -> [Line; 11] {
    let endpoint = place.endpoint.as_ref();
    let network = &place.network;
    let of = |field: fn(&EndpointRow) -> &str| Line::from(endpoint.map(field).unwrap_or_default());
    [
        place.address.map_or_else(|| "<none>".to_owned(), |address| address.to_string()).into(),
        network.name.as_str().into(),
        network.kind.as_str().into(),
        network.namespace.as_str().into(),
        place.state.map(|state| Line::of(ink(state), state.code())).unwrap_or_default(),
        endpoint.map(|one| format!("{}/{}", one.namespace, one.pod)).unwrap_or_default().into(),
        of(|one| &one.interface),
        of(|one| &one.host),
        endpoint.map(|one| age(one.created, seconds_now())).unwrap_or_default().into(),
        if is_wide { of(|one| &one.name) } else { Line::default() },
        place.evidence.join("; ").into(),
    ]
}
