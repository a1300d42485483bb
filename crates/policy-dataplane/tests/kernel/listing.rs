//! What the kernel has after a batch: exactly what `nft` makes of the same rules as text, for every scenario of the engine's golden
//! files; and nothing at all of a batch that is refused.

use std::{
    fs,
    path::{Path, PathBuf},
};

use policy_dataplane::{Batch, CommitError, Socket};
use policy_engine::{Object, Ruleset, World, compile, nft, program::Program};

use crate::{namespace::Namespace, objects};

fn listed(namespace: &Namespace) -> String {
    namespace.run("nft", &["list", "ruleset"], "")
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy-engine/tests/golden")
}

/// The rulesets of all Pods of all scenarios, each with where it is from.
fn rulesets() -> Vec<(String, Ruleset)> {
    let mut found = Vec::new();
    let topology = objects::read(&golden().join("topology.yaml"));
    for folder in fs::read_dir(golden()).expect("golden files") {
        let folder = folder.expect("an entry").path();
        let mut files: Vec<PathBuf> = match fs::read_dir(&folder) {
            Ok(entries) => entries.map(|entry| entry.expect("an entry").path()).collect(),
            Err(_) => continue,
        };
        files.retain(|file| file.extension().is_some_and(|it| it == "yaml"));
        files.sort();
        let mut world = World::default();
        let all = topology.clone().into_iter().chain(files.iter().flat_map(|file| objects::read(file)));
        for object in all.filter_map(|object| Object::read(&object).ok().flatten()) {
            world.apply(object);
        }
        for (pod, _) in world.pods() {
            let name = format!("{} {pod}", folder.file_name().expect("a name").display());
            found.extend(compile(&world, pod).map(|ruleset| (name, ruleset)));
        }
    }
    assert!(found.len() > 20, "{} rulesets", found.len());
    found
}

#[test]
fn the_kernel_has_what_nft_makes_of_the_same_rules_as_text() {
    let (Some(ours), Some(theirs)) = (Namespace::new(), Namespace::new()) else { return };
    let socket = Socket::open_in(&ours.path()).expect("a socket");
    for (name, ruleset) in rulesets() {
        let batch = Batch::replace(&Program::of(&ruleset));
        socket.commit(&batch).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        theirs.run("nft", &["--file", "-"], &nft::text(&ruleset));
        assert_eq!(listed(&ours), listed(&theirs), "{name}");
    }
}

#[test]
fn a_difference_makes_of_any_program_any_other() {
    let (Some(ours), Some(theirs)) = (Namespace::new(), Namespace::new()) else { return };
    let socket = Socket::open_in(&ours.path()).expect("a socket");
    let mut rulesets = rulesets();
    // There and back: what one step adds another takes away.
    rulesets.extend(rulesets.clone().into_iter().rev());
    let mut before = Program::default();
    for (name, ruleset) in rulesets {
        let now = Program::of(&ruleset);
        let batch = Batch::difference(&before, &now);
        assert_eq!(batch.is_empty(), before == now, "{name}");
        socket.commit(&batch).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        theirs.run("nft", &["--file", "-"], &nft::text(&ruleset));
        assert_eq!(sorted(&listed(&ours)), sorted(&listed(&theirs)), "{name}");
        before = now;
    }
}

/// The sets and chains of a table, in one order: that in which they came makes no difference.
fn sorted(listed: &str) -> Vec<&str> {
    let body = listed.trim_start_matches("table inet danm_policer {\n");
    let mut parts: Vec<&str> = body.split("\n\t}").map(str::trim).collect();
    parts.sort_unstable();
    parts
}

#[test]
fn of_a_batch_that_is_refused_nothing_is_there_and_the_error_names_what_it_was() {
    let Some(namespace) = Namespace::new() else { return };
    let socket = Socket::open_in(&namespace.path()).expect("a socket");
    let (_, ruleset) =
        rulesets().into_iter().find(|(_, ruleset)| !ruleset.is_open()).expect("an isolated Pod");
    let mut program = Program::of(&ruleset);
    socket.commit(&Batch::replace(&program)).expect("it is sound");
    let before = listed(&namespace);
    let last = program.chains.last_mut().expect("a chain");
    last.rules.push(policy_engine::program::ProgramRule {
        matches: Vec::new(),
        counted: None,
        action: policy_engine::program::Action::Goto("nowhere".to_owned()),
    });
    let error = socket.commit(&Batch::replace(&program)).expect_err("there is no such chain");
    assert!(matches!(&error, CommitError::Refused { about, .. } if about.starts_with("rule ")), "{error:?}");
    assert_eq!(listed(&namespace), before);
}
