//! The proof, as large as a test may be: a million packets, thousands of changes, and mistakes that have to be caught.

use policy_fuzz::{Mutant, follow_many, loosenings, restore_many, survey};

/// Packets that both judge here; `cargo xtask fuzz-policy` judges a hundred times as many.
const PACKETS: u64 = 1_000_000;

/// Worlds in which something happens.
const STORIES: u32 = 4_000;

#[test]
fn the_rules_of_a_pod_pass_what_its_policies_allow_and_nothing_else() {
    let survey = survey(0, PACKETS, None);
    println!("{}", survey.tally);
    if let Some((disagreement, objects)) = survey.disagreement {
        panic!("{disagreement}\n{}", serde_json::to_string_pretty(&objects).expect("JSON"));
    }
    assert_eq!(survey.tally.shortcomings(PACKETS), Vec::<String>::new());
}

#[test]
fn a_compiler_with_one_mistake_is_caught() {
    for mutant in Mutant::ALL {
        let survey = survey(1, PACKETS / 2, Some(mutant));
        let caught = survey.disagreement.is_some();
        assert!(caught, "{mutant:?} was not caught by {} packets", survey.tally.packets);
        println!("{mutant:?}: caught after {} packets", survey.tally.packets);
    }
}

#[test]
fn an_engine_that_followed_changes_has_the_rules_of_one_that_begins_anew() {
    if let Some((disagreement, story)) = follow_many(0, STORIES) {
        panic!("{disagreement}\n{story:#?}");
    }
}

#[test]
fn a_world_that_was_kept_and_read_again_is_the_same() {
    if let Some(story) = restore_many(0, STORIES) {
        panic!("{story:#?}");
    }
}

#[test]
fn rules_that_are_no_stricter_than_those_before_deny_nothing_that_passed() {
    let seen = loosenings(0, STORIES / 3);
    if let Some((pod, packet, story)) = seen.mistake {
        panic!("{pod}: {packet:?}\n{story:#?}");
    }
    println!("{} times no stricter, {} times stricter", seen.loosened, seen.tightened);
    assert!(seen.loosened > 400 && seen.tightened > 400, "{} and {}", seen.loosened, seen.tightened);
}
