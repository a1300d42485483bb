//! The production Cleaner breaks no law in a few hundred schedules; one that lacks a safeguard soon does. Millions are
//! run by `cargo xtask sim`.

use simulation::{Dealing, Law, Mutant, Schedule, shortest, survey};

/// Within so many seeds a mutant has to be caught.
const SEEDS: u64 = 10_000;

/// A seed that catches it, and the law it breaks.
fn catch(mutant: Mutant) -> Option<(u64, Law)> {
    let survey = survey(0, SEEDS, Some(mutant), true);
    survey.violations.first().map(|(seed, violation)| (*seed, violation.law))
}

#[test]
fn the_cleaner_breaks_no_law() {
    let survey = survey(0, 300, None, false);
    assert_eq!(survey.violations, []);
    assert!(survey.calls.percentile(50) >= 100, "{} API calls", survey.calls.percentile(50));
    assert!(survey.faults.percentile(50) >= 3, "{} faults", survey.faults.percentile(50));
    assert!(survey.tally.freed > 100, "{} addresses given back", survey.tally.freed);
}

/// Scenarios 49, 54 and 57, and all that the Cleaner asks Calico for.
#[test]
fn everything_that_may_become_of_an_address_of_calico_does() {
    let survey = survey(1_000, 600, None, false);
    assert_eq!(survey.violations, []);
    for dealing in Dealing::ALL {
        assert!(survey.tally.of_calico(*dealing) > 0, "never {}", dealing.text());
    }
}

#[test]
fn a_seed_is_one_schedule() {
    let trace = |seed| Schedule::of_seed(seed).traced().run().trace;
    for seed in 0..60 {
        assert_eq!(trace(seed), trace(seed), "seed {seed}");
    }
    assert_ne!(trace(0), trace(1));
}

#[test]
fn a_shorter_schedule_breaks_the_same_law() {
    let mutant = Some(Mutant::FreeBeforeJudgement);
    let (seed, law) = catch(Mutant::FreeBeforeJudgement).expect("a seed that catches it");
    let choices = Schedule::of_seed(seed).against(mutant).run().choices;
    let shorter = shortest(choices.clone(), law, mutant, 100);
    assert!(shorter.len() < choices.len());
    let outcome = Schedule::of_choices(shorter).against(mutant).run();
    assert_eq!(outcome.violation.map(|violation| violation.law), Some(law));
}

#[test]
fn a_cleaner_that_does_not_ask_for_rivals_is_caught() {
    assert!(catch(Mutant::NoRivalCheck).is_some());
}

#[test]
fn a_cleaner_that_does_not_read_again_is_caught() {
    assert!(catch(Mutant::NoReread).is_some());
}

#[test]
fn a_cleaner_without_an_ownership_window_is_caught() {
    assert!(catch(Mutant::NoWindow).is_some());
}

#[test]
fn a_cleaner_that_frees_before_it_judges_is_caught() {
    assert!(catch(Mutant::FreeBeforeJudgement).is_some());
}

#[test]
fn a_cleaner_that_takes_names_for_uids_is_caught() {
    assert!(catch(Mutant::NameForUid).is_some());
}

#[test]
fn a_cleaner_that_takes_a_bit_without_an_endpoint_for_nobodys_is_caught() {
    assert!(catch(Mutant::NoOrphanGrace).is_some());
}

#[test]
fn a_cleaner_whose_writes_are_conditional_on_nothing_is_caught() {
    assert!(catch(Mutant::NoPrecondition).is_some());
}

#[test]
fn a_cleaner_that_gives_back_to_calico_whoever_has_the_address_is_caught() {
    assert_eq!(catch(Mutant::NoHandleCheck).map(|(_, law)| law), Some(Law::NobodyIsRobbed));
}

#[test]
fn a_cleaner_that_forgets_to_give_back_to_calico_is_caught() {
    assert_eq!(catch(Mutant::NoReturn).map(|(_, law)| law), Some(Law::NoAddressIsForgotten));
}
