//! Safeguards that can be taken away from the Cleaner, one at a time, to see that the simulation notices. Those that lie
//! at its seams are taken away here; those inside it by hooks in `leak-judge` that only exist for that.

use std::time::Duration;

use cleaner::CleanerRules;
use leak_judge::mutant::Mutant as Inside;

/// What the API server lets pass, where a seam is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seam {
    /// Reads are answered from what the watches have shown.
    pub reads_are_stale: bool,
    /// Writes and deletes are done whatever they are conditional on.
    pub writes_are_unconditional: bool,
    /// Whoever asks for one of Calico's addresses has it.
    pub claims_are_believed: bool,
}

macro_rules! mutants {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A Cleaner without one of its safeguards.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mutant {
            $($(#[$doc])* $name,)*
        }

        impl Mutant {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name on the command line.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

mutants! {
    /// It does not ask who else claims an address.
    NoRivalCheck = "no-rival-check",
    /// It believes its watches, and does not read again before it writes.
    NoReread = "no-reread",
    /// It takes an address for the endpoint's however short it has seen it allocated.
    NoWindow = "no-window",
    /// It releases what has no Pod, without judging whether that proves anything.
    FreeBeforeJudgement = "free-before-judgement",
    /// It takes Pods of the same name for the same.
    NameForUid = "name-for-uid",
    /// It takes a bit for nobody's at once where no endpoint claims it.
    NoOrphanGrace = "no-orphan-grace",
    /// Its writes and deletes are conditional on nothing.
    NoPrecondition = "no-precondition",
    /// It gives an address back to Calico whoever has it by then.
    NoHandleCheck = "no-handle-check",
    /// It deletes endpoints of Calico without having given back what they have.
    NoReturn = "no-return",
}

impl Mutant {
    /// The mutant of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|mutant| mutant.text() == name)
    }

    /// What it changes about the API server.
    pub fn seam(self) -> Seam {
        Seam {
            reads_are_stale: self == Self::NoReread,
            writes_are_unconditional: self == Self::NoPrecondition,
            claims_are_believed: self == Self::NoHandleCheck,
        }
    }

    /// Takes away what is inside the Cleaner from this thread, or gives it back. Tells whether it could.
    pub fn take_away(mutant: Option<Self>) -> bool {
        let inside = match mutant {
            Some(Self::NoRivalCheck) => Some(Inside::NoRivalCheck),
            Some(Self::FreeBeforeJudgement) => Some(Inside::FreeBeforeJudgement),
            Some(Self::NameForUid) => Some(Inside::NameForUid),
            Some(Self::NoReturn) => Some(Inside::NoReturn),
            _ => None,
        };
        #[cfg(feature = "mutants")]
        leak_judge::mutant::take_away(inside);
        inside.is_none() || cfg!(feature = "mutants")
    }

    /// What it changes about the rules.
    pub fn rules(self, mut rules: CleanerRules) -> CleanerRules {
        if self == Self::NoWindow {
            rules.judge.ownership_window = Duration::ZERO;
        }
        if self == Self::NoOrphanGrace {
            rules.mend.orphan_for = Some(Duration::ZERO);
        }
        rules
    }
}
