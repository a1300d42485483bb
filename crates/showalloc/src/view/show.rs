//! The addresses of one family of a network as text: a line that names it, one that sums it up, and a row for each run.

use danm_ipam::State;

use super::{
    age::age,
    bar,
    line::{Line, flow},
    palette::{Ink, ink},
    screen::Screen,
    table::Table,
};
use crate::document::{AllocationMap, EndpointRow, NetworkName, Run, address_after};

/// What is shown of a map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Every address has a row of its own.
    pub is_every_address: bool,
    /// The names of endpoints are shown too.
    pub is_wide: bool,
    /// The names of the columns are shown.
    pub has_headers: bool,
    /// Seconds since 1970.
    pub now: i64,
}

/// Columns of the bar with its number.
const BAR: usize = 24;

/// From everything to who holds what, and what is wrong with it.
const LAYOUTS: [&[usize]; 4] =
    [&[0, 1, 2, 3, 4, 5, 6, 7], &[0, 1, 2, 4, 6, 7], &[0, 1, 2, 6, 7], &[0, 1, 2, 7]];

/// The whole.
pub fn show(map: &AllocationMap, detail: Detail, screen: &Screen) -> Vec<Line> {
    let mut lines = overview(map, screen);
    lines.extend(runs(&map.runs, detail, screen));
    lines
}

/// What sums a map up.
pub fn overview(map: &AllocationMap, screen: &Screen) -> Vec<Line> {
    let dash = if screen.is_ascii { "-" } else { "–" };
    let pool = format!("pool {} {dash} {}", map.pool.start, map.pool.end);
    let names = [title(&map.network), map.cidr.to_string(), pool].map(Line::from);
    let mut lines = flow(names.to_vec(), "   ", screen.width);
    let columns = screen.width.map_or(BAR, |width| width.min(BAR));
    let mut summary = vec![bar::line(map.utilisation(), columns, screen)];
    summary.extend(counts(map));
    lines.extend(flow(summary, "   ", screen.width));
    lines
}

/// A network's kind and name.
pub fn title(network: &NetworkName) -> String {
    let NetworkName { kind, namespace, name, .. } = network;
    if namespace.is_empty() { format!("{kind} {name}") } else { format!("{kind} {namespace}/{name}") }
}

/// A network's name as kubectl spells it.
pub fn name(network: &NetworkName) -> String {
    format!("{}.{}/{}", network.kind.to_lowercase(), network.group, network.name)
}

/// Rows for runs.
pub fn runs(runs: &[Run], detail: Detail, screen: &Screen) -> Vec<Line> {
    let headers = ["ADDRESS", "STATE", "POD", "INTERFACE", "HOST", "AGE", "ENDPOINT", "NOTE"];
    let mut table = Table::new(&headers).with_layouts(&LAYOUTS);
    for run in runs {
        if detail.is_every_address {
            addresses(run).for_each(|run| add(&mut table, &run, detail, screen));
        } else {
            add(&mut table, run, detail, screen);
        }
    }
    table.lines(detail.has_headers, screen)
}

fn add(table: &mut Table, run: &Run, detail: Detail, screen: &Screen) {
    if run.endpoints.is_empty() {
        table.push(row(run, None, detail, screen));
    }
    run.endpoints.iter().for_each(|endpoint| table.push(row(run, Some(endpoint), detail, screen)));
}

fn row(run: &Run, endpoint: Option<&EndpointRow>, detail: Detail, screen: &Screen) -> [Line; 8] {
    let state = if run.count > 1 { format!("{} ({})", run.state, run.count) } else { run.state.to_string() };
    let of = |field: fn(&EndpointRow) -> &str| Line::from(endpoint.map(field).unwrap_or_default());
    [
        range(run, screen).into(),
        Line::of(ink(run.state), state),
        endpoint.map(|one| format!("{}/{}", one.namespace, one.pod)).unwrap_or_default().into(),
        of(|one| &one.interface),
        of(|one| &one.host),
        endpoint.map(|one| age(one.created, detail.now)).unwrap_or_default().into(),
        if detail.is_wide { of(|one| &one.name) } else { Line::default() },
        run.problem.clone().unwrap_or_default().into(),
    ]
}

fn range(run: &Run, screen: &Screen) -> String {
    let dash = if screen.is_ascii { "-" } else { "–" };
    if run.start == run.end { run.start.to_string() } else { format!("{} {dash} {}", run.start, run.end) }
}

/// A run as runs of one address.
fn addresses(run: &Run) -> impl Iterator<Item = Run> + '_ {
    (0..run.count).map(|offset| {
        let address = address_after(run.start, offset);
        Run { start: address, end: address, count: 1, ..run.clone() }
    })
}

/// How many addresses are in which state, the usable ones first.
fn counts(map: &AllocationMap) -> Vec<Line> {
    let usable = map.taken() + map.count(State::Free);
    let told = [State::Allocated, State::Leaked, State::Conflict, State::MissingBit, State::Free];
    let told = told.into_iter().filter(|state| map.count(*state) > 0 || !state.is_problem());
    let told = told.map(|state| {
        let ink = if state.is_problem() { ink(state) } else { Ink::Plain };
        Line::of(ink, format!("{} {state}", map.count(state)))
    });
    [Line::from(format!("{usable} usable"))].into_iter().chain(told).collect()
}
