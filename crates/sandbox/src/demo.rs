//! The demo: a cluster in memory loses a node, and then everything; the real `danm-cleaner` gives the addresses back. Then Pods
//! come that are real network namespaces, and a policy; the real `danm-policer` enforces it.
//! It checks itself: every address that dangles has to be free in the end, and no other; and connections come to what
//! `danm-policer` says of them.
//!
//! This file is the story, the Cleaner's part in full; the Policer's is in `demo/enforcement.rs`. What the cluster looks like is in
//! `demo/stage.rs`, how it is shown in `demo/pictures.rs`, how programs are run and watched in `demo/running.rs`.

mod cleaner;
mod connection;
mod enforcement;
mod established;
mod netns;
mod pictures;
mod policer;
mod privilege;
mod program;
mod progress;
mod running;
mod stage;
mod town;

use std::{
    fs,
    io::{self, Write},
    path::Path,
    pin::pin,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use operator_runtime::{ConnectArgs, connect};
use tokio::signal::unix::{SignalKind, signal};

use self::{
    cleaner::RunningCleaner, connection::Count, enforcement::Enforcement, pictures::pictures,
    progress::Progress, stage::Stage,
};
use crate::{
    Options, Sandbox,
    cli::{DemoArgs, Part},
};

/// How long the brake is watched while it holds.
const HOLDS: Duration = Duration::from_secs(4);

/// What goes on when the story is over.
#[derive(Default)]
struct Cast {
    cleaner: Option<RunningCleaner>,
    enforcement: Option<Enforcement>,
}

/// Plays the story.
pub(crate) async fn demo(args: &DemoArgs) -> anyhow::Result<()> {
    let hindrance = if args.shows(Part::Policer) { privilege::provide()? } else { None };
    if let Some(reason) = hindrance {
        ensure!(!is_ci(), "danm-policer cannot be shown, and CI skips nothing: {reason}");
    }
    let mut interruption = pin!(interruption()?);
    let sandbox = Sandbox::start(Options { record: false, ..Options::default() })
        .context("cannot listen on the loopback")?;
    let folder = tempfile::Builder::new().prefix("danm-demo-").tempdir().context("cannot make a folder")?;
    let kubeconfig = folder.path().join("kubeconfig");
    fs::write(&kubeconfig, sandbox.kubeconfig()).context("cannot write a kubeconfig")?;

    say("A Kubernetes API server in memory, with DANM's kinds. Look around in another terminal:")?;
    say(&format!("  kubectl --kubeconfig {} get danmnets,danmeps -A", kubeconfig.display()))?;
    let cast = tokio::select! {
        played = play(args, hindrance, &sandbox, &kubeconfig) => played?,
        () = &mut interruption => bail!("interrupted"),
    };
    if args.keep {
        say("The cluster and the programs go on. Ctrl-C ends them.")?;
        interruption.await;
    }
    cast.stop().await
}

async fn play(
    args: &DemoArgs,
    hindrance: Option<&str>,
    sandbox: &Sandbox,
    kubeconfig: &Path,
) -> anyhow::Result<Cast> {
    let connection = ConnectArgs { kubeconfig: Some(kubeconfig.to_owned()), context: None };
    let stage = Stage::new(connect(&connection).await?);
    let folder = kubeconfig.parent().context("a file is in a folder")?;
    let mut cast = Cast::default();
    if args.shows(Part::Cleaner) {
        sandbox.load(stage::objects()).context("cannot fill the cluster")?;
        cast.cleaner = Some(clean(&stage, kubeconfig, folder).await?);
    }
    if let Some(reason) = hindrance {
        say(&format!("Not shown: real connections that danm-policer allows and denies, because {reason}."))?;
    } else if args.shows(Part::Policer) {
        sandbox.load(town::objects()).context("cannot fill the cluster")?;
        cast.enforcement = Some(enforce(args, &stage, kubeconfig, folder).await?);
    }
    Ok(cast)
}

/// The Cleaner's part.
async fn clean(stage: &Stage, kubeconfig: &Path, folder: &Path) -> anyhow::Result<RunningCleaner> {
    show(kubeconfig, "Four nodes, three networks, some hundred Pods. Every address that is taken is used:")
        .await?;
    let cleaner = RunningCleaner::start(kubeconfig, folder)?;
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

/// The Policer's part. What is to be kept keeps its policy, too.
async fn enforce(
    args: &DemoArgs,
    stage: &Stage,
    kubeconfig: &Path,
    folder: &Path,
) -> anyhow::Result<Enforcement> {
    let enforcement = Enforcement::begin(kubeconfig, folder).await?;
    let Count { open, denied } = enforcement.play(stage).await?;
    let otherwise = if args.keep {
        "before the policy all were open"
    } else {
        enforcement.let_go(stage).await?;
        "before the policy and after it all are open"
    };
    say(&format!(
        "Checked: {} connections are what danm-policer evaluate says, {open} allowed and {denied} denied; {otherwise}.",
        open + denied
    ))?;
    Ok(enforcement)
}

async fn show(kubeconfig: &Path, words: &str) -> anyhow::Result<()> {
    say(words)?;
    show_lines(&pictures(kubeconfig).await?.join("\n"))
}

fn show_lines(text: &str) -> anyhow::Result<()> {
    for line in text.lines() {
        writeln!(io::stdout(), "{}", format!("  {line}").trim_end()).context("cannot tell the story")?;
    }
    Ok(())
}

fn say(words: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "\n{words}").context("cannot tell the story")
}

/// Listens from now on for whoever wants an end: a person, a supervisor, or a terminal that is closed. What runs is ended and
/// taken away then.
fn interruption() -> anyhow::Result<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).context("cannot listen for signals");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}

/// Whether this is CI, where nothing is skipped.
fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

// === impl Cast ===

impl Cast {
    /// Ends all of them in order.
    async fn stop(self) -> anyhow::Result<()> {
        if let Some(enforcement) = self.enforcement {
            enforcement.stop().await?;
        }
        if let Some(cleaner) = self.cleaner {
            cleaner.stop().await?;
        }
        Ok(())
    }
}
