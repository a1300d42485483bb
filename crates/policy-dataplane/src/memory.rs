//! How a kernel knows the connections that rules have allowed, and what it can do for that. What the rules are is `policy-engine`'s.

use policy_engine::program::{Action, Flows};
use rustix::io::Errno;

use crate::{
    Batch, CommitError, Protection, Socket, attributes::Attributes, batch::Kind, expression::Expressions,
    ownership::SCRATCH,
};

/// How connections are known that were allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// By labels, and judged again when rules become stricter.
    Labels,
    /// By having been answered: they go on as long as they last.
    Kept,
    /// Not at all: each packet is judged. For kernels without labels.
    Nothing,
}

// === impl Memory ===

impl Memory {
    /// Labels if the kernel has them, otherwise nothing. It is the same in all namespaces.
    pub fn probe(socket: &Socket) -> Result<Self, CommitError> {
        let mut batch = Batch::begun();
        batch.no_table(SCRATCH);
        batch.table(SCRATCH, Protection::Shared);
        let mut chain = Attributes::default();
        chain.text(1, SCRATCH);
        chain.text(3, SCRATCH);
        batch.message(Kind::NewChain, &chain, "chain of the probe");
        let mut expressions = Expressions::default();
        expressions.action(&Action::Label(0));
        let mut rule = Attributes::default();
        rule.text(1, SCRATCH);
        rule.text(2, SCRATCH);
        rule.raw(4 | (1 << 15), expressions.list.bytes());
        batch.message(Kind::NewRule, &rule, "rule of the probe");
        batch.no_table(SCRATCH);
        Self::of_probe(socket.commit(&batch.ended()))
    }

    fn of_probe(probe: Result<(), CommitError>) -> Result<Self, CommitError> {
        match probe {
            Ok(()) => Ok(Self::Labels),
            // The kernel has no connection tracking to speak of, or was built without labels.
            Err(CommitError::Refused { source, .. })
                if matches!(
                    Errno::from_io_error(&source),
                    Some(Errno::OPNOTSUPP | Errno::NOENT | Errno::INVAL)
                ) =>
            {
                Ok(Self::Nothing)
            }
            Err(error) => Err(error),
        }
    }

    /// How rules of this generation know connections.
    pub(crate) const fn flows(self, generation: u64) -> Flows {
        match self {
            Self::Labels => Flows::Labelled(generation),
            Self::Kept => Flows::Kept,
            Self::Nothing => Flows::Unknown,
        }
    }
}
