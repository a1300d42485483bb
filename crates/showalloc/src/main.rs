//! The program `showalloc`, also named `kubectl-danm`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    showalloc::run(std::env::args_os().collect()).await
}
