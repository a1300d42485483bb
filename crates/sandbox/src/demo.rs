//! The demo: a cluster in memory loses a node, and then everything; the real `danm-cleaner` gives the addresses back.
//! It checks itself: every address that dangles has to be free in the end, and no other.
//!
//! This file is the story. What the cluster looks like is in `demo/stage.rs`, how it is shown in `demo/pictures.rs`, how
//! the Cleaner is run and watched in `demo/cleaner.rs`.

mod cleaner;
mod pictures;
mod program;
mod progress;
mod stage;

use std::{
    fs,
    io::{self, Write},
    path::Path,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use operator_runtime::{ConnectArgs, connect};
use tokio::signal;

use self::{cleaner::RunningCleaner, pictures::pictures, progress::Progress, stage::Stage};
use crate::{Options, Sandbox};

/// How long the brake is watched while it holds.
const HOLDS: Duration = Duration::from_secs(4);

/// Plays the story. With `keep` the cluster stays until it is interrupted.
pub(crate) async fn demo(keep: bool) -> anyhow::Result<()> {
    let sandbox = Sandbox::start(Options { record: false, ..Options::default() })
        .context("cannot listen on the loopback")?;
    let folder = tempfile::Builder::new().prefix("danm-demo-").tempdir().context("cannot make a folder")?;
    let kubeconfig = folder.path().join("kubeconfig");
    fs::write(&kubeconfig, sandbox.kubeconfig()).context("cannot write a kubeconfig")?;
    let connection = ConnectArgs { kubeconfig: Some(kubeconfig.clone()), context: None };
    let stage = Stage::new(connect(&connection).await?);

    say("A Kubernetes API server in memory, with DANM's kinds. Look around in another terminal:")?;
    say(&format!("  kubectl --kubeconfig {} get danmnets,danmeps -A", kubeconfig.display()))?;
    sandbox.load(stage::objects()).context("cannot fill the cluster")?;
    show(&kubeconfig, "Four nodes, three networks, some hundred Pods. Every address that is taken is used:")
        .await?;

    let cleaner = tokio::select! {
        played = play(&stage, &kubeconfig) => played?,
        interrupted = signal::ctrl_c() => {
            interrupted.context("cannot listen for Ctrl-C")?;
            bail!("interrupted");
        }
    };
    if keep {
        say("The cluster and danm-cleaner go on. Ctrl-C ends them.")?;
        signal::ctrl_c().await.context("cannot wait for Ctrl-C")?;
    }
    cleaner.stop().await
}

async fn play(stage: &Stage, kubeconfig: &Path) -> anyhow::Result<RunningCleaner> {
    let cleaner = RunningCleaner::start(kubeconfig)?;
    say(&format!("The real danm-cleaner, with times made short for a demo:\n  {}", cleaner.command_line()))?;
    cleaner.ready().await?;

    let lost = stage.lose_node().await?;
    let words = format!("A node is lost for good. {lost} endpoints stay behind, L marks their addresses:");
    show(kubeconfig, &words).await?;
    let mut progress = Progress::new("freeing what the node left behind", lost);
    stage.until_dead(0, |left| progress.show(lost - left)).await?;
    progress.end();

    let dead = stage.lose_pods().await?;
    let words = format!("Now the whole cluster crashes. {dead} endpoints of Pods that will not come back:");
    show(kubeconfig, &words).await?;
    let why = cleaner.brake_holds().await?;
    say(&format!(
        "So many at once may also mean that the API server does not tell the truth. The brake holds:\n  {why}"
    ))?;
    tokio::time::sleep(HOLDS).await;
    let left = stage.dead().await?;
    ensure!(left == dead, "the brake did not hold: {} of {dead} endpoints are gone", dead - left);
    say(&format!(
        "{} s later nothing has been freed. It is true, so we say so, on the Lease of the cleaner:",
        HOLDS.as_secs()
    ))?;
    say(&format!("  {}", stage.let_go_on(kubeconfig).await?))?;
    let mut progress = Progress::new("freeing what the crash left behind", dead);
    stage.until_dead(0, |left| progress.show(dead - left)).await?;
    progress.end();
    check(stage, kubeconfig).await?;
    Ok(cleaner)
}

/// The point of it all.
async fn check(stage: &Stage, kubeconfig: &Path) -> anyhow::Result<()> {
    show(kubeconfig, "Afterwards:").await?;
    stage.check().await?;
    say("Checked: every dangling address is free, and no other. The addresses of living Pods are theirs.")
}

async fn show(kubeconfig: &Path, words: &str) -> anyhow::Result<()> {
    say(words)?;
    for line in pictures(kubeconfig).await? {
        writeln!(io::stdout(), "{}", format!("  {line}").trim_end())?;
    }
    Ok(())
}

fn say(words: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "\n{words}").context("cannot tell the story")
}
