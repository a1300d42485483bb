//! What a block says about whoever has one of its addresses. Several addresses may share one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{HandleId, MemberError, members::Members};

/// An item of a block's `attributes`. It is kept as it was read.
#[derive(Clone, Debug)]
pub struct Attribute {
    text: Box<RawValue>,
    /// By which handle the address is held; empty if by none.
    pub handle: HandleId,
    /// The Pod, its namespace and its node, and for others what they are.
    pub owner: BTreeMap<String, String>,
    /// Whether it holds the owner of a virtual machine that is being moved.
    pub has_alternate_owner: bool,
    /// When the address was given back, if it is cooling down: nobody has it, and nobody gets it yet.
    pub released_at: Option<Timestamp>,
}

impl Attribute {
    pub(crate) fn read(text: Box<RawValue>) -> Result<Self, MemberError> {
        let problem =
            |error: serde_json::Error| MemberError { member: "attributes", problem: error.to_string() };
        let members = Members::deserialize(&*text).map_err(problem)?;
        let handle: Option<String> = members.get("handle_id")?;
        let alternate: Option<BTreeMap<String, String>> = members.get("alternateOwnerAttrs")?;
        Ok(Self {
            handle: HandleId::new(&handle.unwrap_or_default()),
            owner: members.get("secondary")?.unwrap_or_default(),
            has_alternate_owner: alternate.is_some_and(|alternate| !alternate.is_empty()),
            released_at: members.get("releasedAt")?,
            text,
        })
    }

    /// Of an address that was given back at a moment, in whole seconds.
    pub(crate) fn released(now: Timestamp) -> Result<Self, MemberError> {
        let mut members = Members::default();
        members.set("releasedAt", &Timestamp::from_second(now.as_second()).unwrap_or(now));
        let problem =
            |error: serde_json::Error| MemberError { member: "releasedAt", problem: error.to_string() };
        Self::read(serde_json::value::to_raw_value(&members).map_err(problem)?)
    }

    /// As it was read.
    pub(crate) fn text(&self) -> &RawValue {
        &self.text
    }

    /// The Pod that it names, by namespace and name.
    pub fn pod(&self) -> Option<(&str, &str)> {
        Some((self.owner.get("namespace")?, self.owner.get("pod")?))
    }

    /// The node that it names.
    pub fn node(&self) -> Option<&str> {
        self.owner.get("node").map(String::as_str)
    }

    /// What it is, if it says that it is no Pod.
    pub fn kind_of_holder(&self) -> Option<&str> {
        if self.owner.contains_key("vmi-name") {
            return Some("VirtualMachineInstance");
        }
        self.owner.get("type").map(String::as_str).filter(|kind| !kind.is_empty())
    }
}
