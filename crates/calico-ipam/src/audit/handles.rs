//! Handles against blocks: a handle counts what it holds, and blocks say by which handle each address is held.

use std::collections::{BTreeMap, HashMap};

use ipnet::IpNet;

use super::{Audit, Finding, FindingKind};
use crate::{Handle, HandleId, Location};

/// How many addresses each handle holds in each block, by what the blocks say.
type Held<'a> = HashMap<&'a HandleId, BTreeMap<IpNet, i64>>;

impl Audit<'_> {
    pub(super) fn handles(&self) -> Vec<Finding> {
        let held = self.held();
        let nothing = BTreeMap::new();
        let mut findings = Vec::new();
        for (id, handle) in &self.handles {
            self.check_handle(id, handle, held.get(id).unwrap_or(&nothing), &mut findings);
        }
        findings
    }

    /// The blocks say for each address whose it is; those that cool down are nobody's.
    fn held(&self) -> Held<'_> {
        let mut held = Held::new();
        for (cidr, block) in &self.blocks {
            let holders = block.allocated().map(|(_, holder)| holder).filter(|it| it.released_at.is_none());
            for holder in holders.filter(|holder| !holder.handle.is_empty()) {
                *held.entry(&holder.handle).or_default().entry(*cidr).or_default() += 1;
            }
        }
        held
    }

    fn check_handle(
        &self,
        id: &HandleId,
        handle: &Handle,
        held: &BTreeMap<IpNet, i64>,
        findings: &mut Vec<Finding>,
    ) {
        let counted: BTreeMap<IpNet, i64> = handle.blocks().collect();
        let is_hidden = |cidr: &IpNet| self.is_hidden(&Location::Block(*cidr));
        if held.is_empty() {
            if !counted.keys().any(is_hidden) {
                findings.push(empty(id, &counted));
            }
            return;
        }
        let blocks = counted.keys().chain(held.keys().filter(|cidr| !counted.contains_key(cidr)));
        for cidr in blocks.filter(|cidr| !is_hidden(cidr)) {
            let count = |counts: &BTreeMap<IpNet, i64>| counts.get(cidr).copied().unwrap_or_default();
            let (counted, held) = (count(&counted), count(held));
            if counted != held {
                let detail = format!("it counts {counted} addresses in the block, which says {held}");
                let finding = Finding::new(FindingKind::HandleCount, detail);
                findings.push(Finding { handle: Some(id.clone()), block: Some(*cidr), ..finding });
            }
        }
    }
}

fn empty(id: &HandleId, counted: &BTreeMap<IpNet, i64>) -> Finding {
    let blocks: Vec<String> = counted.iter().map(|(cidr, count)| format!("{count} in {cidr}")).collect();
    let detail = match &blocks[..] {
        [] => "it counts no address, and no block names it".to_owned(),
        blocks => format!("it counts {}, and no block names it", blocks.join(", ")),
    };
    Finding { handle: Some(id.clone()), ..Finding::new(FindingKind::EmptyHandle, detail) }
}
