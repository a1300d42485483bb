//! The table of one network namespace: what its kernel has, and the way from there to what it is to have. Every step is one batch,
//! so that there is no moment at which a packet finds less than the rules before or the rules after. Some sets come in a batch before
//! (see `difference.rs`): nothing looks into them yet.
//!
//! Which rules a Pod has is not known here, nor whether a namespace is the Pod's.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use policy_engine::program::{Flows, Program};

use crate::{
    Batch, Changes, CommitError, Count, DeniedFlow, Memory, Protection, Snapshot, Socket, TcpConnection,
};

/// Makes a program that knows connections in this way.
pub type MakeProgram<'a> = &'a dyn Fn(Flows) -> Program;

/// What a kernel can do, and what it is asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableOptions {
    /// Who may change our table.
    pub protection: Protection,
    /// How connections are known that were allowed.
    pub memory: Memory,
}

/// The table of a namespace.
#[derive(Debug)]
pub struct Table {
    socket: Socket,
    /// Where it is, to look at the connections of its sockets.
    namespace: OwnedFd,
    options: TableOptions,
    /// What the kernel has; none while it is left as an agent before us has made it.
    program: Option<Program>,
    /// How often connections had to be judged again.
    generation: u64,
    /// The kernel's count of changes after which the table was as it should be, if that was looked at.
    intact_at: Option<u32>,
    /// Whether somebody made the table who could not protect it, and we can.
    is_makeshift: bool,
    /// Whether connections have to be asked again how they were opened.
    distrusts: bool,
}

/// What was done about a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was as it should be.
    Unchanged,
    /// It was changed by what differs.
    Changed,
    /// It was made anew.
    Replaced,
    /// It was made or changed; and the kernel could not be told how older connections were opened: those that it does not know are
    /// refused, and those that it took in the middle are judged by who spoke first.
    Unprepared,
    /// It is what an agent before us left, and not what is wanted.
    LeftAlone,
}

/// What is to become of rules that an agent before us left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// They become what is wanted.
    Corrected,
    /// They stay as they are: what is wanted is not sure yet.
    LeftAlone,
}

