//! What has to be told a kernel that has one program so that it has another: members that come and go, chains whose rules are
//! others, sets and chains that are new or gone. What is alike is left alone, and keeps its counters.
//!
//! All of it is one batch, so the order is only the kernel's: what something refers to is there before it, and goes after it.

use std::{collections::BTreeMap, sync::Arc};

use policy_engine::program::{FamilySet, Program, ProgramChain};

use crate::{
    Protection,
    attributes::Attributes,
    batch::{Batch, Kind, TABLE},
    set,
};

impl Batch {
    /// Makes the second program of the first, which the kernel has. The table stays, unless one of them has none.
    pub fn difference(before: &Program, now: &Program, protection: Protection) -> Self {
        if before.is_empty() || now.is_empty() {
            return if before == now { Self::default() } else { Self::replace(now, protection) };
        }
        let mut batch = Self::begun();
        let is_shared = Arc::ptr_eq(&before.gates, &now.gates);
        let (sets_before, chains_before) = contents(before, is_shared);
        let (sets_now, chains_now) = contents(now, is_shared);
        for (name, set) in &sets_now {
            match sets_before.get(name) {
                None => batch.set(set),
                Some(before) => batch.members(Kind::NewElements, set, before),
            }
        }
        let new: Vec<&ProgramChain> = without(&chains_now, &chains_before).collect();
        let is_other = |chain: &ProgramChain| {
            chains_before.get(chain.name.as_str()).is_some_and(|before| before.rules != chain.rules)
        };
        let others: Vec<&ProgramChain> = chains_now.values().copied().filter(|it| is_other(it)).collect();
        new.iter().for_each(|chain| batch.chain(chain));
        others.iter().for_each(|chain| batch.clear(&chain.name));
        for chain in new.iter().chain(&others) {
            chain.rules.iter().for_each(|rule| batch.rule(chain, rule));
        }
        let gone: Vec<&ProgramChain> = without(&chains_before, &chains_now).collect();
        // A chain goes once nothing leads to it, and those that are gone may lead to each other.
        gone.iter().for_each(|chain| batch.clear(&chain.name));
        gone.iter().for_each(|chain| batch.delete_chain(&chain.name));
        for (name, set) in &sets_before {
            match sets_now.get(name) {
                None => batch.delete_set(name),
                Some(now) => batch.members(Kind::DeleteElements, set, now),
            }
        }
        batch.ended()
    }

    /// Members of a set that the other has not come, or go.
    fn members(&mut self, kind: Kind, set: &FamilySet, other: &FamilySet) {
        for piece in set::contents_without(set, other) {
            self.message(kind, &piece, &format!("set {}", set.name));
        }
    }

    /// Takes all rules out of a chain.
    pub(crate) fn clear(&mut self, chain: &str) {
        self.name(Kind::DeleteRule, 2, chain, "rules of chain");
    }

    pub(crate) fn delete_chain(&mut self, chain: &str) {
        self.name(Kind::DeleteChain, 3, chain, "chain");
    }

    pub(crate) fn delete_set(&mut self, set: &str) {
        self.name(Kind::DeleteSet, 2, set, "set");
    }

    /// A message that says nothing but the name of something.
    fn name(&mut self, kind: Kind, attribute: u16, name: &str, what: &str) {
        let mut attributes = Attributes::default();
        attributes.text(1, TABLE);
        attributes.text(attribute, name);
        self.message(kind, &attributes, &format!("{what} {name}"));
    }
}

type Sets<'a> = BTreeMap<&'a str, &'a FamilySet>;
type Chains<'a> = BTreeMap<&'a str, &'a ProgramChain>;

/// What is in a program, by name; without its gates if they are known to be the same.
fn contents(program: &Program, without_gates: bool) -> (Sets<'_>, Chains<'_>) {
    let gates = (!without_gates).then_some(&*program.gates);
    let parts = [Some(&program.frame), gates];
    let sets = parts.into_iter().flatten().flat_map(|part| &part.sets);
    let chains = parts.into_iter().flatten().flat_map(|part| &part.chains);
    (
        sets.map(|set| (set.name.as_str(), set)).collect(),
        chains.map(|chain| (chain.name.as_str(), chain)).collect(),
    )
}

/// The chains that are not among the others.
fn without<'a>(chains: &Chains<'a>, others: &Chains<'_>) -> impl Iterator<Item = &'a ProgramChain> {
    chains.iter().filter(|(name, _)| !others.contains_key(**name)).map(|(_, chain)| *chain)
}
