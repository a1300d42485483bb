//! What is published about Showalloc beside its formats, compared with the program: the rights in `deploy/`, and the
//! guide for operators.

#![expect(clippy::expect_used, reason = "a test that has not what it needs has failed")]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use clap::Command;
use danm_api::{ApiGroup, NetworkKind};
use danm_ipam::State;
use sandbox::Recorded;
use serde_json::Value;
use showalloc::checking::Class;
use testkit::{Cluster, Server, manifests, objects};

/// A right that a request needs, or that a rule gives: group, resource, verb.
type Right = (String, String, String);

// === Rights ===

fn granted() -> BTreeSet<Right> {
    let role = manifests::objects_in("showalloc/clusterrole.yaml").remove(0);
    let words = |rule: &Value, field: &str| -> Vec<String> {
        let words = rule[field].as_array().into_iter().flatten();
        words.filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    let mut rights = BTreeSet::new();
    for rule in role["rules"].as_array().expect("rules") {
        for group in words(rule, "apiGroups") {
            for resource in words(rule, "resources") {
                rights.extend(
                    words(rule, "verbs").into_iter().map(|verb| (group.clone(), resource.clone(), verb)),
                );
            }
        }
    }
    rights
}

/// The right that a request needs; none for discovery.
fn used(request: &Recorded) -> Option<Right> {
    let parts: Vec<&str> = request.uri.path().trim_matches('/').split('/').collect();
    let (group, rest) = match *parts.as_slice() {
        ["api", _, ref rest @ ..] => ("", rest),
        ["apis", group, _, ref rest @ ..] => (group, rest),
        _ => return None,
    };
    let (resource, is_named) = match *rest {
        ["namespaces", _, resource] | [resource] => (resource, false),
        ["namespaces", _, resource, _] | [resource, _] => (resource, true),
        _ => return None,
    };
    let verb = match request.method.as_str() {
        "GET" if request.is_watch() => "watch",
        "GET" if is_named => "get",
        "GET" => "list",
        other => other,
    };
    Some((group.to_owned(), resource.to_owned(), verb.to_owned()))
}

fn all_used(cluster: &Cluster) -> BTreeSet<Right> {
    cluster.sandbox().requests().iter().filter_map(used).collect()
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

/// Asserts that the guide names all of these, as code.
fn names(words: impl IntoIterator<Item = String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/showalloc.md");
    let guide = fs::read_to_string(path).expect("there is a guide");
    // `--flag VALUE` names what it begins with.
    let is_named = |word: &str| {
        let begin = format!("`{word}");
        guide.split(&begin).skip(1).any(|rest| rest.starts_with(['`', ' ']))
    };
    let missing: Vec<String> = words.into_iter().filter(|word| !is_named(word)).collect();
    assert!(missing.is_empty(), "not in docs/showalloc.md: {missing:?}");
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
