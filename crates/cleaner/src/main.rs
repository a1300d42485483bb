//! The program `danm-cleaner`: reads the command line and turns what comes of it into an exit code.

use std::process::ExitCode;

use clap::Parser;
use cleaner::Cli;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.log.init();
    match cleaner::run(&cli).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
