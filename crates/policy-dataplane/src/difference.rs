//! What has to be told a kernel that has one program so that it has another: members that come and go, chains whose rules are
//! others, sets and chains that are new or gone. What is alike is left alone, and keeps its counters.
//!
//! All of it is one batch, so the order is only the kernel's: what something refers to is there before it, and goes after it. But
//! there are kernels in which a set of ranges that is new is empty for a moment when its batch is there already: whoever was let in
//! and is let in by such a set would be rejected. So sets of ranges may come in a batch before, while nothing looks into them.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::{Arc, OnceLock},
};

use policy_engine::{
    program::{FamilySet, Part, Program, ProgramChain},
    set::Members,
};

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

/// What changes in gates: sets of ranges that are new, and messages to be told before anything leads to them, and after nothing does.
#[derive(Debug, Default)]
struct GateChange {
    is_stricter: bool,
    ahead: Batch,
    first: Batch,
    last: Batch,
    /// All of it, where nothing changes but gates.
    alone: OnceLock<[Arc<Batch>; 2]>,
}

/// Anonymous sets of gates are numbered from here on, and those of frames from one.
const SETS_OF_GATES: u32 = 1 << 24;

// === impl Changes ===

impl Changes {
    /// Whether the second program may deny what the first allows.
    pub fn is_stricter(&mut self, before: &Program, now: &Program) -> bool {
        now.leads_elsewhere_than(before) || self.of_gates(&before.gates, &now.gates).is_stricter
    }

    /// Makes the second program of the first, which the kernel has, by one batch after the other: the first of them brings sets into
    /// which nothing looks yet. The table stays, unless one of the programs has none.
    pub fn batches(&mut self, before: &Program, now: &Program, protection: Protection) -> [Arc<Batch>; 2] {
        if before.is_empty() || now.is_empty() {
            let replaced = || Batch::replace(now, protection);
            let batch = if before == now { Batch::default() } else { replaced() };
            return [Batch::default(), batch].map(Arc::new);
        }
        let gates = self.of_gates(&before.gates, &now.gates);
        let put_together = || {
            let frame = Batch::of_frame(before, now);
            let parts = Batch::of_parts(&[&gates.first, &frame, &gates.last]);
            [Batch::of_parts(&[&gates.ahead]), parts].map(Arc::new)
        };
        if Arc::ptr_eq(&before.frame, &now.frame) {
            // Then they are the same for all Pods with these gates.
            return gates.alone.get_or_init(put_together).each_ref().map(Arc::clone);
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
        let prepared = prepared(before, now);
        let (mut ahead, mut last) = (Batch::default(), Batch::default());
        let mut first = Batch::numbered_from(SETS_OF_GATES);
        ahead.come(before, &prepared);
        first.come(&prepared, now);
        last.go(&prepared, now);
        Self { is_stricter: now.are_stricter_than(before), ahead, first, last, alone: OnceLock::new() }
    }
}

// === impl Batch ===

impl Batch {
    /// Makes the second program of the first by one batch.
    pub fn difference(before: &Program, now: &Program, protection: Protection) -> Self {
        if before.is_empty() || now.is_empty() {
            return if before == now { Self::default() } else { Self::replace(now, protection) };
        }
        let gates = GateChange::of(&before.gates, &now.gates);
        Self::of_parts(&[&gates.ahead, &gates.first, &Self::of_frame(before, now), &gates.last])
    }

    /// The first rules of a namespace, by two batches like any others. Its connections are tracked already, or from now on.
    pub(crate) fn first_of(program: &Program, protection: Protection) -> [Self; 2] {
        if program.is_empty() {
            return [Self::remove(), Self::default()];
        }
        // What is in the frame and what is in the gates lead to each other.
        let whole =
            Part { sets: program.sets().cloned().collect(), chains: program.chains().cloned().collect() };
        let nothing = Part::default();
        let prepared = prepared(&nothing, &whole);
        let (mut first, mut second) = (Self::begun(), Self::begun());
        first.table(TABLE, protection);
        first.come(&nothing, &prepared);
        second.come(&prepared, &whole);
        second.no_tracking();
        [first.ended(), second.ended()]
    }

    fn of_frame(before: &Program, now: &Program) -> Self {
        let mut batch = Self::default();
        batch.come(&before.frame, &now.frame);
        batch.go(&before.frame, &now.frame);
        batch
    }

    fn of_parts(parts: &[&Self]) -> Self {
        let mut batch = Self::begun();
        parts.iter().for_each(|part| batch.append(part));
        batch.ended()
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

/// Gates that have the sets of ranges of others, too.
fn prepared<'a>(before: &'a Part, now: &Part) -> Cow<'a, Part> {
    let there = sets(before);
    let is_new = |set: &&FamilySet| {
        matches!(*set.members, Members::Ranges(..)) && !there.contains_key(set.name.as_str())
    };
    let mut prepared = Cow::Borrowed(before);
    for set in now.sets.iter().filter(is_new) {
        prepared.to_mut().sets.push(set.clone());
    }
    prepared
}

fn sets(part: &Part) -> BTreeMap<&str, &FamilySet> {
    part.sets.iter().map(|set| (set.name.as_str(), set)).collect()
}

fn chains(part: &Part) -> BTreeMap<&str, &ProgramChain> {
    part.chains.iter().map(|chain| (chain.name.as_str(), chain)).collect()
}
