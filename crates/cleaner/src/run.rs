//! Puts the program together: from the command line to the exit.

use std::io::{self, ErrorKind, Write};

use anyhow::{Context, bail, ensure};
use danm_api::{ApiGroup, DanmKind};
use leak_judge::Action;
use operator_runtime::{connect, describe, served_kinds};

use crate::{
    Cli, Config, Pass, Summary, SystemClock,
    config::ReportTarget,
    feed::{observations, sources},
    kube_api_server::KubeApiServer,
    pass::Finished,
    report::Report,
};

/// Does what the command line says. An error is told in one sentence, and means that something was not read or
/// not released.
pub async fn run(cli: &Cli) -> anyhow::Result<()> {
    let config = Config::new(cli)?;
    let client = connect(&cli.connect).await?;
    let served = served_kinds(&client)
        .await
        .map_err(|error| anyhow::anyhow!("cannot ask the API server what it serves: {}", describe(&error)))?;
    ensure!(
        served.iter().any(|api| api.kind == DanmKind::DanmEp),
        "the API server serves DanmEps neither in {} nor in {}: DANM is not installed here, or this is another cluster",
        ApiGroup::DanmIo,
        ApiGroup::DanmK8sIo,
    );
    tracing::info!("{config}");
    let mut report = Report::begin(config.report.as_ref())?;
    let observations = observations(client.clone(), sources(&served));
    let pass = Pass::new(
        KubeApiServer::new(client),
        SystemClock::new(),
        observations,
        sources(&served),
        config.rules,
    );
    let finished = pass.run(|row| report.write(row)).await;
    // What was released has to be on record, whatever came later. Where nothing was judged there is no report.
    if finished.is_ok() || report.has_rows() {
        report.finish()?;
    }
    conclude(finished?, config.report.as_ref())
}

fn conclude(finished: Finished, report: Option<&ReportTarget>) -> anyhow::Result<()> {
    let Finished { summary, unread } = finished;
    if report == Some(&ReportTarget::Stdout) {
        tracing::info!("done\n{summary}");
    } else {
        print(&summary)?;
    }
    if let Some((source, reason)) = unread.first() {
        bail!("cannot read {source}, so the endpoints that depend on it are held: {reason}");
    }
    let failed = summary.count(Action::Failed);
    ensure!(failed == 0, "{failed} allocations could not be released; the report and the log say why");
    Ok(())
}

/// A reader who went away is no failure.
fn print(summary: &Summary) -> anyhow::Result<()> {
    match writeln!(io::stdout(), "{summary}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("failed to print the summary"),
    }
}
