//! The guide for operators, compared with the program: a flag, a metric or a reason that it does not name is a
//! riddle in somebody's worst hour.

use std::collections::BTreeSet;

use calico_ipam::FindingKind;
use clap::{Command, CommandFactory};
use leak_judge::Reason;
use testkit::guide::names;

use crate::running::Running;

const GUIDE: &str = "cleaner.md";

#[test]
fn it_names_every_flag_of_the_program() {
    names(GUIDE, flags_of(&cleaner::Cli::command()));
}

/// Those of the commands below it, too.
fn flags_of(command: &Command) -> BTreeSet<String> {
    let flags = command.get_arguments().filter_map(|argument| argument.get_long());
    let own = flags.filter(|flag| !["help", "version"].contains(flag)).map(|flag| format!("--{flag}"));
    own.chain(command.get_subcommands().flat_map(flags_of)).collect()
}

#[test]
fn it_names_every_kind_of_finding() {
    names(GUIDE, FindingKind::ALL.iter().map(|kind| kind.code().to_owned()));
}

#[test]
fn it_names_every_reason_of_a_verdict() {
    names(GUIDE, Reason::ALL.iter().map(|reason| reason.code().to_owned()));
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
    names(GUIDE, metrics);
}
