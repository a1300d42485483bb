//! The networks of both groups.

use std::{collections::BTreeMap, fmt};

use hashbrown::HashSet;

use danm_api::{ApiGroup, NetworkKind, NetworkRef};
use danm_ipam::{BitIndex, Family};

use super::{NetworkRecord, Version};
use crate::Moment;

/// A network object: what identifies the network, and the group the object is in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkId {
    /// The group.
    pub group: ApiGroup,
    /// The network.
    pub network: NetworkRef,
}

/// All network objects.
#[derive(Debug, Default)]
pub struct Networks {
    by_id: BTreeMap<NetworkId, NetworkRecord>,
    /// Of the kinds that are being listed anew, the networks not seen again yet.
    stale: HashSet<NetworkId>,
    /// Whether any ever said how its endpoints are to be treated.
    has_said: bool,
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NetworkRef { kind, namespace, name } = &self.network;
        match &**namespace {
            "" => write!(f, "{kind}.{} {name}", self.group),
            namespace => write!(f, "{kind}.{} {namespace}/{name}", self.group),
        }
    }
}

impl Networks {
    /// A network object.
    pub fn get(&self, id: &NetworkId) -> Option<&NetworkRecord> {
        self.by_id.get(id)
    }

    /// Whether none has said how its endpoints are to be treated.
    pub const fn are_silent(&self) -> bool {
        !self.has_said
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&NetworkId, &NetworkRecord)> {
        self.by_id.iter()
    }

    /// Takes in a network, as one of a complete list or alone.
    pub(super) fn apply(&mut self, id: NetworkId, mut network: NetworkRecord, is_listed: bool, now: Moment) {
        self.has_said |= network.treatment.is_some();
        let listed_again = is_listed && self.stale.remove(&id);
        if let Some(before) = self.by_id.get(&id).filter(|before| before.uid == network.uid) {
            if listed_again {
                // A list after a gap: nobody saw what happened in between.
            } else if network.version < before.version {
                return;
            } else {
                network.continue_from(before, now);
            }
        }
        self.by_id.insert(id, network);
    }

    /// Bits of a network that we have set by the write that made a version.
    pub(super) fn restored(&mut self, id: &NetworkId, bits: &[(Family, BitIndex)], version: Version) {
        if let Some(network) = self.by_id.get_mut(id) {
            network.restored(bits, version);
        }
    }

    pub(super) fn remove(&mut self, id: &NetworkId) {
        self.by_id.remove(id);
    }

    /// Before all networks of a kind are applied anew.
    pub(super) fn begin_list(&mut self, group: ApiGroup, kind: NetworkKind) {
        let of_kind = |id: &&NetworkId| id.group == group && id.network.kind == kind;
        self.stale.extend(self.by_id.keys().filter(of_kind).cloned());
    }

    /// Removes the networks that were not among all.
    pub(super) fn end_list(&mut self, group: ApiGroup, kind: NetworkKind) {
        let of_kind = |id: &NetworkId| id.group == group && id.network.kind == kind;
        for id in self.stale.extract_if(of_kind) {
            self.by_id.remove(&id);
        }
    }
}
