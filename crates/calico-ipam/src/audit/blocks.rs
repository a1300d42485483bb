//! Blocks against pools, against each other, and against themselves.

use std::collections::BTreeSet;

use ipnet::IpNet;
use jiff::Timestamp;

use super::{Audit, Finding, FindingKind, Part};
use crate::Block;

impl Audit<'_> {
    pub(super) fn blocks(&self) -> Vec<Finding> {
        let mut findings = self.overlaps();
        for (cidr, block) in &self.blocks {
            let problems = block.unreferenced().chain(block.released_after(self.books.now));
            findings.extend(problems.map(|problem| about(FindingKind::InvalidBlock, *cidr, problem)));
        }
        findings.extend(self.outside_pools());
        findings
    }

    /// In the order of their networks a block comes after those that it is in, and before those that are in it.
    fn overlaps(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut outer: Option<IpNet> = None;
        for cidr in self.blocks.keys() {
            match outer.filter(|outer| outer.contains(cidr)) {
                Some(outer) => {
                    let detail = format!("all its addresses are in block {outer}, too");
                    findings.push(about(FindingKind::OverlappingBlocks, *cidr, detail));
                }
                None => outer = Some(*cidr),
            }
        }
        findings
    }

    /// Nothing can be said of it where a pool could not be read.
    fn outside_pools(&self) -> Vec<Finding> {
        if self.books.unreadable.iter().any(|object| object.part == Part::Pool) {
            return Vec::new();
        }
        let pools = self.books.pools;
        let outside = self.blocks.keys().filter(|cidr| !pools.cover(**cidr));
        let finding = |cidr: &IpNet| {
            about(
                FindingKind::BlockOutsidePools,
                *cidr,
                "it is in no pool: Calico gives nothing of it any more",
            )
        };
        outside.map(finding).collect()
    }
}

// === impl Block ===

impl Block {
    fn unreferenced(&self) -> impl Iterator<Item = String> {
        let used: BTreeSet<usize> = self.allocations.iter().flatten().copied().collect();
        let unused = (0..self.attributes.len()).filter(move |index| !used.contains(index));
        unused.map(|index| format!("its attribute {index} is that of no address"))
    }

    fn released_after(&self, now: Timestamp) -> impl Iterator<Item = String> {
        let late = self.allocated().filter_map(|(address, holder)| Some((address, holder.released_at?)));
        let late = late.filter(move |(_, released_at)| *released_at > now);
        late.map(|(address, at)| format!("{address} was given back at {at}, which is yet to come"))
    }
}

fn about(kind: FindingKind, block: IpNet, detail: impl Into<String>) -> Finding {
    Finding { block: Some(block), ..Finding::new(kind, detail) }
}
