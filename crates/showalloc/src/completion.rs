//! Completions for shells, under either name of the program.

use clap::CommandFactory;
use clap_complete::{Generator, Shell};

use crate::cli::Cli;

/// The script for a shell, for the binary of this name.
pub fn completion(shell: Shell, name: &str) -> String {
    let typed = name.replacen("kubectl-", "kubectl ", 1);
    operator_runtime::completion(Cli::command().bin_name(typed), shell, name)
}

/// The name that a shell looks for its script under.
pub fn file_name(shell: Shell, name: &str) -> String {
    shell.file_name(name)
}
