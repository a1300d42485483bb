//! What can be asked of Calico's datastore: each is one request, and between a read and the write that follows it anything
//! may happen.

use calico_ipam::{Block, Handle, HandleId};

/// A request.
#[derive(Clone, Debug)]
pub enum DatastoreRequest {
    /// Whether it may be used.
    Condition,
    /// The block of a family.
    Block(usize),
    /// The block of a family is this, if it is still of that version.
    PutBlock(usize, Box<Stored<Block>>),
    /// A handle.
    Handle(HandleId),
    /// The handles of a container.
    HandlesOf(String),
    /// A handle is this from now on, or gone, if it is still of that version; of none if there was no such handle.
    PutHandle(HandleId, Option<u64>, Option<Box<Handle>>),
}

/// An object, and which version of it.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    /// The version.
    pub version: u64,
    /// The object.
    pub value: T,
}
