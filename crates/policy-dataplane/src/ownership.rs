//! Whose the table is. Root in a Pod may change any rule there, unless the table has an owner: then only the socket that made it or
//! took it over may. With `persist` it outlives its owner, and is anybody's until the next one takes it over.
//!
//! Kernels before 6.9 have no such tables that stay. There the table is anybody's, and whoever wants to know whether it was changed
//! has to look (see `dump.rs`).

use rustix::io::Errno;

use crate::{
    Batch, CommitError, Socket,
    attributes::Attributes,
    batch::{Kind, TABLE},
};

/// `NFT_TABLE_F_OWNER` and `NFT_TABLE_F_PERSIST`.
const OWNED: u32 = 2 | 4;

/// A table that is never there after a batch.
pub const SCRATCH: &str = "danm_policer_probe";

/// Who may change our table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// The socket that made it or took it over. It stays when that is closed.
    Owned,
    /// Anybody with the right to change rules in the namespace.
    Shared,
}

// === impl Protection ===

impl Protection {
    /// What the kernel can do. It is the same in all namespaces: best asked once, in one where no tenant is.
    pub fn probe(socket: &Socket) -> Result<Self, CommitError> {
        let mut batch = Batch::begun();
        // Whatever somebody has made under this name says nothing about the kernel.
        batch.no_table(SCRATCH);
        batch.table(SCRATCH, Self::Owned);
        batch.no_table(SCRATCH);
        Self::of_probe(socket.commit(&batch.ended()))
    }

    fn of_probe(probe: Result<(), CommitError>) -> Result<Self, CommitError> {
        match probe {
            Ok(()) => Ok(Self::Owned),
            Err(CommitError::Refused { source, .. })
                if matches!(Errno::from_io_error(&source), Some(Errno::OPNOTSUPP | Errno::INVAL)) =>
            {
                Ok(Self::Shared)
            }
            Err(error) => Err(error),
        }
    }
}

// === impl Batch ===

impl Batch {
    /// Takes over a table whose owner has gone, with all that is in it. If there is none, there is an empty one then.
    ///
    /// The kernel refuses it while another owner is there, and if the table has never had one: such a table has to be replaced.
    pub fn adopt(protection: Protection) -> Self {
        let mut batch = Self::begun();
        batch.table(TABLE, protection);
        batch.ended()
    }

    /// Takes our table away, if there is one.
    pub fn remove() -> Self {
        let mut batch = Self::begun();
        batch.no_table(TABLE);
        batch.ended()
    }

    pub(crate) fn table(&mut self, name: &str, protection: Protection) {
        let mut table = Attributes::default();
        table.text(1, name);
        if protection == Protection::Owned {
            table.u32(2, OWNED);
        }
        self.message(Kind::NewTable, &table, &format!("table {name}"));
    }

    /// A table has to be there to be deleted, and kernels before 6.3 have no word for "if it is there".
    pub(crate) fn no_table(&mut self, name: &str) {
        self.table(name, Protection::Shared);
        let mut table = Attributes::default();
        table.text(1, name);
        self.message(Kind::DeleteTable, &table, &format!("table {name}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_kernel_that_does_not_know_the_flags_is_told_from_one_that_refuses_for_another_reason() {
        let of = |errno: Errno| {
            let source = io::Error::from(errno);
            Protection::of_probe(Err(CommitError::Refused { about: "table".to_owned(), source })).ok()
        };
        assert_eq!(of(Errno::OPNOTSUPP), Some(Protection::Shared));
        assert_eq!(of(Errno::INVAL), Some(Protection::Shared));
        assert_eq!(of(Errno::NOMEM), None);
        assert_eq!(Protection::of_probe(Err(CommitError::Owned)).ok(), None);
        assert_eq!(Protection::of_probe(Ok(())).ok(), Some(Protection::Owned));
    }
}
