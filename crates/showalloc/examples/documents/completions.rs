//! Completions for the shells that most people use. Those of other shells the program prints itself.

use clap_complete::Shell;
use showalloc::completion::{completion, file_name};

use crate::Document;

/// The names of the binary.
const NAMES: [&str; 2] = ["kubectl-danm", "showalloc"];

/// A script for each shell and name.
pub fn scripts() -> Vec<Document> {
    let shells = [Shell::Bash, Shell::Zsh, Shell::Fish];
    let all = NAMES.into_iter().flat_map(|name| shells.map(|shell| (name, shell)));
    all.map(|(name, shell)| Document {
        path: format!("deploy/completions/{}", file_name(shell, name)),
        text: completion(shell, name),
    })
    .collect()
}