/// Why a table is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Rules could not be put there.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The namespace could not be entered, or its rules not be read.
    #[error("failed to read the rules of the network namespace")]
    Read(#[source] io::Error),
    /// Connections could not be prepared for being judged.
    #[error("failed to prepare the connections of the network namespace")]
    Connections(#[source] io::Error),
}

/// Half of the labels is used while the other half is made ready.
const HALF: u64 = 64;

// === impl Table ===

impl Table {
    /// Takes charge of the table of a namespace, and makes of whatever is there what should be: what an agent before us left is
    /// taken over as it is, if it is right.
    pub fn open(
        namespace: BorrowedFd<'_>,
        options: TableOptions,
        make: MakeProgram<'_>,
        found: Found,
    ) -> Result<(Self, Outcome), TableError> {
        let socket = Socket::open_at(namespace).map_err(TableError::Read)?;
        let namespace = namespace.try_clone_to_owned().map_err(TableError::Read)?;
        let program = Some(Program::default());
        let mut table = Self {
            socket,
            namespace,
            options,
            program,
            generation: 0,
            intact_at: None,
            is_makeshift: false,
            distrusts: false,
        };
        let there = table.look();
        let outcome = match &there {
            Ok(there) if !there.sees_packets() => table.begin(make)?,
            _ => table.take_over(there, make, found)?,
        };
        Ok((table, outcome))
    }

    /// Whether what the kernel has denies anything, as far as it is known.
    pub fn denies(&self) -> bool {
        self.program.as_ref().is_none_or(Program::denies)
    }

    /// What the kernel has; none while it is left as an agent before us has made it.
    pub const fn program(&self) -> Option<&Program> {
        self.program.as_ref()
    }

    /// Makes of the rules that are there what should be. On an error, those that were there are there.
    pub fn put(&mut self, make: MakeProgram<'_>, changes: &mut Changes) -> Result<Outcome, TableError> {
        let Some(before) = &self.program else { return self.correct(self.look(), make) };
        let (mut program, mut generation) = (make(self.flows()), self.generation);
        if changes.is_stricter(before, &program) {
            generation = self.next_generation().map_err(TableError::Connections)?;
            program = make(self.options.memory.flows(generation));
        }
        let [ahead, batch] = changes.batches(before, &program, self.options.protection);
        if batch.is_empty() {
            return Ok(Outcome::Unchanged);
        }
        self.distrusts |= program.isolates_more_than(before) || program.leads_elsewhere_than(before);
        let outcome = match self.commit(&ahead).and_then(|()| self.commit(&batch)) {
            Ok(()) => Outcome::Changed,
            // Whatever is in its way, nothing is in the way of a table made anew.
            Err(CommitError::Refused { .. }) => {
                self.commit(&Batch::replace(&program, self.options.protection))?;
                Outcome::Replaced
            }
            Err(error) => return Err(error.into()),
        };
        self.settle(program, generation);
        Ok(if self.distrust() { outcome } else { Outcome::Unprepared })
    }

    /// Has connections asked again how they were opened, now that something is denied where nothing was: while nothing was, anybody could
    /// make the kernel take the middle of a connection for its beginning. It is done when rules are there that refuse what begins
    /// no connection. Where each packet of an established connection passes, nobody asks. Tells whether it is done; else it is tried
    /// again when the table is looked at next.
    fn distrust(&mut self) -> bool {
        if self.distrusts && self.options.memory != Memory::Kept {
            let open = TcpConnection::all_in(self.namespace.as_fd());
            self.distrusts = open.and_then(|open| self.socket.forget_misjudged(&open)).is_err();
            return !self.distrusts;
        }
        self.distrusts = false;
        true
    }

    /// The kernel has this now.
    fn settle(&mut self, program: Program, generation: u64) {
        self.program = Some(program);
        self.generation = generation;
    }

    /// Looks whether somebody else has changed the table, and makes of it what it should be. Tells whether that was so. Where the
    /// table is ours alone nobody can, and nothing is asked.
    pub fn mend(&mut self, make: MakeProgram<'_>) -> Result<bool, TableError> {
        self.distrust();
        let (Protection::Shared, Some(program)) = (self.options.protection, &self.program) else {
            return Ok(false);
        };
        let now = self.socket.generation().map_err(TableError::Read)?;
        if self.intact_at == Some(now) {
            return Ok(false);
        }
        let found = self.look();
        if found.as_ref().is_ok_and(|found| *found == Snapshot::of(program)) {
            self.intact_at = Some(now);
            return Ok(false);
        }
        // It may have allowed anything. What somebody changes in this moment is seen at the next look.
        self.correct(found, make)?;
        Ok(true)
    }

    /// What its rules have counted.
    pub fn counts(&self) -> Result<Vec<Count>, TableError> {
        self.socket.counts().map_err(TableError::Read)
    }

    /// What its rules have denied lately.
    pub fn denied_flows(&self) -> Result<Vec<DeniedFlow>, TableError> {
        self.socket.denied_flows().map_err(TableError::Read)
    }

    /// Whether these rules may deny what those allow that are there.
    pub fn would_be_stricter(&self, make: MakeProgram<'_>, changes: &mut Changes) -> bool {
        let Some(before) = &self.program else { return true };
        changes.is_stricter(before, &make(self.flows()))
    }

    /// Takes the table away. Everything passes then, and the table is of no more use.
    pub fn remove(&self) -> Result<(), TableError> {
        Ok(self.socket.commit(&Batch::remove())?)
    }

    /// Takes the table away that an agent before us left in a namespace. Tells whether there was one.
    pub fn clean(namespace: BorrowedFd<'_>) -> Result<bool, TableError> {
        let socket = Socket::open_at(namespace).map_err(TableError::Read)?;
        let is_there = socket.has_table().map_err(TableError::Read)?;
        if is_there {
            socket.commit(&Batch::remove())?;
        }
        Ok(is_there)
    }

    /// The first rules of a namespace. Connections that are older are judged as if they were opened now, so the kernel has to know
    /// which way that was. It is told once it looks at connections by itself: those that are opened meanwhile it sees.
    ///
    /// That it cannot be told keeps no rules out: what it does not know is refused.
    fn begin(&mut self, make: MakeProgram<'_>) -> Result<Outcome, TableError> {
        self.forget_labels();
        // Whoever has made a table to which no packet comes has said nothing, and may have made it so that we cannot own it.
        self.socket.commit(&Batch::remove())?;
        match self.socket.commit(&Batch::track(self.options.protection)) {
            // A kernel without labels begins to track with the rules.
            Err(CommitError::Refused { .. }) if self.options.memory != Memory::Labels => {}
            result => result?,
        }
        let older = TcpConnection::all_in(self.namespace.as_fd());
        let is_prepared = older.and_then(|older| self.socket.remember(&older)).is_ok();
        let program = make(self.flows());
        for batch in Batch::first_of(&program, self.options.protection) {
            self.socket.commit(&batch)?;
        }
        self.program = Some(program);
        Ok(if is_prepared { Outcome::Replaced } else { Outcome::Unprepared })
    }

    /// Earlier rules than ours may have left labels. Where they cannot be cleared, none is believed.
    fn forget_labels(&mut self) {
        if self.options.memory == Memory::Labels && self.socket.clear_labels(u128::MAX).is_err() {
            self.options.memory = Memory::Nothing;
        }
    }

    fn take_over(
        &mut self,
        there: Result<Snapshot, TableError>,
        make: MakeProgram<'_>,
        found: Found,
    ) -> Result<Outcome, TableError> {
        self.is_makeshift = !self.adopt()?;
        match there.as_ref().ok().and_then(Snapshot::generation) {
            Some(generation) => self.generation = generation,
            None => self.forget_labels(),
        }
        let same = make(self.flows());
        if there.as_ref().is_ok_and(|there| *there == Snapshot::of(&same)) && !self.is_makeshift {
            self.program = Some(same);
            return Ok(Outcome::Unchanged);
        }
        // What refuses nothing protects nobody: there is nothing to keep.
        let is_kept = there.as_ref().map_or(true, Snapshot::denies) || !same.denies();
        match found {
            Found::Corrected => self.correct(there, make),
            Found::LeftAlone if !is_kept => self.correct(there, make),
            Found::LeftAlone => {
                self.program = None;
                Ok(Outcome::LeftAlone)
            }
        }
    }

    /// Makes of what is there what is wanted. It may have allowed anything. What cannot be read, or has to have an owner, is made anew.
    fn correct(
        &mut self,
        there: Result<Snapshot, TableError>,
        make: MakeProgram<'_>,
    ) -> Result<Outcome, TableError> {
        let generation = self.next_generation().map_err(TableError::Connections)?;
        let program = make(self.options.memory.flows(generation));
        let outcome = match there {
            Ok(there) if !self.is_makeshift => self.repair(&there, &program)?,
            _ => {
                self.socket.commit(&Batch::replace(&program, self.options.protection))?;
                Outcome::Replaced
            }
        };
        self.is_makeshift = false;
        self.intact_at = None;
        self.distrusts |= program.denies();
        self.settle(program, generation);
        Ok(if self.distrust() { outcome } else { Outcome::Unprepared })
    }

    /// What is there.
    fn look(&self) -> Result<Snapshot, TableError> {
        self.socket.snapshot().map_err(TableError::Read)
    }

    /// Makes a program of what was found, whoever made that.
    fn repair(&self, found: &Snapshot, program: &Program) -> Result<Outcome, TableError> {
        let protection = self.options.protection;
        let ahead = Batch::ahead_of_repair(found, program);
        let now;
        let found = if ahead.is_empty() {
            found
        } else {
            self.socket.commit(&ahead)?;
            now = self.socket.snapshot().map_err(TableError::Read)?;
            &now
        };
        let repair = Batch::repair(found, program, protection);
        match self.socket.commit(&repair) {
            Ok(()) if repair.is_empty() => Ok(Outcome::Unchanged),
            Ok(()) => Ok(Outcome::Changed),
            Err(CommitError::Refused { .. }) => {
                self.socket.commit(&Batch::replace(program, protection))?;
                Ok(Outcome::Replaced)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the table ours with all that is in it. Tells whether that is so: one that never had an owner has to be made anew.
    fn adopt(&self) -> Result<bool, TableError> {
        if self.options.protection == Protection::Shared {
            return Ok(true);
        }
        match self.socket.commit(&Batch::adopt(Protection::Owned)) {
            Ok(()) => Ok(true),
            Err(CommitError::Refused { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    const fn flows(&self) -> Flows {
        self.options.memory.flows(self.generation)
    }

    /// The generation of rules that judge connections again. The label that says that they were is not to be on any.
    fn next_generation(&self) -> io::Result<u64> {
        let next = self.generation.wrapping_add(1);
        if self.options.memory == Memory::Labels && next.is_multiple_of(HALF) {
            let half = u128::from(u64::MAX) << (u32::from(Flows::label(next)));
            self.socket.clear_labels(half)?;
        }
        Ok(next)
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), CommitError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.socket.commit(batch)?;
        // Anything else than one more is somebody else's doing.
        let expected = self.intact_at.map(|before| before.wrapping_add(1));
        self.intact_at = expected;
        Ok(())
    }
}
