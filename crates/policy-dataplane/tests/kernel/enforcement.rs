//! Puts rulesets into a namespace as an agent does: by a table that is held from the first rules until there are none.

use std::{fs::File, os::fd::AsFd, path::Path, sync::Arc, time::Instant};

use policy_dataplane::{Changes, Found, Memory, Outcome, Protection, Table, TableOptions};
use policy_engine::{
    Ruleset,
    program::{Flows, Program, Surroundings, gates},
};

use crate::{lab::PATIENCE, namespace::Namespace};

/// What an agent holds for a namespace.
pub struct Enforcement {
    table: Option<Table>,
    changes: Changes,
    pub options: TableOptions,
    pub surroundings: Surroundings,
}

// === impl Enforcement ===

impl Enforcement {
    /// Nothing yet, for a kernel that can do everything.
    pub fn new() -> Self {
        Self::with(Memory::Labels)
    }

    /// Nothing yet, for a kernel that knows connections in this way.
    pub fn with(memory: Memory) -> Self {
        let options = TableOptions { protection: Protection::Owned, memory };
        let (changes, surroundings) = (Changes::default(), Surroundings::default());
        Self { table: None, changes, options, surroundings }
    }

    /// Has a namespace have these rules.
    pub fn put(&mut self, namespace: &Path, ruleset: &Ruleset) -> Outcome {
        if ruleset.is_empty() {
            return self.remove();
        }
        let gates = Arc::new(gates(ruleset));
        let make = |flows: Flows| Program::around(Arc::clone(&gates), ruleset, &self.surroundings, flows);
        if let Some(table) = &mut self.table {
            return table.put(&make, &mut self.changes).expect("the kernel takes it");
        }
        let place = File::open(namespace).expect("a namespace");
        let (table, outcome) =
            Table::open(place.as_fd(), self.options, &make, Found::Corrected).expect("the kernel takes it");
        self.table = Some(table);
        outcome
    }

    /// Looks whether somebody has changed the table, and makes of it what it should be. Tells whether that was so.
    pub fn mend(&mut self, ruleset: &Ruleset) -> bool {
        let gates = Arc::new(gates(ruleset));
        let make = |flows: Flows| Program::around(Arc::clone(&gates), ruleset, &self.surroundings, flows);
        self.table.as_mut().expect("there is one").mend(&make).expect("the kernel takes it")
    }

    /// Lets go of the table, as an agent that ends does, and waits until it is nobody's: a process that another test is about to start
    /// has our sockets for a moment.
    pub fn let_go(&mut self, namespace: &Namespace) {
        self.table = None;
        let begun = Instant::now();
        while namespace.run("nft", &["list", "table", "inet", "danm_policer"], "").contains("flags owner") {
            assert!(begun.elapsed() < PATIENCE, "somebody owns it still");
        }
    }

    fn remove(&mut self) -> Outcome {
        let Some(table) = self.table.take() else { return Outcome::Unchanged };
        table.remove().expect("it may");
        Outcome::Changed
    }
}
