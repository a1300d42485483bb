//! A single pass, put together: look, release, report, exit.

use std::io::{self, ErrorKind, Write};

use anyhow::{Context, bail, ensure};
use cluster_feed::{observations, sources};
use danm_api::{ApiGroup, ApiType, DanmKind};
use futures::StreamExt;
use kube::Client;
use leak_judge::{Action, Source};
use operator_runtime::{describe, served_kinds};

use crate::{
    Cleaner, Config, Input, Passage, Seams, Summary, SystemClock, calico::CalicoAccess, cleaner::Told,
    config::ReportTarget, kube_api_server::KubeApiServer, report::Report,
};

/// Makes one pass. An error is told in one sentence, and means that something was not read or not released.
pub(crate) async fn clean_once(config: &Config, client: Client) -> anyhow::Result<()> {
    let served = danm_kinds(&client).await?;
    let mut report = Report::begin(config.report.as_ref())?;
    let inputs = observations(client.clone(), sources(&served)).map(Input::Seen);
    let calico = CalicoAccess::new(client.clone(), config.calico);
    let api = KubeApiServer::new(client, &config.namespace);
    let seams = Seams { api, calico, clock: SystemClock::new() };
    let cleaner = Cleaner::new(seams, inputs, sources(&served), config.rules);
    let mut summary = Summary::default();
    let ended = cleaner
        .run(|told| match told {
            Told::Row(row) => {
                summary.add(&row);
                report.write(&row);
            }
            Told::Brake(Passage::Closed { why, .. }) => {
                tracing::warn!("the brake holds: {why}; if that is true, say --override-brake");
            }
            Told::Brake(_)
            | Told::Round(_)
            | Told::Returned(_)
            | Told::Mended(_)
            | Told::Inconsistent(_)
            | Told::Audit(_)
            | Told::Status(_) => {}
        })
        .await;
    // What was released has to be on record, whatever came later. Where nothing was judged there is no report.
    if ended.is_ok() || report.has_rows() {
        report.finish()?;
    }
    conclude(&summary, &ended?, config.report.as_ref())
}

async fn danm_kinds(client: &Client) -> anyhow::Result<Vec<ApiType>> {
    let served = served_kinds(client)
        .await
        .map_err(|error| anyhow::anyhow!("cannot ask the API server what it serves: {}", describe(&error)))?;
    ensure!(
        served.iter().any(|api| api.kind == DanmKind::DanmEp),
        "the API server serves DanmEps neither in {} nor in {}: DANM is not installed here, or this is another cluster",
        ApiGroup::DanmIo,
        ApiGroup::DanmK8sIo,
    );
    Ok(served)
}

fn conclude(
    summary: &Summary,
    unread: &[(Source, String)],
    report: Option<&ReportTarget>,
) -> anyhow::Result<()> {
    if report == Some(&ReportTarget::Stdout) {
        tracing::info!("done\n{summary}");
    } else {
        print(summary)?;
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
