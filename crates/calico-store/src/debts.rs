//! Handles that still count addresses which were given back. Where a block and a handle cannot be written in one step,
//! somebody may come in between; what is owed to a handle is not forgotten.

use std::collections::BTreeMap;

use calico_ipam::HandleId;
use ipnet::IpNet;

/// How many addresses of which blocks each handle counts too much.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Debts {
    handles: BTreeMap<HandleId, BTreeMap<IpNet, i64>>,
}

impl Debts {
    /// Whether nothing is owed.
    pub fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    /// The handles to which something is owed.
    pub fn handles(&self) -> impl Iterator<Item = (&HandleId, &BTreeMap<IpNet, i64>)> {
        self.handles.iter()
    }

    pub(crate) fn add(&mut self, block: IpNet, counts: &BTreeMap<HandleId, i64>) {
        for (handle, count) in counts {
            *self.handles.entry(handle.clone()).or_default().entry(block).or_default() += count;
        }
    }

    pub(crate) fn paid(&mut self, handle: &HandleId) {
        self.handles.remove(handle);
    }
}
