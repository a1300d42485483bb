//! All networks in a table: how full each is, as a number and as a bar.

use danm_ipam::State;

use super::{
    bar,
    line::Line,
    palette::{Ink, ink},
    screen::Screen,
    table::Table,
};
use crate::overview::{Addresses, NetworkOverview, Overview};

/// Columns of the bar with its number, and of the number alone where there is no room for the bar.
const BARS: [usize; 2] = [19, 7];

/// The table.
pub fn table(overviews: &[NetworkOverview], is_wide: bool, has_headers: bool, screen: &Screen) -> Vec<Line> {
    let headers = [
        "NETWORK",
        "KIND",
        "NAMESPACE",
        "CIDR",
        "SIZE",
        "USED",
        "FREE",
        "LEAKED",
        "CONFLICT",
        "MISSING",
        "UTIL",
        "GROUP",
        "NOTE",
    ];
    let lines_with = |columns: usize, screen: &Screen| {
        let mut table = Table::new(&headers).with_numbers(&[4, 5, 6, 7, 8, 9]);
        overviews.iter().for_each(|overview| table.push(row(overview, is_wide, (columns, screen))));
        table.lines(has_headers, screen)
    };
    let [bar, number] = BARS;
    let lines = lines_with(bar, &Screen { width: None, ..*screen });
    let fits = |line: &Line| screen.width.is_none_or(|width| line.width() <= width);
    if lines.iter().all(fits) { lines } else { lines_with(number, screen) }
}

fn row(overview: &NetworkOverview, is_wide: bool, bar: (usize, &Screen)) -> Vec<Line> {
    let network = &overview.network;
    let names = [&network.name, &network.kind, &network.namespace].map(|name| Line::from(name.as_str()));
    let numbers = match &overview.overview {
        Overview::Addresses(addresses) => numbers(addresses, is_wide, bar),
        Overview::None | Overview::Unreadable { .. } => {
            ["<none>", "-", "-", "-", "-", "", "", ""].map(Line::from)
        }
    };
    let group = if is_wide { Line::from(network.group.as_str()) } else { Line::default() };
    let note = match &overview.overview {
        Overview::Unreadable { problem } => Line::of(Ink::Leaked, format!("unreadable: {problem}")),
        Overview::None | Overview::Addresses(_) => Line::default(),
    };
    names.into_iter().chain(numbers).chain([group, note]).collect()
}

fn numbers(addresses: &Addresses, is_wide: bool, (columns, screen): (usize, &Screen)) -> [Line; 8] {
    let problem = |state: State| match addresses.counts.get(&state).copied().unwrap_or_default() {
        0 if !is_wide => Line::default(),
        0 => Line::from("0"),
        count => Line::of(ink(state), count.to_string()),
    };
    let leaked = if addresses.leaked > 0 { ink(State::Leaked) } else { Ink::Plain };
    [
        addresses.cidr.to_string().into(),
        addresses.size.to_string().into(),
        addresses.used.to_string().into(),
        addresses.free.to_string().into(),
        Line::of(leaked, addresses.leaked.to_string()),
        problem(State::Conflict),
        problem(State::MissingBit),
        bar::line(addresses.utilisation, columns, screen),
    ]
}
