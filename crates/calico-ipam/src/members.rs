//! A JSON object of which only some members are understood. The others are kept letter by letter: Calico adds members from
//! version to version, and whoever drops one loses an address for ever.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use crate::BlockError;

/// The members of an object by their names.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Members(BTreeMap<String, Box<RawValue>>);

/// A member that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its {member} cannot be understood: {problem}")]
pub struct MemberError {
    /// The name of the member.
    pub member: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl Members {
    /// Reads an object.
    ///
    /// # Errors
    /// If the text is none.
    pub fn read(text: &str) -> Result<Self, BlockError> {
        serde_json::from_str(text).map_err(|error| BlockError::Unreadable(error.to_string()))
    }

    /// A member; `None` if it is absent or null.
    ///
    /// # Errors
    /// If it is not what it should be.
    pub fn get<T: DeserializeOwned>(&self, member: &'static str) -> Result<Option<T>, MemberError> {
        let Some(text) = self.0.get(member) else { return Ok(None) };
        serde_json::from_str(text.get()).map_err(|error| MemberError { member, problem: error.to_string() })
    }

    /// A member that has to be there.
    ///
    /// # Errors
    /// If it is not, or is not what it should be.
    pub fn require<T: DeserializeOwned>(&self, member: &'static str) -> Result<T, MemberError> {
        let missing = || MemberError { member, problem: "it is missing".to_owned() };
        self.get(member)?.ok_or_else(missing)
    }

    /// Sets a member. What cannot be written as JSON is left as it was, and there is nothing of that kind here: all keys
    /// are texts, all numbers whole.
    pub fn set<T: Serialize + ?Sized>(&mut self, member: &str, value: &T) {
        if let Ok(text) = to_raw_value(value) {
            self.0.insert(member.to_owned(), text);
        }
    }
}
