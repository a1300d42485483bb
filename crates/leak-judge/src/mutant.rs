//! Safeguards that can be taken away, one at a time and from one thread, to prove that the simulation notices. Without the
//! feature `mutants` none can, and nothing of this is left in a program.

/// A safeguard that is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Nobody asks who else claims an address.
    NoRivalCheck,
    /// A Pod that is not there is proof enough, at once.
    FreeBeforeJudgement,
    /// Pods of the same name are the same.
    NameForUid,
    /// What is Calico's need not be given back.
    NoReturn,
}

#[cfg(feature = "mutants")]
mod hook {
    use std::cell::Cell;

    use super::Mutant;

    thread_local! {
        static TAKEN: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Takes a safeguard away from this thread, or gives it back.
    pub fn take_away(mutant: Option<Mutant>) {
        TAKEN.set(mutant);
    }

    /// Whether this thread lacks a safeguard.
    pub(crate) fn lacks(mutant: Mutant) -> bool {
        TAKEN.get() == Some(mutant)
    }
}

#[cfg(not(feature = "mutants"))]
mod hook {
    use super::Mutant;

    /// Whether a safeguard is missing: none is.
    pub(crate) const fn lacks(_: Mutant) -> bool {
        false
    }
}

pub(crate) use hook::lacks;
#[cfg(feature = "mutants")]
pub use hook::take_away;
