//! How a datastore fails, as far as it makes a difference to what to do next.

use std::fmt;

/// A request that failed, and about which object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{object}: {failure}")]
pub struct StoreError {
    /// The object, such as `IPAMBlock 10-0-0-0-26`.
    pub object: String,
    /// What came of it.
    pub failure: Failure,
}

/// How.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The datastore is locked: Calico moves it, and nothing is to be changed meanwhile.
    Locked,
    /// There is no datastore of Calico's at all; why that is thought, and what to do if there should be one.
    Absent(String),
    /// The object was changed since it was read.
    Conflict,
    /// There is no such object.
    NotFound,
    /// The object cannot be worked with.
    Unusable(String),
    /// The request was refused, or nobody knows what came of it.
    Failed(String),
}

impl StoreError {
    /// An error about an object.
    pub fn new(object: impl Into<String>, failure: Failure) -> Self {
        Self { object: object.into(), failure }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked => f.write_str("the datastore is locked (datastoreReady is false): unlock it first"),
            Self::Conflict => f.write_str("it was changed again and again meanwhile"),
            Self::NotFound => f.write_str("there is no such object"),
            Self::Absent(reason) | Self::Unusable(reason) | Self::Failed(reason) => f.write_str(reason),
        }
    }
}
