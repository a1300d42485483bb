//! What becomes of an object of the datastore.

use crate::{BlockChange, HandleChange, members::Members};

/// A change of one object. Its precondition is that the object is still as it was read.
#[derive(Clone, Debug)]
pub enum Change {
    /// It is this.
    Put(Members),
    /// It goes. Where that takes two steps, this is put first.
    Delete(Members),
}

impl Change {
    /// What a change of a block writes; `None` if nothing.
    pub fn of_block(change: &BlockChange) -> Option<Self> {
        match change {
            BlockChange::None => None,
            BlockChange::Update(block) => Some(Self::Put(block.to_json())),
            BlockChange::Delete(block) => Some(Self::Delete(block.marked_deleted().to_json())),
        }
    }

    /// What a change of a handle writes; `None` if nothing.
    pub fn of_handle(change: &HandleChange) -> Option<Self> {
        match change {
            HandleChange::Leave(_) => None,
            HandleChange::Update(handle) => Some(Self::Put(handle.to_json())),
            HandleChange::Delete(handle) => Some(Self::Delete(handle.marked_deleted().to_json())),
        }
    }
}
