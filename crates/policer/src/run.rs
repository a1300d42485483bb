//! Puts the program together: from the command line to the exit code.

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, Parser};
use operator_runtime::{completion, printable};

use crate::{
    agent,
    cli::{Cli, Command},
    command::{cleanup, evaluate, explain, render, stats},
    output::print,
};

/// The code for what is wrong.
const ERROR: u8 = 2;

/// Does what the command line says.
pub async fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe is no reason to complain.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(ERROR));
        }
    };
    cli.log.init();
    match command_of(&cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            operator_runtime::note(&printable(&format!("error: {error:#}"), false));
            ExitCode::from(ERROR)
        }
    }
}

async fn command_of(cli: &Cli) -> anyhow::Result<()> {
    match &cli.command {
        Command::Agent(args) => agent::run(cli, args).await,
        Command::Evaluate(args) => evaluate::run(args),
        Command::Render(args) => render::run(args),
        Command::Explain(args) => explain::run(cli, args).await,
        Command::Cleanup(args) => cleanup::run(args),
        Command::Stats(args) => stats::run(args),
        Command::Completion { shell } => print(&completion(Cli::command(), *shell, "danm-policer")),
    }
}
