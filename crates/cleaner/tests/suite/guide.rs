//! The guide for operators, compared with the program: a flag, a metric or a reason that it does not name is a
//! riddle in somebody's worst hour.

use std::{collections::BTreeSet, fs, path::Path};

use calico_ipam::FindingKind;
use clap::{Command, CommandFactory};
use leak_judge::Reason;

use crate::running::Running;

fn guide() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cleaner.md");
    fs::read_to_string(path).expect("there is a guide")
}

/// Asserts that the guide names all of these, as code.
fn names(guide: &str, words: impl IntoIterator<Item = String>) {
    // `--flag VALUE` and `metric{label}` name what they begin with.
    let is_named = |word: &str| {
        let begin = format!("`{word}");
        guide.split(&begin).skip(1).any(|rest| rest.starts_with(['`', ' ', '{', '=']))
    };
    let missing: Vec<String> = words.into_iter().filter(|word| !is_named(word)).collect();
    assert!(missing.is_empty(), "not in docs/cleaner.md: {missing:?}");
}

#[test]
fn it_names_every_flag_of_the_program() {
    names(&guide(), flags_of(&cleaner::Cli::command()));
}

/// Those of the commands below it, too.
fn flags_of(command: &Command) -> BTreeSet<String> {
    let flags = command.get_arguments().filter_map(|argument| argument.get_long());
    let own = flags.filter(|flag| !["help", "version"].contains(flag)).map(|flag| format!("--{flag}"));
    own.chain(command.get_subcommands().flat_map(flags_of)).collect()
}

#[test]
fn it_names_every_kind_of_finding() {
    names(&guide(), FindingKind::ALL.iter().map(|kind| kind.code().to_owned()));
}

#[test]
fn it_names_every_reason_of_a_verdict() {
    names(&guide(), Reason::ALL.iter().map(|reason| reason.code().to_owned()));
}

#[tokio::test]
async fn it_names_every_metric() {
    let cluster = crate::cluster().await.expect("it is in memory");
    let cleaner = Running::start(&cluster.kubeconfig(), &[]).await;
    let (_, text) = cleaner.ask("/metrics").await;
    let metrics =
        text.lines().filter_map(|line| line.strip_prefix("# HELP danm_cleaner_")?.split(' ').next());
    let metrics: Vec<String> = metrics.map(str::to_owned).collect();
    assert!(metrics.len() > 10, "{text}");
    names(&guide(), metrics);
}
