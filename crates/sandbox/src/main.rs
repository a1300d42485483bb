//! The program `danm-sandbox`: reads the command line and turns what comes of it into an exit code.

use std::process::ExitCode;

use clap::Parser;
use sandbox::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.log.init();
    match sandbox::run(&cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
