//! What has to be told a kernel that has one program so that it has another: members that come and go, chains whose rules are
//! others, sets and chains that are new or gone. What is alike is left alone, and keeps its counters.
//!
//! All of it is one batch, so the order is only the kernel's: what something refers to is there before it, and goes after it.

use std::collections::{BTreeMap, BTreeSet};

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
        if before.chains.is_empty() || now.chains.is_empty() {
            return if before == now { Self::default() } else { Self::replace(now, protection) };
        }
        let (known, wanted) = (by_name(&before.sets), by_name(&now.sets));
        let chains = chains_by_name(before);
        let is_new = |chain: &&ProgramChain| !chains.contains_key(chain.name.as_str());
        let is_other =
            |chain: &&ProgramChain| chains.get(chain.name.as_str()).is_some_and(|it| it.rules != chain.rules);
        let mut batch = Self::begun();
        for set in &now.sets {
            match known.get(set.name.as_str()) {
                None => batch.set(set),
                Some(before) => batch.members(Kind::NewElements, set, before, set),
            }
        }
        now.chains.iter().filter(is_new).for_each(|chain| batch.chain(chain));
        for chain in now.chains.iter().filter(is_other) {
            batch.clear(chain);
        }
        for chain in now.chains.iter().filter(|chain| is_new(chain) || is_other(chain)) {
            chain.rules.iter().for_each(|rule| batch.rule(chain, rule));
        }
        let left: BTreeSet<&str> = now.chains.iter().map(|chain| chain.name.as_str()).collect();
        let gone: Vec<&ProgramChain> =
            before.chains.iter().filter(|chain| !left.contains(chain.name.as_str())).collect();
        // A chain goes once nothing leads to it, and those that are gone may lead to each other.
        gone.iter().for_each(|chain| batch.clear(chain));
        gone.iter().for_each(|chain| batch.delete_chain(chain));
        for set in &before.sets {
            match wanted.get(set.name.as_str()) {
                None => batch.delete_set(set),
                Some(now) => batch.members(Kind::DeleteElements, set, now, set),
            }
        }
        batch.ended()
    }

    /// Members of `set` that `other` has not come, or go.
    fn members(&mut self, kind: Kind, set: &FamilySet, other: &FamilySet, of: &FamilySet) {
        for piece in set::contents_without(of, other) {
            self.message(kind, &piece, &format!("set {}", set.name));
        }
    }

    /// Takes all rules out of a chain.
    fn clear(&mut self, chain: &ProgramChain) {
        let mut attributes = Attributes::default();
        attributes.text(1, TABLE);
        attributes.text(2, &chain.name);
        self.message(Kind::DeleteRule, &attributes, &format!("rules of chain {}", chain.name));
    }

    fn delete_chain(&mut self, chain: &ProgramChain) {
        let mut attributes = Attributes::default();
        attributes.text(1, TABLE);
        attributes.text(3, &chain.name);
        self.message(Kind::DeleteChain, &attributes, &format!("chain {}", chain.name));
    }

    fn delete_set(&mut self, set: &FamilySet) {
        let mut attributes = Attributes::default();
        attributes.text(1, TABLE);
        attributes.text(2, &set.name);
        self.message(Kind::DeleteSet, &attributes, &format!("set {}", set.name));
    }
}

fn by_name(sets: &[FamilySet]) -> BTreeMap<&str, &FamilySet> {
    sets.iter().map(|set| (set.name.as_str(), set)).collect()
}

fn chains_by_name(program: &Program) -> BTreeMap<&str, &ProgramChain> {
    program.chains.iter().map(|chain| (chain.name.as_str(), chain)).collect()
}
