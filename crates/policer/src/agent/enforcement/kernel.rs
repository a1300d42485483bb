//! The node as the worker sees it: whose network namespaces there are, and tables in them. The real one is `policy-dataplane`'s; tests
//! have one without a kernel.

use std::{
    collections::BTreeSet,
    os::fd::AsFd,
    sync::{OnceLock, mpsc},
    time::Duration,
};

use policy_dataplane::{
    Changes, Claim, Count, DeniedFlow, Found, MakeProgram, Memory, Netns, Node, Outcome, Process, Protection,
    ReferenceRules, Residents, Socket, Table, TableOptions, interfaces_in,
};

use crate::cli::{AgentArgs, Established};

/// What the worker needs of a node. Errors are told in words.
pub(in crate::agent) trait Kernel {
    /// A table in a namespace.
    type Table: PodTable;

    /// Looks at a path that an endpoint names.
    fn claim(&self, path: &str) -> Claim;

    /// Looks at all processes.
    fn residents(&self) -> Result<Residents, String>;

    /// Whether a process is where it was, and whose it was.
    fn is_still(&self, process: &Process) -> bool;

    /// For how long a process has run, if that can be told.
    fn age(&self, process: &Process) -> Option<Duration>;

    /// The interfaces that there are in a process's namespace.
    fn interfaces(&self, process: &Process) -> Result<BTreeSet<String>, String>;

    /// Takes charge of the table in a process's namespace, and makes it what it should be.
    fn open(
        &self,
        process: &Process,
        make: MakeProgram<'_>,
        found: Found,
    ) -> Result<(Self::Table, Outcome), String>;

    /// Takes away a table that an agent before us left in a process's namespace. Tells whether there was one.
    fn clean(&self, process: &Process) -> Result<bool, String>;

    /// What there is of rules of the reference Policer in a process's namespace.
    fn reference_rules(&self, process: &Process) -> Result<ReferenceRules, String>;

    /// Takes them away. What only may be of it stays.
    fn remove_reference_rules(&self, process: &Process) -> Result<(), String>;
}

