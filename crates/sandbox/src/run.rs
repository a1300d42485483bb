//! Puts the program together: from the command line to the exit.

use std::{
    fs,
    io::{self, ErrorKind, Write},
};

use anyhow::Context;
use operator_runtime::read_manifests;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    Cli, Options, Sandbox,
    cli::{Command, ServeArgs},
    demo::demo,
};

/// Does what the command line says. An error is told in one sentence.
pub async fn run(cli: &Cli) -> anyhow::Result<()> {
    match &cli.command {
        Command::Serve(args) => serve(args).await,
        Command::Demo(args) => demo(args).await,
    }
}

async fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    // Before anybody can know that we are there.
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut objects = Vec::new();
    for path in &args.load {
        objects.extend(read_manifests(path)?.into_iter().flat_map(|manifest| manifest.objects));
    }
    let options = Options { listen: args.listen, record: false, ..Options::default() };
    let sandbox = Sandbox::start(options).with_context(|| format!("cannot listen on {}", args.listen))?;
    let count = sandbox.load(objects).context("cannot load")?;
    tracing::info!("{count} objects loaded");
    if let Some(path) = &args.kubeconfig {
        fs::write(path, sandbox.kubeconfig())
            .with_context(|| format!("cannot write kubeconfig {}", path.display()))?;
    }
    match writeln!(io::stdout(), "ready {}", sandbox.url()) {
        // Whoever started us is gone.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
        said => said.context("cannot say that we are ready")?,
    }
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    Ok(())
}
