//! A handle: how many addresses somebody has, in which blocks. It follows the blocks, which say which.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::{BlockError, members::Members};

/// A handle, as it is in the `spec` of an `IPAMHandle` or in the value of its key in etcd.
#[derive(Clone, Debug)]
pub struct Handle {
    members: Members,
    blocks: BTreeMap<String, i64>,
    is_deleted: bool,
}

/// What becomes of a handle of which addresses are given back.
#[derive(Clone, Debug)]
pub enum HandleChange {
    /// It holds others.
    Update(Handle),
    /// It held no others, and goes.
    Delete(Handle),
    /// It counted less than was given back, and stays as it is: what it counts is not what blocks say.
    Leave(String),
}

impl Handle {
    /// Reads a handle.
    ///
    /// # Errors
    /// If it is not understood.
    pub fn read(text: &str) -> Result<Self, BlockError> {
        let members = Members::read(text)?;
        Ok(Self {
            blocks: members.get("block")?.unwrap_or_default(),
            is_deleted: members.get("deleted")?.unwrap_or_default(),
            members,
        })
    }

    /// As text, with everything that was read and is not understood.
    pub fn to_json(&self) -> Members {
        let mut members = self.members.clone();
        members.set("block", &self.blocks);
        members.set("deleted", &self.is_deleted);
        members
    }

    /// The blocks in which it counts addresses, and how many. Spellings that are no network are left out.
    pub fn blocks(&self) -> impl Iterator<Item = (IpNet, i64)> {
        self.blocks.iter().filter_map(|(cidr, count)| Some((cidr.parse().ok()?, *count)))
    }

    /// Whether its deletion has begun, which is how one is deleted from the Kubernetes API.
    pub fn is_deleted(&self) -> bool {
        self.is_deleted
    }

    /// The same handle with the mark of a deletion that has begun.
    #[must_use]
    pub fn marked_deleted(&self) -> Self {
        Self { is_deleted: true, ..self.clone() }
    }

    /// What becomes of it when so many of its addresses in these blocks are given back.
    #[must_use]
    pub fn without(&self, given_back: &BTreeMap<IpNet, i64>) -> HandleChange {
        let mut left = self.clone();
        let mut problem = None;
        for (cidr, count) in given_back {
            let key = cidr.to_string();
            match left.blocks.get_mut(&key) {
                Some(counted) if *counted > *count => *counted -= count,
                Some(counted) if *counted == *count => {
                    left.blocks.remove(&key);
                }
                Some(counted) => {
                    problem = Some(format!("it counts {counted} addresses in {cidr}, not {count}"))
                }
                None => problem = Some(format!("it counts no address in {cidr}")),
            }
        }
        match problem {
            Some(problem) if left.blocks == self.blocks => HandleChange::Leave(problem),
            _ if left.blocks.is_empty() => HandleChange::Delete(left),
            _ => HandleChange::Update(left),
        }
    }

    /// What becomes of it when it counts in no block more than that block says; a block that is not there holds nothing. Only
    /// for a handle that nobody takes addresses by any more: for others the count comes before the address.
    #[must_use]
    pub fn recounted(&self, held: &BTreeMap<IpNet, i64>) -> HandleChange {
        let mut left = self.clone();
        left.blocks.retain(|cidr, counted| {
            let Ok(cidr) = cidr.parse::<IpNet>() else { return true };
            *counted = (*counted).min(held.get(&cidr).copied().unwrap_or_default());
            *counted > 0
        });
        if left.blocks.is_empty() {
            HandleChange::Delete(left)
        } else if left.blocks == self.blocks {
            HandleChange::Leave("it counts what is held".to_owned())
        } else {
            HandleChange::Update(left)
        }
    }
}
