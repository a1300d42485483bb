//! Puts the program together: from the command line to the exit code.

use std::{ffi::OsString, process::ExitCode};

use anyhow::Context;
use clap::{CommandFactory, FromArgMatches};
use kube::Client;
use operator_runtime::connect_with;

use crate::{
    cli::{Cli, Command, SelectionArgs},
    command::{check, ip, map, networks, show, top},
    completion::completion,
    invocation::{Spelling, spelling},
    legacy,
    output::{note, print},
    reading::{Reading, Wish},
    target::Target,
};

/// The code for what is wrong.
const ERROR: u8 = 2;

/// Does what the command line says.
pub async fn run(arguments: Vec<OsString>) -> ExitCode {
    let program = arguments.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let rest = arguments.get(1..).unwrap_or_default();
    match spelling(&program, rest) {
        Spelling::Legacy => legacy::run(&program, rest).await,
        Spelling::Commands(name) => commands(name, &arguments).await,
    }
}

async fn commands(name: &'static str, arguments: &[OsString]) -> ExitCode {
    let command = Cli::command().bin_name(name);
    let matches = command.try_get_matches_from(arguments);
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe is no reason to complain.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(ERROR));
        }
    };
    match command_of(&cli, name).await {
        Ok(code) => code,
        Err(error) => {
            note(&format!("error: {error:#}"));
            ExitCode::from(ERROR)
        }
    }
}

async fn command_of(cli: &Cli, name: &'static str) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Command::Show(args) => show::run(cli, args).await,
        Command::Networks(args) => networks::run(cli, args).await,
        Command::Ip(args) => ip::run(cli, args).await,
        Command::Check(args) => check::run(cli, args).await,
        Command::Map(args) => map::run(cli, args).await,
        Command::Top(args) => top::run(cli, args).await,
        Command::Completion { shell } => {
            print(&completion(*shell, &name.replace(' ', "-")))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A reading of the cluster for a command.
pub(crate) async fn read(
    cli: &Cli,
    selection: &SelectionArgs,
    targets: &[Target],
) -> anyhow::Result<Reading> {
    let client = connect_with(&cli.connect, &cli.access.overrides()).await?;
    let fallback = selection.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
    let wish = Wish {
        namespace: (!selection.all_namespaces).then(|| fallback.clone()),
        targets: targets.to_vec(),
        labels: selection.selector.clone(),
        is_about_everything: false,
    };
    begin(cli, client, &wish, &fallback).await
}

/// A reading of everything.
///
/// Whoever may not see all of it sees the namespace that is meant, if one is.
pub(crate) async fn read_everything(cli: &Cli, meant: Option<&str>) -> anyhow::Result<Reading> {
    let client = connect_with(&cli.connect, &cli.access.overrides()).await?;
    let fallback = meant.unwrap_or_else(|| client.default_namespace()).to_owned();
    let wish = Wish { is_about_everything: true, ..Wish::default() };
    begin(cli, client, &wish, &fallback).await
}

async fn begin(cli: &Cli, client: Client, wish: &Wish, fallback: &str) -> anyhow::Result<Reading> {
    let reading = Reading::begin(client, wish, fallback);
    let reading = match cli.access.request_timeout.filter(|limit| !limit.is_zero()) {
        Some(limit) => tokio::time::timeout(limit, reading)
            .await
            .with_context(|| format!("the cluster could not be read within {limit:?}"))?,
        None => reading.await,
    }?;
    if let Some(limits) = reading.limits() {
        note(&limits);
    }
    Ok(reading)
}
