//! Completions for the shells that most people use. Those of other shells the program prints itself.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use clap_complete::{Generator, Shell, generate};

use crate::Document;

/// The binary's two names, each with what people type.
const NAMES: [(&str, &str); 2] = [("kubectl-danm", "kubectl danm"), ("showalloc", "showalloc")];

/// A script for each shell and name.
pub fn scripts() -> Result<Vec<Document>> {
    let shells = [Shell::Bash, Shell::Zsh, Shell::Fish];
    let all = NAMES.into_iter().flat_map(|names| shells.map(|shell| (names, shell)));
    all.map(|((file, typed), shell)| {
        let path = format!("deploy/completions/{}", shell.file_name(file));
        Ok(Document { path, text: script(shell, file, typed)? })
    })
    .collect()
}

fn script(shell: Shell, name: &str, typed: &str) -> Result<String> {
    let mut script = Vec::new();
    generate(shell, &mut showalloc::command(typed), name, &mut script);
    let script = String::from_utf8(script)?;
    if shell != Shell::Bash {
        return Ok(script);
    }
    // clap spells a name with a dash in two ways, and completes no command then (clap-rs/clap#6421).
    let script = script.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"));
    let states = script.lines().filter_map(|line| line.trim().strip_prefix("cmd=\"")?.strip_suffix('"'));
    let arms: BTreeSet<&str> = script.lines().filter_map(|line| line.trim().strip_suffix(')')).collect();
    for state in states.filter(|state| !state.is_empty()) {
        ensure!(arms.contains(state), "the completions for bash lead to {state}, where there is nothing");
    }
    Ok(script)
}
