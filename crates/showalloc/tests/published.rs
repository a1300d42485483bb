//! What is published about Showalloc beside its formats, compared with the program: the rights in `deploy/`, and the
//! guide for operators.

#![expect(clippy::expect_used, reason = "a test that has not what it needs has failed")]

use std::{
    collections::BTreeSet,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use clap::Command;
use danm_api::{ApiGroup, NetworkKind};
use danm_ipam::State;
use showalloc::checking::Class;
use testkit::{
    Cluster, Server, guide, objects,
    rights::{self, Right},
};

// === Rights ===

fn granted() -> BTreeSet<Right> {
    rights::granted("showalloc/clusterrole.yaml")
}

fn all_used(cluster: &Cluster) -> BTreeSet<Right> {
    cluster.sandbox().requests().iter().filter_map(rights::used).collect()
}

fn program(cluster: &Cluster, arguments: &str) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_showalloc"));
    command.args(arguments.split(' ')).arg("--kubeconfig").arg(cluster.kubeconfig());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command
}

async fn run(cluster: &Cluster, arguments: &str) -> ExitStatus {
    program(cluster, arguments).status().await.expect("the program was built")
}

#[tokio::test]
async fn the_role_gives_exactly_the_rights_that_are_used() {
    let cluster = Cluster::empty_on(Server::Sandbox).await.expect("it is in this process");
    let network = |kind| objects::with_bits(objects::network(ApiGroup::DanmIo, kind, "ran", "net"), &[1]);
    cluster.sandbox().load(NetworkKind::ALL.map(network)).expect("sound objects");
    cluster.sandbox().clear_requests();

    for arguments in ["-dnet net -n ran", "-tnet net -n ran", "-cnet net"] {
        // Their pools are not said, which the reference does not take.
        run(&cluster, arguments).await;
    }
    for arguments in ["show -A", "networks -n ran", "ip 10.0.0.1", "check -A", "map net -n ran"] {
        assert!(run(&cluster, arguments).await.success(), "{arguments}");
    }
    let watching = program(&cluster, "networks -A --watch").spawn().expect("the program was built");
    let begun = Instant::now();
    while !all_used(&cluster).is_superset(&granted()) && begun.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(watching);

    assert_eq!(all_used(&cluster), granted());
}

// === The guide ===

/// Asserts that the guide names all of these.
fn names(words: impl IntoIterator<Item = String>) {
    guide::names("showalloc.md", words);
}

fn flags_of(command: &Command) -> Vec<String> {
    let flags = command.get_arguments().filter_map(|argument| argument.get_long());
    let own = flags.filter(|flag| !["help", "version"].contains(flag));
    own.map(|flag| format!("--{flag}")).collect()
}

#[test]
fn the_guide_names_every_command_and_every_flag() {
    let program = showalloc::command("kubectl danm");
    names(program.get_subcommands().map(|command| command.get_name().to_owned()));
    names(program.get_subcommands().chain([&program]).flat_map(flags_of));
}

#[test]
fn the_guide_names_every_state_and_every_class() {
    names(State::ALL.map(|state| state.code().to_owned()));
    names(Class::ALL.map(|class| class.code().to_owned()));
}
