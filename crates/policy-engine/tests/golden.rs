//! The rules of a Pod as people read them: a folder of `golden/` for each scenario, and what becomes of it beside each of its
//! files. The Pod is always x/a, in the topology that all share.
//!
//! The files of a folder are applied one after the other; what is in one whose name ends in `deleted` is taken away. The texts
//! are looked at before they are accepted: `INSTA_UPDATE=always` writes them.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has not what it needs has failed")]

#[path = "fixtures/nft.rs"]
mod nft;
#[path = "fixtures/objects.rs"]
mod objects;

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use nft::Nft;
use policy_engine::{Engine, NamespacedName, Object, World, compile};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn pod() -> NamespacedName {
    NamespacedName::new("x", "a")
}

/// The files of a folder that end so, in order.
fn files(folder: &Path, extension: &str) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.extension().is_some_and(|it| it == extension)).collect()
}

fn scenarios() -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder()).expect("the scenarios").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.is_dir()).collect()
}

/// All texts that were accepted.
fn texts() -> Vec<(PathBuf, String)> {
    let files = scenarios().into_iter().flat_map(|scenario| files(&scenario, "nft"));
    files.map(|file| (file.clone(), fs::read_to_string(file).expect("a text"))).collect()
}

fn apply(engine: &mut Engine, step: &Path) {
    let is_deleted = step.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("deleted"));
    for object in objects::read(step) {
        if is_deleted { engine.delete(&object.key()) } else { engine.apply(object) }
    }
}

fn text(engine: &Engine) -> String {
    let none = || format!("# {} is no target: no policy is about it.\n", pod());
    engine.ruleset(&pod()).map_or_else(none, |ruleset| policy_engine::nft::text(&ruleset))
}

fn compare(accepted: &Path, now: &str) {
    if env::var("INSTA_UPDATE").is_ok_and(|value| value == "always") {
        fs::write(accepted, now).expect("a place for the text");
    }
    let before = fs::read_to_string(accepted).unwrap_or_default();
    assert!(before == now, "{} is now:\n{now}", accepted.display());
}

/// Runs a scenario. After each step the engine, which knows what was before, has to say what one that knows only the world
/// says.
fn run(scenario: &str) {
    let mut engine = Engine::default();
    engine.track(&pod());
    apply(&mut engine, &folder().join("topology.yaml"));
    let steps = files(&folder().join(scenario), "yaml");
    assert!(!steps.is_empty(), "{scenario} has no steps");
    for step in steps {
        let before = engine.ruleset(&pod());
        engine.take_changed();
        apply(&mut engine, &step);
        let now = engine.ruleset(&pod());
        assert_eq!(now, compile(engine.world(), &pod()), "after {}", step.display());
        let is_told = engine.take_changed().contains(&pod());
        assert!(is_told || before == now, "nobody was told of {}", step.display());
        compare(&step.with_extension("nft"), &text(&engine));
    }
}

#[test]
fn who_is_denied_everything_is_so_on_all_interfaces_and_on_those_that_come_later() {
    run("deny-all");
}

#[test]
fn a_peer_that_is_bound_to_a_network_comes_by_that_network_alone() {
    run("peer-through-a-network");
}

#[test]
fn blocks_that_overlap_are_merged_and_exceptions_are_taken_from_their_own_block() {
    run("blocks");
}

#[test]
fn names_of_ports_are_numbers_of_the_pod_that_is_spoken_to() {
    run("named-ports");
}

#[test]
fn ranges_of_ports_are_merged_and_long_lists_of_them_are_broken_into_lines() {
    run("port-ranges");
}

#[test]
fn policies_are_added_up() {
    run("union");
}

#[test]
fn a_policy_about_one_network_leaves_the_others_open() {
    run("one-network");
}

#[test]
fn both_families_have_the_same_rules() {
    run("dual-stack");
}

#[test]
fn an_address_on_two_networks_is_another_peer_on_each() {
    run("overlapping-addresses");
}

#[test]
fn a_service_is_reached_if_all_who_answer_are() {
    run("services");
}

#[test]
fn an_entry_that_cannot_be_read_allows_nobody_and_hides_no_other() {
    run("unreadable-entries");
}

#[test]
fn a_pod_whose_interfaces_have_no_usable_names_is_closed_as_a_whole() {
    run("unusable-interfaces");
}

#[test]
fn names_that_rules_cannot_have_are_written_as_others() {
    run("strange-names");
}

#[test]
fn a_policy_comes_follows_its_peers_and_goes() {
    run("life-of-a-policy");
}

#[test]
fn interfaces_come_and_go_under_a_policy() {
    run("life-of-a-pod");
}

#[test]
fn each_scenario_is_run_by_a_test() {
    let source = include_str!("golden.rs");
    for scenario in scenarios() {
        let name = scenario.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(source.contains(&format!("run(\"{name}\")")), "no test runs {name}");
    }
}

#[test]
fn the_order_in_which_objects_come_makes_no_difference_to_a_byte() {
    for scenario in scenarios() {
        let topology = objects::read(&folder().join("topology.yaml"));
        let steps =
            files(&scenario, "yaml").into_iter().filter(|step| !step.to_string_lossy().contains("deleted"));
        let later = steps.flat_map(|step| objects::read(&step));
        // Of objects that replace each other the last is the one that is there.
        let mut world = World::default();
        let all: Vec<Object> = topology.into_iter().chain(later).collect();
        let mut last: Vec<Object> = Vec::new();
        for object in all {
            last.retain(|before| before.key() != object.key());
            last.push(object);
        }
        last.iter().cloned().for_each(|object| world.apply(object));
        let forwards = compile(&world, &pod()).map(|ruleset| policy_engine::nft::text(&ruleset));
        for turned in 0..last.len() {
            let mut engine = Engine::default();
            engine.track(&pod());
            last.rotate_left(1);
            let order: Vec<Object> =
                if turned % 2 == 0 { last.clone() } else { last.iter().rev().cloned().collect() };
            order.into_iter().for_each(|object| engine.apply(object));
            assert_eq!(engine.world(), &world);
            let text = engine.ruleset(&pod()).map(|ruleset| policy_engine::nft::text(&ruleset));
            assert!(text == forwards, "{}: {text:?}", scenario.display());
        }
    }
}

#[test]
fn nft_accepts_each_text_and_the_kernel_has_the_same_rules() {
    let Some(nft) = Nft::find() else { return };
    for (file, text) in texts() {
        let held = nft.holds(&text).map_err(|problem| format!("{}: {problem}", file.display()));
        held.expect("a text that loads as it is meant");
    }
}

#[test]
fn a_text_that_is_loaded_again_takes_the_place_of_the_first() {
    let Some(nft) = Nft::find() else { return };
    for (file, text) in texts() {
        let once = nft.load(&text, 1).expect("a text that loads");
        assert_eq!(nft.load(&text, 2).expect("a text that loads again"), once, "{}", file.display());
    }
}
