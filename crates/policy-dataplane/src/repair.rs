//! What has to be told a kernel that has something in our table, whoever put it there, so that it has a program: after a restart,
//! and after somebody changed it. What is alike is left alone. Where a program was there that is known, `difference.rs` is quicker.

use std::collections::BTreeMap;

use policy_engine::{
    program::{FamilySet, Program, ProgramChain},
    set::Members,
};

use crate::{
    Protection, Snapshot,
    batch::{Batch, Kind},
    set,
    snapshot::Member,
};

impl Batch {
    /// What is to be there before a program is made of what was found: sets of ranges that are missing, into which nothing looks yet
    /// (see `difference.rs`).
    pub(crate) fn ahead_of_repair(found: &Snapshot, wanted: &Program) -> Self {
        let is_missing = |set: &&FamilySet| {
            matches!(*set.members, Members::Ranges(..)) && !found.sets().contains_key(&set.name)
        };
        let mut batch = Self::begun();
        wanted.sets().filter(is_missing).for_each(|set| batch.set(set));
        batch.ended()
    }

    /// Makes a program of what was found.
    pub fn repair(found: &Snapshot, wanted: &Program, protection: Protection) -> Self {
        let meant = Snapshot::of(wanted);
        if *found == meant {
            return Self::default();
        }
        if found.is_empty() || wanted.is_empty() || !found.can_become(&meant) {
            return Self::replace(wanted, protection);
        }
        let mut batch = Self::begun();
        let sets: BTreeMap<&str, &FamilySet> = wanted.sets().map(|set| (set.name.as_str(), set)).collect();
        for (name, set) in &sets {
            match (found.sets().get(*name), meant.sets().get(*name)) {
                (None, _) => batch.set(set),
                (Some(found), Some(meant)) => {
                    batch.raw_members(Kind::NewElements, name, meant.members.difference(&found.members));
                }
                (Some(_), None) => {}
            }
        }
        batch.mend_chains(found, &meant, wanted);
        for (name, found) in found.sets() {
            match meant.sets().get(name) {
                None => batch.delete_set(name),
                Some(meant) => {
                    batch.raw_members(Kind::DeleteElements, name, found.members.difference(&meant.members));
                }
            }
        }
        batch.ended()
    }

    fn mend_chains(&mut self, found: &Snapshot, meant: &Snapshot, wanted: &Program) {
        let is_missing = |chain: &&ProgramChain| !found.chains().contains_key(&chain.name);
        let is_other =
            |chain: &&ProgramChain| found.chains().get(&chain.name) != meant.chains().get(&chain.name);
        wanted.chains().filter(is_missing).for_each(|chain| self.chain(chain));
        let others: Vec<&ProgramChain> = wanted.chains().filter(is_other).collect();
        others.iter().filter(|chain| !is_missing(chain)).for_each(|chain| self.clear(&chain.name));
        for chain in others {
            chain.rules.iter().for_each(|rule| self.rule(chain, rule));
        }
        let gone: Vec<&String> =
            found.chains().keys().filter(|name| !meant.chains().contains_key(*name)).collect();
        gone.iter().for_each(|name| self.clear(name));
        gone.iter().for_each(|name| self.delete_chain(name));
    }

    fn raw_members<'a>(&mut self, kind: Kind, set: &str, members: impl Iterator<Item = &'a Member>) {
        let keys = members.map(|member| (member.key.clone(), member.ends_range));
        for piece in set::raw_contents(set, keys) {
            self.message(kind, &piece, &format!("set {set}"));
        }
    }
}
