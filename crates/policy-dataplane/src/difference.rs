//! What has to be told a kernel that has one program so that it has another: members that come and go, chains whose rules are
//! others, sets and chains that are new or gone. What is alike is left alone, and keeps its counters.
//!
//! All of it is one batch, so the order is only the kernel's: what something refers to is there before it, and goes after it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, OnceLock},
};

use policy_engine::program::{FamilySet, Part, Program, ProgramChain};

use crate::{
    Protection,
    attributes::Attributes,
    batch::{Batch, Kind, TABLE},
    set,
};

/// What changes in the gates of programs: many Pods have the same, and it is found out once for all of them.
#[derive(Debug, Default)]
pub struct Changes {
    /// By where the gates are in memory.
    known: HashMap<[usize; 2], Known>,
}

/// A change, and what it is between, so that no other gets their places in memory.
#[derive(Debug)]
struct Known {
    _between: [Arc<Part>; 2],
    change: Arc<GateChange>,
}

/// What changes in gates: messages to be told before anything leads to them, and after nothing does.
#[derive(Debug, Default)]
struct GateChange {
    is_stricter: bool,
    first: Batch,
    last: Batch,
    /// All of it, where nothing changes but gates.
    alone: OnceLock<Arc<Batch>>,
}

/// Anonymous sets of gates are numbered from here on, and those of frames from one.
const SETS_OF_GATES: u32 = 1 << 24;

// === impl Changes ===

impl Changes {
    /// Whether the second program may deny what the first allows.
    pub fn is_stricter(&mut self, before: &Program, now: &Program) -> bool {
        now.leads_elsewhere_than(before) || self.of_gates(&before.gates, &now.gates).is_stricter
    }

    /// Makes the second program of the first, which the kernel has. The table stays, unless one of them has none.
    pub fn batch(&mut self, before: &Program, now: &Program, protection: Protection) -> Arc<Batch> {
        if before.is_empty() || now.is_empty() {
            let replaced = || Batch::replace(now, protection);
            return Arc::new(if before == now { Batch::default() } else { replaced() });
        }
        let gates = self.of_gates(&before.gates, &now.gates);
        let put_together = || {
            let mut batch = Batch::begun();
            batch.append(&gates.first);
            batch.come(&before.frame, &now.frame);
            batch.go(&before.frame, &now.frame);
            batch.append(&gates.last);
            Arc::new(batch.ended())
        };
        if Arc::ptr_eq(&before.frame, &now.frame) {
            // Then it is the same for all Pods with these gates.
            return Arc::clone(gates.alone.get_or_init(put_together));
        }
        put_together()
    }

    fn of_gates(&mut self, before: &Arc<Part>, now: &Arc<Part>) -> Arc<GateChange> {
        let between = [before, now].map(Arc::clone);
        let known = self.known.entry([before, now].map(|gates| Arc::as_ptr(gates).addr()));
        let new = || Known { change: Arc::new(GateChange::of(before, now)), _between: between };
        Arc::clone(&known.or_insert_with(new).change)
    }
}

// === impl GateChange ===

impl GateChange {
    fn of(before: &Arc<Part>, now: &Arc<Part>) -> Self {
        if Arc::ptr_eq(before, now) {
            return Self::default();
        }
        let (mut first, mut last) = (Batch::numbered_from(SETS_OF_GATES), Batch::default());
        first.come(before, now);
        last.go(before, now);
        Self { is_stricter: now.are_stricter_than(before), first, last, alone: OnceLock::new() }
    }
}

// === impl Batch ===

impl Batch {
    /// Makes the second program of the first, once.
    pub fn difference(before: &Program, now: &Program, protection: Protection) -> Arc<Self> {
        Changes::default().batch(before, now, protection)
    }

    /// What is there now: members, sets and chains that come, and chains whose rules are others.
    fn come(&mut self, before: &Part, now: &Part) {
        let sets = sets(before);
        for set in &now.sets {
            match sets.get(set.name.as_str()) {
                None => self.set(set),
                Some(before) => self.members(Kind::NewElements, set, before),
            }
        }
        let chains = chains(before);
        let is_new = |chain: &&ProgramChain| !chains.contains_key(chain.name.as_str());
        let is_other = |chain: &&ProgramChain| {
            chains.get(chain.name.as_str()).is_some_and(|before| before.rules != chain.rules)
        };
        now.chains.iter().filter(is_new).for_each(|chain| self.chain(chain));
        now.chains.iter().filter(is_other).for_each(|chain| self.clear(&chain.name));
        for chain in now.chains.iter().filter(|chain| is_new(chain) || is_other(chain)) {
            chain.rules.iter().for_each(|rule| self.rule(chain, rule));
        }
    }

    /// What is not there any more.
    fn go(&mut self, before: &Part, now: &Part) {
        let left = chains(now);
        let is_gone = |chain: &&ProgramChain| !left.contains_key(chain.name.as_str());
        // A chain goes once nothing leads to it, and those that are gone may lead to each other.
        before.chains.iter().filter(is_gone).for_each(|chain| self.clear(&chain.name));
        before.chains.iter().filter(is_gone).for_each(|chain| self.delete_chain(&chain.name));
        let left = sets(now);
        for set in &before.sets {
            match left.get(set.name.as_str()) {
                None => self.delete_set(&set.name),
                Some(now) => self.members(Kind::DeleteElements, set, now),
            }
        }
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

fn sets(part: &Part) -> BTreeMap<&str, &FamilySet> {
    part.sets.iter().map(|set| (set.name.as_str(), set)).collect()
}

fn chains(part: &Part) -> BTreeMap<&str, &ProgramChain> {
    part.chains.iter().map(|chain| (chain.name.as_str(), chain)).collect()
}
