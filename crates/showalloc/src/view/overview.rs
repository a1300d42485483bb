//! All networks in a table: how full each is, as a number and as a bar.

use danm_ipam::State;

use super::{
    bar,
    line::Line,
    palette::{Ink, ink},
    screen::Screen,
    table::Table,
};
use crate::{
    document::NetworkName,
    overview::{Addresses, NetworkOverview, Overview},
};

/// Columns of the bar with its number, and of the number alone.
const BAR: usize = 19;
const NUMBER: usize = 7;

const HEADERS: [&str; 15] = [
    "NETWORK",
    "KIND",
    "NAMESPACE",
    "NETWORK",
    "CIDR",
    "SIZE",
    "USED",
    "FREE",
    "LEAKED",
    "CONFLICT",
    "MISSING",
    "UTIL",
    "UTIL",
    "GROUP",
    "NOTE",
];

/// From everything to how full which network is, and what is wrong with it.
const LAYOUTS: [&[usize]; 6] = [
    &[0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14],
    &[0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14],
    &[3, 4, 6, 7, 8, 9, 10, 12, 14],
    &[3, 6, 7, 8, 9, 10, 12, 14],
    &[12, 8, 9, 10, 3],
    &[12, 3],
];

/// The table.
pub fn table(overviews: &[NetworkOverview], is_wide: bool, has_headers: bool, screen: &Screen) -> Vec<Line> {
    let mut table = Table::new(&HEADERS).with_numbers(&[5, 6, 7, 8, 9, 10]).with_layouts(&LAYOUTS);
    overviews.iter().for_each(|overview| table.push(row(overview, is_wide, screen)));
    table.lines(has_headers, screen)
}

fn row(overview: &NetworkOverview, is_wide: bool, screen: &Screen) -> Vec<Line> {
    let network = &overview.network;
    let names = [&network.name, &network.kind, &network.namespace].map(|name| Line::from(name.as_str()));
    let numbers = match &overview.overview {
        Overview::Addresses(addresses) => numbers(addresses, is_wide, screen),
        Overview::Unreadable { .. } => {
            let unreadable = || Line::of(Ink::Leaked, "unreadable");
            let [cidr, size, used, free, leaked, conflict, missing] =
                ["<none>", "-", "-", "-", "-", "", ""].map(Line::from);
            [cidr, size, used, free, leaked, conflict, missing, unreadable(), unreadable()]
        }
        Overview::None => ["<none>", "-", "-", "-", "-", "", "", "", ""].map(Line::from),
    };
    let group = if is_wide { Line::from(network.group.as_str()) } else { Line::default() };
    let note = match &overview.overview {
        Overview::Unreadable { problem } => Line::from(problem.as_str()),
        Overview::None | Overview::Addresses(_) => Line::default(),
    };
    names.into_iter().chain([short(network).into()]).chain(numbers).chain([group, note]).collect()
}

/// A network's name with the short name of its kind, as people may say it to kubectl: `dn/internal`, in its namespace.
fn short(network: &NetworkName) -> String {
    let NetworkName { kind, namespace, name, .. } = network;
    let short: String = kind.chars().filter(char::is_ascii_uppercase).collect::<String>().to_lowercase();
    if namespace.is_empty() { format!("{short}/{name}") } else { format!("{short}/{name} -n {namespace}") }
}

fn numbers(addresses: &Addresses, is_wide: bool, screen: &Screen) -> [Line; 9] {
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
        bar::line(addresses.utilisation, BAR, screen),
        bar::line(addresses.utilisation, NUMBER, screen),
    ]
}