/// A table in a namespace.
pub(in crate::agent) trait PodTable: Send + 'static {
    /// Whether these rules may deny what is allowed now.
    fn is_stricter(&self, make: MakeProgram<'_>, changes: &mut Changes) -> bool;

    /// Makes the rules that are there what they should be, unless an agent before us left them and they are to stay.
    fn put(&mut self, make: MakeProgram<'_>, changes: &mut Changes, found: Found) -> Result<Outcome, String>;

    /// Whether the rules that are there deny anything, as far as it is known.
    fn denies(&self) -> bool;

    /// Makes of what somebody else has changed what it should be. Tells whether that was so.
    fn mend(&mut self, make: MakeProgram<'_>) -> Result<bool, String>;

    /// What its rules have counted.
    fn counts(&self) -> Result<Vec<Count>, String>;

    /// What its rules have denied lately.
    fn denied_flows(&self) -> Result<Vec<DeniedFlow>, String>;

    /// Takes the table away.
    fn remove(&self) -> Result<(), String>;
}

/// The kernel of this machine.
#[derive(Debug)]
pub(in crate::agent) struct Linux {
    node: Node,
    /// Whether connections are judged again when rules become stricter.
    rechecks: bool,
    /// Whether tables get an owner where the kernel knows such.
    may_own: bool,
    /// What the kernel can do: asked once, in the first namespace that is entered.
    options: OnceLock<TableOptions>,
    /// Takes sockets that are to be closed: that may take a while.
    closer: mpsc::Sender<Socket>,
}

// === impl Linux ===

impl Linux {
    /// The node that its agent was told of.
    pub(in crate::agent) fn new(args: &AgentArgs) -> anyhow::Result<Self> {
        Ok(Self {
            node: Node::open(args.place.proc.clone(), args.place.roots())?,
            rechecks: args.exceptions.established == Established::Recheck,
            may_own: !args.without_owned_tables,
            options: OnceLock::new(),
            closer: closer(),
        })
    }

    fn close(&self, socket: Socket) {
        // Nobody takes it if this is the end, and then it is closed here.
        let _ = self.closer.send(socket);
    }

    fn enter(&self, process: &Process) -> Result<Netns, String> {
        self.node.enter(process).map_err(|error| words(&error))
    }

    fn options(&self, netns: &Netns) -> Result<TableOptions, String> {
        if let Some(options) = self.options.get() {
            return Ok(*options);
        }
        let socket = Socket::open_at(netns.as_fd()).map_err(|error| words(&error))?;
        let protection = if self.may_own {
            Protection::probe(&socket).map_err(|error| words(&error))?
        } else {
            Protection::Shared
        };
        let memory =
            if self.rechecks { Memory::probe(&socket).map_err(|error| words(&error))? } else { Memory::Kept };
        tracing::info!(?protection, ?memory, "the kernel was asked what it can do");
        Ok(*self.options.get_or_init(|| TableOptions { protection, memory }))
    }
}

impl Kernel for Linux {
    type Table = Table;

    fn claim(&self, path: &str) -> Claim {
        self.node.claim(path)
    }

    fn residents(&self) -> Result<Residents, String> {
        self.node.residents().map_err(|error| words(&error))
    }

    fn is_still(&self, process: &Process) -> bool {
        self.node.is_still(process)
    }

    fn age(&self, process: &Process) -> Option<Duration> {
        self.node.age(process)
    }

    fn interfaces(&self, process: &Process) -> Result<BTreeSet<String>, String> {
        let netns = self.enter(process)?;
        interfaces_in(netns.as_fd()).map_err(|error| words(&error))
    }

    fn open(
        &self,
        process: &Process,
        make: MakeProgram<'_>,
        found: Found,
    ) -> Result<(Table, Outcome), String> {
        let netns = self.enter(process)?;
        let options = self.options(&netns)?;
        Table::open(netns.as_fd(), options, make, found).map_err(|error| words(&error))
    }

    fn clean(&self, process: &Process) -> Result<bool, String> {
        let netns = self.enter(process)?;
        Table::clean(netns.as_fd()).map_err(|error| words(&error))
    }

    fn reference_rules(&self, process: &Process) -> Result<ReferenceRules, String> {
        let netns = self.enter(process)?;
        let (rules, socket) = ReferenceRules::look(netns.as_fd()).map_err(|error| words(&error))?;
        self.close(socket);
        Ok(rules)
    }

    fn remove_reference_rules(&self, process: &Process) -> Result<(), String> {
        let netns = self.enter(process)?;
        let (_, socket) = ReferenceRules::take_away(netns.as_fd()).map_err(|error| words(&error))?;
        self.close(socket);
        Ok(())
    }
}

impl PodTable for Table {
    fn is_stricter(&self, make: MakeProgram<'_>, changes: &mut Changes) -> bool {
        self.would_be_stricter(make, changes)
    }

    fn put(&mut self, make: MakeProgram<'_>, changes: &mut Changes, found: Found) -> Result<Outcome, String> {
        if found == Found::LeftAlone && self.program().is_none() {
            return Ok(Outcome::LeftAlone);
        }
        self.put(make, changes).map_err(|error| words(&error))
    }

    fn denies(&self) -> bool {
        self.denies()
    }

    fn mend(&mut self, make: MakeProgram<'_>) -> Result<bool, String> {
        self.mend(make).map_err(|error| words(&error))
    }

    fn counts(&self) -> Result<Vec<Count>, String> {
        self.counts().map_err(|error| words(&error))
    }

    fn denied_flows(&self) -> Result<Vec<DeniedFlow>, String> {
        self.denied_flows().map_err(|error| words(&error))
    }

    fn remove(&self) -> Result<(), String> {
        self.remove().map_err(|error| words(&error))
    }
}

/// Closes what it is sent. To close a socket after a deletion waits for the kernel to have forgotten what was deleted.
pub(super) fn closer<T: Send + 'static>() -> mpsc::Sender<T> {
    let (closer, closed) = mpsc::channel::<T>();
    std::thread::spawn(move || closed.into_iter().for_each(drop));
    closer
}

/// An error with all that led to it.
fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}
