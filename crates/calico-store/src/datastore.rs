//! What a release and an audit need of a datastore, wherever it is: to read texts, and to write what is still as it was
//! read. What is in the texts is `reader.rs`'s to say.

use calico_ipam::{Location, Write};
use serde_json::value::RawValue;

use crate::StoreError;

/// A place of Calico's objects.
pub trait Datastore {
    /// In which state an object was read. It is written only if it is still in it.
    type Origin: Clone;

    /// How many handles can be changed together with a block, so that both change or neither does.
    const HANDLES_WITH_BLOCK: usize;

    /// Whether objects are deleted in two steps: those that are marked as deleted are gone, and whoever sees one makes an end
    /// of it. Elsewhere the mark means nothing.
    const DELETES_IN_TWO_STEPS: bool;

    /// An object; `None` if there is none.
    async fn get(&self, object: &Named<'_>) -> Result<Option<Entry<Self::Origin>>, StoreError>;

    /// Objects, in their order. One that cannot be read is an error of its own.
    async fn get_all(&self, locations: &[Location]) -> Result<Vec<Answer<Self::Origin>>, StoreError>;

    /// All objects of a kind, some at a time. One that is none is an error of its own.
    async fn each(
        &self,
        kind: Kind,
        visit: &mut dyn FnMut(Result<Entry<Self::Origin>, StoreError>),
    ) -> Result<(), StoreError>;

    /// Writes objects that are as they were read: all of them, or none where there are several.
    async fn write(&self, staged: &[Staged<Self::Origin>]) -> Result<(), StoreError>;

    /// What a write is called by people, a request each.
    fn requests(write: &Write) -> Vec<String>;

    /// What an object is called by people.
    fn name(object: &Named<'_>) -> String;
}

/// What there is of an object.
pub type Answer<O> = Result<Option<Entry<O>>, StoreError>;

/// An object that is read by itself.
#[derive(Clone, Copy, Debug)]
pub enum Named<'a> {
    /// A block or a handle.
    At(&'a Location),
    /// What Calico says of the cluster.
    ClusterInformation,
    /// The configuration of its IPAM.
    Config,
}

/// Objects that are read all at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Pools.
    Pools,
    /// Blocks.
    Blocks,
    /// Handles.
    Handles,
}

/// An object as it was read.
#[derive(Clone, Debug)]
pub struct Entry<O> {
    /// What it is called by people.
    pub called: String,
    /// Its name, or the last part of its key.
    pub name: String,
    /// What it specifies.
    pub text: Box<RawValue>,
    /// In which state it was read.
    pub origin: O,
}

/// A value, and in which state of its object it was read.
#[derive(Clone, Debug)]
pub struct Stored<T, O> {
    /// The value.
    pub value: T,
    /// The state.
    pub origin: O,
}

/// What is to be written if it is as it was read.
#[derive(Clone, Debug)]
pub struct Staged<O> {
    /// In which state it was read.
    pub origin: O,
    /// What becomes of it.
    pub write: Write,
}
