//! What is told of tables that are other than they should be.

use std::sync::Arc;

use policy_engine::{
    Ruleset,
    program::{Part, Program},
    set::Members,
};

use super::*;
use crate::fixture::{PEERS, ruleset};

fn wanted() -> Program {
    Program::of(&ruleset())
}

/// In words, without the hashes that are names of sets.
fn told(found: &Snapshot) -> Vec<String> {
    let is_hash = |word: &str| ["pods_", "blocks_"].iter().any(|it| word.starts_with(it));
    let plain = |deviation: &Deviation| {
        let text = deviation.to_string();
        text.split(' ').map(|word| if is_hash(word) { "X" } else { word }).collect::<Vec<_>>().join(" ")
    };
    deviations(found, &wanted()).iter().map(plain).collect()
}

/// The gates after somebody changed them.
fn with(change: impl FnOnce(&mut Part)) -> Snapshot {
    let mut program = wanted();
    change(Arc::make_mut(&mut program.gates));
    Snapshot::of(&program)
}

fn gate(part: &mut Part) -> &mut ProgramChain {
    part.chains.first_mut().expect("a gate")
}

#[test]
fn nothing_is_told_of_a_table_that_is_as_it_should_be() {
    assert_eq!(told(&Snapshot::of(&wanted())), [""; 0]);
    assert_eq!(deviations(&Snapshot::default(), &Program::default()), []);
}

#[test]
fn a_table_that_does_nothing_and_one_that_should_not_be_there_are_told_in_a_sentence() {
    assert_eq!(deviations(&Snapshot::default(), &wanted()), [Deviation::NoRules]);
    let mut asleep = Snapshot::of(&wanted());
    asleep.is_dormant = true;
    assert_eq!(deviations(&asleep, &wanted()), [Deviation::Asleep]);
    assert_eq!(deviations(&Snapshot::of(&wanted()), &Program::default()), [Deviation::Unwanted]);
}

#[test]
fn members_that_are_missing_or_too_much_are_told_by_what_their_set_is_for() {
    let only = |members: Vec<[u8; 4]>| {
        Arc::new(Members::Addresses(members.into_iter().map(Into::into).collect(), Vec::new()))
    };
    let found = with(|gates| {
        let pods = gates.sets.iter_mut().filter(|set| set.name.starts_with("pods"));
        pods.for_each(|set| set.members = only(vec![PEERS[0], [10, 0, 0, 9]]));
    });
    let set = "the set X (addresses of Pods <all> in namespace shop, met on no network)";
    assert_eq!(told(&found), [format!("{set} lacks 10.0.0.3, 10.0.0.5, and has 10.0.0.9 too much")]);
    let many = with(|gates| {
        let pods = gates.sets.iter_mut().filter(|set| set.name.starts_with("pods"));
        pods.for_each(|set| set.members = only((0..9).map(|last| [10, 1, 0, last]).collect()));
    });
    assert!(told(&many)[0].ends_with("has 10.1.0.0, 10.1.0.1, 10.1.0.2 (6 more) too much"));
}

#[test]
fn ranges_are_told_as_ranges() {
    let found = with(|gates| {
        let blocks = gates.sets.iter_mut().filter(|set| set.name.starts_with("blocks"));
        let range = ([192, 0, 2, 0].into(), [192, 0, 2, 63].into());
        blocks.for_each(|set| set.members = Arc::new(Members::Ranges(vec![range], Vec::new())));
    });
    assert_eq!(
        told(&found),
        [
            "the set X (addresses in 192.0.2.0/25) lacks 192.0.2.0-192.0.2.127, and has 192.0.2.0-192.0.2.63 too much"
        ]
    );
}

#[test]
fn rules_that_are_missing_too_much_or_in_another_order_are_told_by_their_policies() {
    // One rule of a policy is several of a kernel.
    let without_first = with(|gates| {
        gate(gates).rules.retain(|rule| {
            !matches!(rule.purpose, Some(policy_engine::program::Purpose::Policy(_, Some(0))))
        });
    });
    let chain = "the chain ingress_eth0 (ingress at eth0)";
    assert_eq!(told(&without_first), [format!("{chain} lacks rule shop/db ingress[0]")]);
    let without_denial = with(|gates| gate(gates).rules.truncate(1));
    assert_eq!(
        told(&without_denial)[0],
        format!("{chain} lacks rule shop/db ingress[0], shop/db ingress[1], number 8 (3 more)")
    );
    let with_more = with(|gates| {
        let first = gate(gates).rules[0].clone();
        gate(gates).rules.insert(0, first);
    });
    assert_eq!(told(&with_more), [format!("{chain} has rule number 2 too much")]);
    let turned = with(|gates| gate(gates).rules.reverse());
    assert_eq!(told(&turned), [format!("{chain} has its rules in another order")]);
}

#[test]
fn sets_and_chains_that_are_missing_foreign_or_of_another_kind_are_told() {
    let gone = with(|gates| gates.sets.clear());
    assert!(
        told(&gone).iter().all(|one| one.ends_with(" is missing"))
            && told(&gone).len() == wanted().gates.sets.len()
    );
    let mut foreign = Snapshot::of(&wanted());
    foreign.chains.insert("theirs".to_owned(), Chain::default());
    foreign.sets.insert("theirs".to_owned(), Set::default());
    assert_eq!(
        told(&foreign),
        ["the chain theirs should not be there", "the set theirs should not be there"]
    );
    let mut other = Snapshot::of(&wanted());
    other.chains.get_mut("input").expect("a hook").policy = Some(0);
    assert_eq!(told(&other), ["the chain input is of another kind than it should be"]);
    // What closes everything is other in many ways, and no way is forgotten.
    let closed = Program::of(&Ruleset::closed());
    assert!(told(&Snapshot::of(&closed)).len() > 5);
}
