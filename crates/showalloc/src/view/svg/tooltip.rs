//! What a cell says of itself when it is pointed at: which addresses, in which states, and who holds them. Long
//! lists end early: a tooltip is as high as a screen at most, and tenants decide how many endpoints there are.

use crate::{
    document::{EndpointRow, Run},
    view::cells::Cell,
};

/// Lines of a list.
const LINES: usize = 8;

/// Characters of a line: enough for names, less than what fits into a field of an object.
const CHARACTERS: usize = 160;

/// The words of a cell.
pub(super) fn of(cell: &Cell<'_>) -> String {
    let lines = if cell.size() == 1 { of_address(cell) } else { of_range(cell) };
    let lines: Vec<String> = lines.into_iter().map(cut).collect();
    lines.join("\n")
}

fn of_address(cell: &Cell<'_>) -> Vec<String> {
    let mut lines = vec![format!(
        "{} {}",
        cell.first(),
        cell.counts.iter().map(|(state, _)| state.code()).collect::<String>()
    )];
    for run in cell.runs {
        lines.extend(run.problem.clone());
        lines.extend(short(run.endpoints.iter().map(holder).collect()));
    }
    lines
}

fn of_range(cell: &Cell<'_>) -> Vec<String> {
    let mut lines = vec![
        format!("{}, {} addresses", cell.subnet, cell.size()),
        format!("{} to {}", cell.first(), cell.last()),
        cell.counts.to_string(),
    ];
    let problems = cell.runs.iter().filter(|run| run.state.is_problem());
    let problem = |run: &Run| {
        let last = if run.count > 1 { format!(" to {}", run.end) } else { String::new() };
        let holders: Vec<String> = run.endpoints.iter().take(2).map(holder).collect();
        format!("{}{last} {} {}", run.start, run.state, holders.join(" and ")).trim_end().to_owned()
    };
    lines.extend(short(problems.map(problem).collect()));
    lines
}

/// Pod, interface and host.
fn holder(endpoint: &EndpointRow) -> String {
    let EndpointRow { namespace, pod, interface, host, .. } = endpoint;
    format!("{namespace}/{pod} {interface} on {host}")
}

fn short(mut lines: Vec<String>) -> Vec<String> {
    if lines.len() > LINES {
        let more = lines.len() - LINES;
        lines.truncate(LINES);
        lines.push(format!("and {more} more"));
    }
    lines
}

fn cut(line: String) -> String {
    match line.char_indices().nth(CHARACTERS) {
        Some((end, _)) => line.get(..end).unwrap_or_default().to_owned() + "…",
        None => line,
    }
}
