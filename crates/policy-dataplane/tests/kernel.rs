//! What the kernel has after a batch: exactly what `nft` makes of the same rules as text, for every scenario of the engine's golden
//! files; and nothing at all of a batch that is refused.

#![expect(clippy::expect_used, reason = "a test that has not what it needs has failed")]

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use policy_dataplane::{Batch, CommitError, Socket};
use policy_engine::{Object, Ruleset, World, compile, nft, program::Program};
use serde_json::Value;

/// A network namespace of a process that waits, until it is dropped.
struct Namespace(Child);

impl Namespace {
    /// None, and a word about it, where none can be had; with `CI` set that is a failure.
    fn new() -> Option<Self> {
        let mut process = Command::new("unshare");
        process.args(["--net", "cat"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let found = process.spawn().ok().and_then(Self::entered);
        if found.is_none() {
            assert!(env::var_os("CI").is_none(), "CI skips nothing, and there is no network namespace");
            eprintln!("SKIPPED: no right to a network namespace");
        }
        found
    }

    /// The process is in its namespace once it copies what it reads.
    fn entered(mut process: Child) -> Option<Self> {
        process.stdin.as_mut()?.write_all(b"x").ok()?;
        let mut byte = [0];
        std::io::Read::read_exact(process.stdout.as_mut()?, &mut byte).ok()?;
        Some(Self(process))
    }

    fn path(&self) -> PathBuf {
        Path::new("/proc").join(self.0.id().to_string()).join("ns/net")
    }

    fn nft(&self, arguments: &[&str], input: &str) -> String {
        let mut nft = Command::new("nsenter");
        nft.arg(format!("--net={}", self.path().display())).arg("nft").args(arguments);
        nft.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = nft.spawn().expect("nsenter and nft");
        child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    fn listed(&self) -> String {
        self.nft(&["list", "ruleset"], "")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy-engine/tests/golden")
}

fn objects(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).expect("a file of ours");
    let options = serde_saphyr::options! { budget: None, strict_booleans: true };
    serde_saphyr::from_multiple_with_options(&text, options).expect("YAML")
}

/// The rulesets of all Pods of all scenarios, each with where it is from.
fn rulesets() -> Vec<(String, Ruleset)> {
    let mut found = Vec::new();
    let topology = objects(&golden().join("topology.yaml"));
    for folder in fs::read_dir(golden()).expect("golden files") {
        let folder = folder.expect("an entry").path();
        let mut files: Vec<PathBuf> = match fs::read_dir(&folder) {
            Ok(entries) => entries.map(|entry| entry.expect("an entry").path()).collect(),
            Err(_) => continue,
        };
        files.retain(|file| file.extension().is_some_and(|it| it == "yaml"));
        files.sort();
        let mut world = World::default();
        let all = topology.clone().into_iter().chain(files.iter().flat_map(|file| objects(file)));
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
        theirs.nft(&["--file", "-"], &nft::text(&ruleset));
        assert_eq!(ours.listed(), theirs.listed(), "{name}");
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
        theirs.nft(&["--file", "-"], &nft::text(&ruleset));
        assert_eq!(sorted(&ours.listed()), sorted(&theirs.listed()), "{name}");
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
    let before = namespace.listed();
    let last = program.chains.last_mut().expect("a chain");
    last.rules.push(policy_engine::program::ProgramRule {
        matches: Vec::new(),
        counted: None,
        action: policy_engine::program::Action::Goto("nowhere".to_owned()),
    });
    let error = socket.commit(&Batch::replace(&program)).expect_err("there is no such chain");
    assert!(matches!(&error, CommitError::Refused { about, .. } if about.starts_with("rule ")), "{error:?}");
    assert_eq!(namespace.listed(), before);
}
