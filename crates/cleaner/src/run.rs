//! Puts the program together: from the command line to the exit.

use std::process::ExitCode;

use operator_runtime::connect;

use crate::{Cadence, Cli, Config, calico, cli::Command, controller::control, once::clean_once};

/// Does what the command line says. Gives the exit code of what was done; an error is told in one sentence.
pub async fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    if let Some(Command::Calico(args)) = &cli.command {
        return calico::run(args, connect(&cli.connect).await?).await;
    }
    let config = Config::new(cli)?;
    let client = connect(&cli.connect).await?;
    tracing::info!("{config}");
    match config.rules.cadence {
        Cadence::Once => clean_once(&config, client).await?,
        Cadence::Every(_) => control(&config, client).await?,
    }
    Ok(ExitCode::SUCCESS)
}
