//! `check`: what does not agree, as a report and as an exit code.

use std::process::ExitCode;

use super::selected::ensure_all_are_there;
use crate::{
    checking::{CheckReport, Class, Extent, Problem},
    cli::{CheckArgs, Cli, Format},
    output::{Output, print},
    run::read,
    view::{
        line::{Line, text as lines_text},
        show::title,
        table::Table,
    },
};

/// From everything to what is wrong, and where.
const LAYOUTS: [&[usize]; 3] = [&[0, 1, 2, 3, 4, 5, 6, 7], &[0, 1, 2, 3, 4, 5, 7], &[0, 1, 2, 7]];

/// The code for problems that were found.
const FOUND: u8 = 1;

pub(crate) async fn run(cli: &Cli, args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let output = Output::new(&args.output).without_pictures()?;
    let mut reading = read(cli, &args.selection, &args.targets).await?;
    ensure_all_are_there(&reading, &args.targets)?;
    let observed_at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let (limits, namespace) = (reading.limits(), reading.namespace().map(str::to_owned));
    let extent = Extent {
        targets: &args.targets,
        is_complete: args.targets.is_empty() && args.selection.selector.is_none(),
        namespace: namespace.as_deref(),
    };
    let report =
        reading.look_and_remember(|look| CheckReport::of(look, extent, &observed_at, limits.clone()));
    print(&text(&report, output)?)?;
    let is_found = args.exit_code && !report.problems.is_empty();
    Ok(if is_found { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

fn text(report: &CheckReport, output: Output) -> anyhow::Result<String> {
    if let Some(document) = output.document(report)? {
        return Ok(document);
    }
    let mut lines: Vec<Line> = Vec::new();
    if output.format == Format::Name {
        lines.extend(report.problems.iter().flat_map(names));
    } else {
        lines.extend(counts(report, output));
        if !report.problems.is_empty() {
            lines.push(Line::default());
            lines.extend(problems(report, output));
        }
    }
    Ok(lines_text(&lines, &output.screen))
}

fn names(problem: &Problem) -> Vec<Line> {
    let group = problem.network.as_ref().map(|network| network.group.clone()).unwrap_or_default();
    problem.endpoints.iter().map(|endpoint| format!("danmep.{group}/{}", endpoint.name).into()).collect()
}

fn counts(report: &CheckReport, output: Output) -> Vec<Line> {
    let mut table = Table::new(&["PROBLEM", "COUNT"]).with_numbers(&[1]);
    for class in Class::ALL {
        let count = report.counts.get(&class).copied().unwrap_or_default();
        table.push([class.code().to_owned(), count.to_string()]);
    }
    table.lines(output.has_headers, &output.screen)
}

fn problems(report: &CheckReport, output: Output) -> Vec<Line> {
    let headers = ["PROBLEM", "NETWORK", "ADDRESS", "COUNT", "POD", "ENDPOINT", "SUSPECT SINCE", "WHY"];
    let mut table = Table::new(&headers).with_numbers(&[3]).with_layouts(&LAYOUTS);
    report.problems.iter().for_each(|problem| table.push(row(problem, output.is_wide())));
    table.lines(output.has_headers, &output.screen)
}

fn row(problem: &Problem, is_wide: bool) -> [String; 8] {
    let address = match (problem.start, problem.end) {
        (Some(start), Some(end)) if start != end => format!("{start} - {end}"),
        (Some(start), _) => start.to_string(),
        (None, _) => String::new(),
    };
    let pods: Vec<String> =
        problem.endpoints.iter().map(|one| format!("{}/{}", one.namespace, one.pod)).collect();
    let endpoints: Vec<&str> = problem.endpoints.iter().map(|one| one.name.as_str()).collect();
    [
        problem.class.code().to_owned(),
        problem.network.as_ref().map(title).unwrap_or_default(),
        address,
        problem.count.to_string(),
        pods.join(", "),
        if is_wide { endpoints.join(", ") } else { String::new() },
        problem.suspect_since.clone().unwrap_or_default(),
        problem.why.clone(),
    ]
}
