//! Puts the program together: from the command line to the exit.

use operator_runtime::connect;

use crate::{Cadence, Cli, Config, controller::control, once::clean_once};

/// Does what the command line says.
pub async fn run(cli: &Cli) -> anyhow::Result<()> {
    let config = Config::new(cli)?;
    let client = connect(&cli.connect).await?;
    tracing::info!("{config}");
    match config.rules.cadence {
        Cadence::Once => clean_once(&config, client).await,
        Cadence::Every(_) => control(&config, client).await,
    }
}
