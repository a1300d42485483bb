//! The program `danm-policer`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    policer::run(std::env::args_os()).await
}
